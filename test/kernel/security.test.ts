import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { readSecurity } from '../../src/kernel/security.ts';
import { temporaryDirectory } from '../temporary.ts';

const SECURE_BOOT = 'sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

function machine(files: Record<string, string | Buffer>): string {
  const root = temporaryDirectory();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

it('reads what decides whether a module is taken', () => {
  const root = machine({
    'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
    'proc/sys/kernel/modules_disabled': '1\n',
    'proc/sys/kernel/tainted': '32768\n',
    [SECURE_BOOT]: Buffer.from([6, 0, 0, 0, 1]),
  });
  expect(readSecurity(root)).toEqual({
    lockdown: 'integrity',
    secureBoot: true,
    modulesDisabled: true,
    tainted: 32768,
  });
});

it('tells Secure Boot that is off from one that may not be read', () => {
  expect(readSecurity(machine({ [SECURE_BOOT]: Buffer.from([6, 0, 0, 0, 0]) })).secureBoot).toBe(false);
  expect(readSecurity(machine({ 'sys/firmware/efi/fw_platform_size': '64' })).secureBoot).toBeUndefined();
});

it('knows nothing where nothing can be read', () => {
  expect(readSecurity(machine({}))).toEqual({
    lockdown: undefined,
    secureBoot: false,
    modulesDisabled: undefined,
    tainted: undefined,
  });
});
