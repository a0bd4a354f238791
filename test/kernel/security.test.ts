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
    'sys/module/module/parameters/sig_enforce': 'Y\n',
    'proc/sys/kernel/ftrace_enabled': '0\n',
    'sys/kernel/debug/kprobes/list':
      'ffffffff8136d4c0  k  vfs_read+0x0    [FTRACE]\nffffffff8136d4c9  r  vfs_read+0x9\nffffffffc0a1b000  k  f\x1b[2J+0x0  ext4\n',
    'proc/self/status': 'Name:\tnode\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n',
    'proc/crypto': 'name         : sha512\ndriver       : sha512-generic\n',
    'sys/kernel/livepatch/.keep': '',
  });
  expect(readSecurity(root)).toEqual({
    lockdown: 'integrity',
    secureBoot: true,
    modulesDisabled: true,
    tainted: 32768,
    sigEnforce: true,
    ftraceEnabled: false,
    probed: ['vfs_read', 'f?[2J'],
    capSysModule: true,
    digestAvailable: true,
    livePatching: 'available',
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
    sigEnforce: undefined,
    ftraceEnabled: undefined,
    probed: undefined,
    capSysModule: undefined,
    digestAvailable: undefined,
    livePatching: 'not-mounted',
  });
});

it('tells a process that may not load modules, and a kernel that lacks the digest', () => {
  // Docker's usual set, and a list that has only the digest's relatives.
  const root = machine({
    'proc/self/status': 'CapEff:\t00000000a80425fb\n',
    'proc/crypto': 'name         : hmac(sha512)\n\nname         : sha256\n',
  });
  expect(readSecurity(root)).toMatchObject({ capSysModule: false, digestAvailable: false });
});
