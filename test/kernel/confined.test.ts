import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';

/** A snap with a dmesg of its own, which prints the file `log` beside it, and no /dev/kmsg. */
let snap: string;
const openLog = async () => (await import('../../src/kernel/log.ts')).openLog(snap);

beforeEach(() => {
  snap = temporaryDirectory();
  mkdirSync(join(snap, 'bin'));
  writeFileSync(join(snap, 'bin/dmesg'), `#!/bin/sh\nexec /bin/cat ${snap}/log\n`);
  chmodSync(join(snap, 'bin/dmesg'), 0o755);
  vi.stubEnv('SNAP', snap);
  vi.resetModules();
  return () => vi.unstubAllEnvs();
});

describe('inside a snap', () => {
  it('reads what the kernel has said since the log was opened, without its times', async () => {
    writeFileSync(join(snap, 'log'), '[    1.000000] one\n[    2.000000] two\n');
    const log = await openLog();

    expect(log.read()).toEqual([]);
    writeFileSync(join(snap, 'log'), '[    2.000000] two\n[    3.000000] three\n[   14.000000] [four]\n');
    expect(log.read()).toEqual(['three', '[four]']);
    expect(log.read()).toEqual([]);
  });

  it('takes the whole log for new when it was overwritten meanwhile', async () => {
    writeFileSync(join(snap, 'log'), '[    1.000000] one\n');
    const log = await openLog();
    writeFileSync(join(snap, 'log'), '[    8.000000] eight\n');

    expect(log.read()).toEqual(['eight']);
  });

  it('knows nothing where dmesg may not read it', async () => {
    const log = await openLog();

    expect(log.read()).toBeUndefined();
  });

  it('inserts nothing that it could not take out again', async () => {
    const { linuxKernel } = await import('../../src/kernel/kernel.ts');

    await expect(linuxKernel(snap).insert(-1)).rejects.toMatchObject({
      code: 'no-permission',
      hint: expect.stringContaining('snap connect canonical-livepatch:sys-kernel-livepatch'),
    });
  });
});
