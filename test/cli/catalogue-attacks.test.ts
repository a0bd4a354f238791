import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MetadataKind } from '@tufjs/models';
import { describe, expect, it } from 'vitest';
import { generateKey } from '../../src/publish/catalogue/keys.ts';
import { forge } from '../catalogue/forge.ts';
import { indexOf } from '../catalogue/make.ts';
import { given, OURS, taken } from './attack-scene.ts';
import { ATTACKS, leadTo, ROLLED_BACK } from './attacks.ts';
import type { Machine } from './machine.ts';

/**
 * The attacks that TUF names (https://theupdateframework.io/docs/security/), against the built command on this machine,
 * by the name of the attack: what the command says, how it ends, that it trusts afterwards what it trusted before, and
 * that the next refresh from an honest host works.
 */

const TIME = { NODE_OPTIONS: `--require=${join(import.meta.dirname, 'time.cjs')}` };

describe.each(Object.entries(ATTACKS))('%s', (_name, attacks) => {
  it.each(attacks)('$how', async ({ attack, before, env, says, status, stolen = [], thresholds }) => {
    const scene = await given(thresholds);
    await before?.(scene);
    const { root, timestamp } = versionsOf(trusted(scene.machine));
    attack(taken(scene), scene);
    const ended = await scene.machine.run(['refresh'], env === undefined ? {} : { env: { ...TIME, ...env } });
    expect(ended).toMatchObject({ status, stdout: '' });
    expect(ended.stderr).toMatch(says);
    // The host is honest again.
    scene.host.files = scene.made.files;
    scene.host.overrides.clear();
    delete scene.host.clock;
    scene.made.change((repository) => {
      for (const role of stolen) repository.rotate(role, [generateKey().made]);
      repository.putIndex(indexOf([], { ...OURS, upgradeRequiredDate: '2098-01-01' }));
    });
    expect(await scene.machine.run(['refresh'])).toMatchObject({ status: 0 });
    const after = versionsOf(trusted(scene.machine));
    expect([after.root, after.timestamp > timestamp]).toEqual([root + Math.min(stolen.length, 1), true]);
    const { advice, lastCheck } = scene.machine.store.state.read();
    expect([advice?.upgradeRequiredDate, lastCheck?.error]).toEqual(['2098-01-01', undefined]);
  });
});

/** Trusted metadata, by file. */
function trusted({ common }: Machine): Record<string, string> {
  const directory = join(common, 'catalogue');
  const files = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

function versionsOf(files: Record<string, string>): { root: number; timestamp: number } {
  const version = (name: string) => JSON.parse(files[name] ?? '').signed.version;
  return { root: version('root.json'), timestamp: version('timestamp.json') };
}

describe('fast-forward', () => {
  it.each(['timestamp', 'snapshot'] as const)(
    'with the key of %s is over when it was rotated',
    async (role) => {
      const scene = await given();
      const { host, machine, made } = scene;
      const theirs = taken(scene);
      const highest = 2 ** 31;
      if (role === 'snapshot') leadTo(theirs, highest, () => {});
      else
        forge(theirs, 'metadata/timestamp.json', MetadataKind.Timestamp, theirs.keys.timestamp, (signed) => {
          signed.version = highest;
        });
      expect(await machine.run(['refresh'])).toMatchObject({ status: 0 });

      host.files = made.files;
      const { says, status } = ROLLED_BACK;
      expect(await machine.run(['refresh'])).toMatchObject({ status, stderr: expect.stringMatching(says) });
      made.change((repository) => {
        repository.rotate(role, [generateKey().made]);
        // Who could sign the one could sign that the other is so high.
        if (role === 'snapshot') repository.rotate('timestamp', [generateKey().made]);
      });
      expect(await machine.run(['refresh'])).toMatchObject({ status: 0 });
    },
  );
});
