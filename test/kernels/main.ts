import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { debianKernel, type KernelTree } from '../kernel/debian-kernel.ts';
import { withRows } from './results.ts';
import { setUpKernel } from './setup.ts';
import { KERNELS, kernelSpec } from './table.ts';

/**
 * Runs the suites on every kernel of the table, or on those that are named, one after the other, and writes down in
 * docs/kernels.md what ran. Where suites are named, too, only those run. `setup NAME...` fetches or builds kernels and
 * runs nothing.
 */
const CHECKOUT = join(import.meta.dirname, '../..');
/** The kernels that there is a tool for which makes a patch from a diff. */
const DIFF_KERNELS = ['debian-12', 'minimal-amd64'];
const DOCUMENT = join(CHECKOUT, 'docs/kernels.md');
/** Beside `demo`, files of test/kernel; in the order of the table's columns. */
const SUITES = ['demo', 'rig', 'live', 'chain', 'reboot', 'enforcement', 'diff'] as const;
type Suite = (typeof SUITES)[number];

const words = process.argv.slice(2);
const isSetup = words[0] === 'setup';
const isSuite = (word: string): word is Suite => (SUITES as readonly string[]).includes(word);
const suites = words.some(isSuite) ? words.filter(isSuite) : SUITES;
const named = words.filter((word, index) => !isSuite(word) && !(isSetup && index === 0));
const names = named.length > 0 ? named : Object.keys(KERNELS);
names.forEach(kernelSpec);

for (const name of names) await setUpKernel(name);
if (!isSetup) {
  // The suites run the built command.
  await execa({ cwd: CHECKOUT, stdio: 'inherit' })`npm run --silent build`;
  for (const name of names) await runOn(name);
}

async function runOn(name: string): Promise<void> {
  process.env.LIVEPATCH_KERNEL = name;
  const kernel = debianKernel();
  for (const suite of suites) {
    const result = suite === 'demo' ? await demo() : await run(suite, kernel);
    const cells = SUITES.map((each) => (each === suite ? result : undefined));
    const row = [`\`${name}\``, kernel.release, kernel.architecture, ...cells];
    // After each, so that a run that is ended has not been for nothing.
    await writeFile(DOCUMENT, withRows(await readFile(DOCUMENT, 'utf8'), [row]));
    if (result.startsWith('**')) process.exitCode = 1;
  }
}

async function demo(): Promise<string> {
  const began = performance.now();
  const { exitCode } = await execa({
    cwd: CHECKOUT,
    stdio: 'inherit',
    reject: false,
  })`node test/kernel/demo.ts`;
  return cell(exitCode === 0 ? 'passed' : '**failed**', began);
}

/** By a process of its own, with a report to count from. */
async function run(suite: Suite, kernel: KernelTree): Promise<string> {
  // Enforcement takes keys of ours in the kernel's keyrings, and only UEFI brings them there.
  if (suite === 'enforcement' && !kernel.hardware.uefi) return '—';
  if (suite === 'diff' && !DIFF_KERNELS.includes(kernel.name)) return '—';
  const directory = await mkdtemp(join(tmpdir(), 'livepatch-kernels-'));
  try {
    const began = performance.now();
    const report = join(directory, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const words = ['vitest', 'run', '--project', 'kernel', ...reporters, `test/kernel/${suite}.vm`];
    await execa({ cwd: CHECKOUT, stdio: 'inherit', reject: false })`npx ${words}`;
    if (!existsSync(report)) return cell('**failed**', began);
    const { numPassedTests, numTotalTests, success } = JSON.parse(await readFile(report, 'utf8'));
    const counts = `${numPassedTests}/${numTotalTests}`;
    return cell(success ? counts : `**${counts}**`, began);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function cell(result: string, began: number): string {
  return `${result} (${Math.round((performance.now() - began) / 1000)} s)`;
}
