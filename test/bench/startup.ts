import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { append } from '../patch/make/cms.ts';
import { makeModule } from '../patch/make/elf.ts';
import { opensslSign } from '../patch/make/pki.ts';
import { type BenchMachine, enabledMachine, execFileAsync } from './machine.ts';
import { showSpread, spreadOf, table } from './table.ts';

/** The contenders take turns, round by round, so that what slows the machine slows all. */
const ROUNDS = 7;
const RUNS_A_ROUND = 10;
const MEMORY_RUNS = 5;
/** A live patch in the field has 0.1 to 5 MiB. */
const MODULE_BYTES = 1024 * 1024;

interface Contender {
  name: string;
  command: string[];
  /** What the ratios to the first contender are to stay under. */
  aims?: { time?: number; memory?: number };
}

interface Measured extends Contender {
  /** Medians of each round, in milliseconds. */
  times: number[];
  /** Peak resident set of each run, in MiB. */
  memory: number[];
}

/** Whole processes, from fork to exit: time by hyperfine, peak memory by GNU time, ratios to bare Node. */
export async function benchStartup(): Promise<string> {
  const machine = await enabledMachine();
  try {
    const contenders = contendersOn(machine);
    // Before the race, each must do what it is there for; this also gives `status` something to tell.
    for (const {
      command: [program = '', ...words],
    } of contenders.toReversed()) {
      await execFileAsync(program, words, { env: machine.env });
    }
    const measured = contenders.map((contender): Measured => ({ ...contender, times: [], memory: [] }));
    for (let round = 0; round < ROUNDS; round += 1) await raceOnce(measured, machine);
    for (let run = 0; run < MEMORY_RUNS; run += 1) {
      for (const each of measured) each.memory.push(await peakMiB(each.command, machine));
    }
    return `Node ${process.version}; median (lowest–highest) of ${ROUNDS} rounds, of ${RUNS_A_ROUND} runs each; \
module of ${MODULE_BYTES / 1024 / 1024} MiB\n\n${show(measured)}`;
  } finally {
    await machine.end();
  }
}

function contendersOn({ directory, ours, signer }: BenchMachine): Contender[] {
  const path = (name: string) => join(directory, name);
  const content = makeModule({ filler: Buffer.alloc(MODULE_BYTES, 'live patch ') });
  const signature = opensslSign(content, signer);
  writeFileSync(path('module.elf'), content);
  writeFileSync(path('module.p7'), signature);
  writeFileSync(path('module.ko'), append(content, signature));
  writeFileSync(path('signer.pem'), signer.pem);
  const openssl = [
    'openssl',
    'cms',
    '-verify',
    '-inform',
    'DER',
    '-binary',
    '-noverify',
    '-out',
    '/dev/null',
  ];
  const files = ['-certfile', path('signer.pem'), '-in', path('module.p7'), '-content', path('module.elf')];
  return [
    { name: '`node -e 0`', command: [process.execPath, '-e', '0'] },
    { name: '`status`', command: ours('status'), aims: { time: 2, memory: 1.35 } },
    { name: '`status --format json`', command: ours('status', '--format', 'json') },
    {
      name: '`kernel-upgrade-required --motd`',
      command: ours('kernel-upgrade-required', '--motd'),
      aims: { time: 1.8 },
    },
    { name: '`refresh`, nothing new', command: ours('refresh'), aims: { time: 4 } },
    {
      name: '`verify` of one module',
      command: ours('verify', '--keys', path('signer.pem'), path('module.ko')),
      aims: { time: 3.5 },
    },
    { name: '`help`', command: ours('help') },
    { name: '`openssl cms -verify`', command: [...openssl, ...files] },
    ...(existsSync('/usr/sbin/kpatch') ? [{ name: '`kpatch list`', command: ['kpatch', 'list'] }] : []),
  ];
}

async function raceOnce(contenders: Measured[], { directory, env }: BenchMachine): Promise<void> {
  const results = join(directory, 'hyperfine.json');
  const options = [
    '--shell=none',
    '--warmup',
    '2',
    '--runs',
    String(RUNS_A_ROUND),
    '--style',
    'none',
    '--ignore-failure',
  ];
  const commands = contenders.map(({ command }) => command.join(' '));
  await execFileAsync('hyperfine', [...options, '--export-json', results, ...commands], { env });
  const { results: measured } = JSON.parse(readFileSync(results, 'utf8')) as {
    results: { median: number }[];
  };
  for (const [index, contender] of contenders.entries()) {
    contender.times.push((measured[index]?.median ?? Number.NaN) * 1000);
  }
}

async function peakMiB(command: string[], { directory, env }: BenchMachine): Promise<number> {
  const report = join(directory, 'time');
  await execFileAsync('/usr/bin/time', ['--quiet', '--format', '%M', '--output', report, ...command], {
    env,
  });
  return Number(readFileSync(report, 'utf8')) / 1024;
}

function show(measured: Measured[]): string {
  const [bare] = measured as [Measured, ...Measured[]];
  const rows = measured.map(({ name, times, memory, aims }) => {
    const ratios = times.map((time, round) => time / (bare.times[round] ?? Number.NaN));
    const memoryRatio = spreadOf(memory).median / spreadOf(bare.memory).median;
    return [
      name,
      showSpread(spreadOf(times), 0),
      showSpread(spreadOf(ratios)),
      aims?.time === undefined ? '' : `≤ ${aims.time}`,
      showSpread(spreadOf(memory), 0),
      memoryRatio.toFixed(2),
      aims?.memory === undefined ? '' : `≤ ${aims.memory}`,
    ];
  });
  return table([['', 'ms', '× bare Node', 'aim', 'peak MiB', '× bare Node', 'aim'], ...rows]);
}
