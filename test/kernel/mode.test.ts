import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readMode } from '../../src/kernel/mode.ts';
import { temporaryDirectory } from '../temporary.ts';

function rootWith(commandLine: string | undefined, file: string | undefined): string {
  const root = temporaryDirectory();
  mkdirSync(join(root, 'proc'));
  mkdirSync(join(root, 'var/local'), { recursive: true });
  if (commandLine !== undefined) writeFileSync(join(root, 'proc/cmdline'), `${commandLine}\n`);
  if (file !== undefined) writeFileSync(join(root, 'var/local/canonical_livepatch_mode'), `${file}\n`);
  return root;
}

describe('the mode', () => {
  it.each([
    ['root=/dev/vda quiet', undefined, true, true],
    [undefined, undefined, true, true],
    ['canonical_livepatch_mode=normal', undefined, true, true],
    ['quiet canonical_livepatch_mode=no-apply', undefined, true, false],
    ['canonical_livepatch_mode=no-refresh quiet', undefined, false, true],
    ['canonical_livepatch_mode=stop', undefined, false, false],
    ['quiet', 'no-apply', true, false],
    ['quiet', '', true, true],
    ['canonical_livepatch_mode=no-refresh', 'no-apply', false, false],
    ['canonical_livepatch_mode=stop', 'normal', false, false],
    ['canonical_livepatch_mode=stopp', undefined, false, false],
    ['canonical_livepatch_mode=', undefined, false, false],
    ['not_canonical_livepatch_mode=stop', undefined, true, true],
    ['quiet', 'constructor', false, false],
  ])('with %j on the command line and %j in the file', (commandLine, file, contact, apply) => {
    expect(readMode(rootWith(commandLine, file))).toMatchObject({ contact, apply });
  });

  it('tells where it was set', () => {
    expect(readMode(rootWith('canonical_livepatch_mode=stop', 'no-apply')).sources).toEqual([
      'the kernel command line',
      '/var/local/canonical_livepatch_mode',
    ]);
  });
});
