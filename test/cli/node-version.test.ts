import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const BIN = join(import.meta.dirname, '../../bin/canonical-livepatch.js');
const PRELOADED = join(import.meta.dirname, 'broken');

const [, needed] = /^>=(\d+)$/.exec(packageJson.engines.node) ?? [];

/** Every Node on PATH besides the one that runs this, by its version: older ones may be among them, or newer. */
function otherNodes(): { node: string; version: string }[] {
  const paths = execFileSync('sh', ['-c', 'which -a node || true'], { encoding: 'utf8' });
  return [...new Set(paths.split('\n').filter(Boolean))]
    .map((node) => ({
      node,
      version: execFileSync(node, ['--version'], { encoding: 'utf8' }).slice(1).trim(),
    }))
    .filter(({ version }) => version !== process.versions.node);
}

const run = (node: string, words: string[]) => execa({ reject: false, timeout: 30_000 })(node, words);

describe('a Node that is too old', () => {
  const refusal = (version: string) => ({
    exitCode: 78,
    stdout: '',
    stderr:
      `Node.js ${version} is too old: version ${needed} or newer is needed\n` +
      'Install that, or the snap, which brings its own.',
  });

  it.each(['status', 'verify', '--version'])('is told by name when it runs %s', async (word) => {
    const ended = await run(process.execPath, ['--require', join(PRELOADED, 'old-node.cjs'), BIN, word]);
    expect(ended).toMatchObject(refusal('20.20.2'));
  });

  it.each(otherNodes())('runs the command or says so: $version', async ({ node, version }) => {
    const ended = await run(node, [BIN, '--version']);
    if (Number.parseInt(version, 10) < Number(needed)) expect(ended).toMatchObject(refusal(version));
    else expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('a bundle of which a part cannot be loaded', () => {
  it.each(['status', 'verify', 'refresh'])('ends %s with what is wrong with it', async (word) => {
    const ended = await run(process.execPath, ['--require', join(PRELOADED, 'bundle.cjs'), BIN, word]);
    expect(ended).toMatchObject({ exitCode: 1, stdout: '', stderr: 'this part is broken' });
  });
});
