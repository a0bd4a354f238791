import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';

/** A snap with a dmesg of its own, which prints the file `log` beside it as --raw has it, and no /dev/kmsg. */
let snap: string;
const openLog = async () => (await import('../../src/kernel/log.ts')).openLog(snap);

beforeEach(() => {
  snap = temporaryDirectory();
  mkdirSync(join(snap, 'bin'));
  const script = `#!/bin/sh\ntest "$*" = '--syslog --raw' && exec /bin/cat ${snap}/log\n`;
  writeFileSync(join(snap, 'bin/dmesg'), script);
  chmodSync(join(snap, 'bin/dmesg'), 0o755);
  vi.stubEnv('SNAP_NAME', 'canonical-livepatch');
  for (const name of ['SNAP', 'SNAP_COMMON', 'SNAP_DATA']) vi.stubEnv(name, snap);
  vi.resetModules();
  return () => vi.unstubAllEnvs();
});

describe('inside a snap', () => {
  it('reads what the kernel has said since the log was opened, and who said it', async () => {
    writeFileSync(join(snap, 'log'), '<6>[    1.000000] one\n<6>[    2.000000] two\n');
    const log = await openLog();

    expect(log.read()).toEqual([]);
    const more = [
      '<6>[    2.000000] two',
      '<4>[    3.500000] three',
      '<12>[   14.000000][  T612] [four]',
      '<0>five',
    ];
    writeFileSync(join(snap, 'log'), `${more.join('\n')}\n`);
    expect(log.read()).toEqual([
      { facility: 0, level: 4, seconds: 3.5, text: 'three' },
      { facility: 1, level: 4, seconds: 14, text: '[four]' },
      { facility: 0, level: 0, seconds: 0, text: 'five' },
    ]);
    expect(log.read()).toEqual([]);
  });

  it('takes the whole log for new when it was overwritten meanwhile', async () => {
    writeFileSync(join(snap, 'log'), '<6>[    1.000000] one\n');
    const log = await openLog();
    writeFileSync(join(snap, 'log'), '<6>[    8.000000] eight\n');

    expect(log.read()?.map(({ text }) => text)).toEqual(['eight']);
  });

  it('knows the modules that were refused for a live patch', async () => {
    const { refusedTargets } = await import('../../src/kernel/refused-targets.ts');
    const said = "livepatch: patch 'lkp_x_121' failed for module 'nfs', refusing to load module 'nfs'";
    const others = [
      "x: patch 'a' failed for module 'b', refusing to load module 'b'",
      "livepatch: enabling patch 'a'",
    ];
    const lines = [said, said, ...others].map((text) => `<4>[    1.000000] ${text}\n`);
    writeFileSync(
      join(snap, 'log'),
      `${lines.join('')}<12>[    2.000000] ${said.replaceAll('nfs', 'ext4')}\n`,
    );

    expect(refusedTargets(snap)).toEqual([{ patch: 'lkp_x_121', module: 'nfs' }]);
  });

  it('hears of a fault, and believes it when the kernel bears its mark', async () => {
    const { watchFaults } = await import('../../src/kernel/faults.ts');
    const taint = join(snap, 'proc/sys/kernel/tainted');
    mkdirSync(join(taint, '..'), { recursive: true });
    writeFileSync(taint, '4096\n');
    writeFileSync(join(snap, 'log'), '<6>[    1.000000] one\n');
    using watch = watchFaults(snap);
    const oops = ['Oops: 0002 [#1] SMP', 'RIP: 0010:f+0x1/0x2 [lkp_x_121]'];
    const lines = oops.map((text) => `<4>[    2.000000] ${text}\n`).join('');
    writeFileSync(join(snap, 'log'), `<6>[    1.000000] one\n${lines}`);

    expect(watch.faultOf('lkp_x_121')).toBeUndefined();
    writeFileSync(taint, `${4096 + 128}\n`);
    expect(watch.faultOf('lkp_x_122')).toBeUndefined();
    expect(watch.faultOf('lkp_x_121')).toEqual(oops);
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
