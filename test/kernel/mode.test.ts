import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { readMode } from '../../src/kernel/mode.ts';
import { temporaryDirectory } from '../temporary.ts';

const FILE = 'var/local/canonical_livepatch_mode';
/** Who runs the tests may be somebody else than root. */
const OWNER = process.getuid?.() ?? 0;
const SWITCH = 'canonical_livepatch_mode';

function rootWith(files: Record<string, string | undefined>): string {
  const root = temporaryDirectory();
  for (const path of ['proc/cmdline', FILE]) mkdirSync(dirname(join(root, path)), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    if (content === undefined) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content, { mode: 0o644 });
  }
  return root;
}

const modeOf = (commandLine: string | undefined, file?: string) =>
  readMode(
    rootWith({
      'proc/cmdline': commandLine === undefined ? undefined : `${commandLine}\n`,
      [FILE]: file === undefined ? undefined : `${file}\n`,
    }),
    OWNER,
  );

const NORMAL = { contact: true, apply: true };
const NO_APPLY = { contact: true, apply: false };
const NO_REFRESH = { contact: false, apply: true };
const STOP = { contact: false, apply: false };

/** Command lines as they are found: of Debian and Ubuntu on PCs, of clouds, on s390x, of a machine without a disk. */
const REAL = [
  'BOOT_IMAGE=/boot/vmlinuz-6.1.0-56-amd64 root=UUID=0c7f6a4e-1f0b-4c77-8a55-4b0c9c9d2b1e ro quiet',
  'BOOT_IMAGE=/vmlinuz-6.8.0-47-generic root=/dev/mapper/ubuntu--vg-ubuntu--lv ro quiet splash vt.handoff=7',
  'BOOT_IMAGE=/boot/vmlinuz-6.8.0-1047-aws root=PARTUUID=6f2a2c1e-02 ro console=tty1 console=ttyS0 nvme_core.io_timeout=4294967295 panic=-1',
  'BOOT_IMAGE=/boot/vmlinuz-6.8.0-1021-gcp root=PARTUUID=9a1a ro console=ttyS0 dyndbg="file drivers/usb/* +p"',
  'root=/dev/disk/by-path/ccw-0.0.0201-part1 rootflags=subvol=@ dasd=0.0.0201 crashkernel=196M BOOT_IMAGE=0',
  'initrd=initrd.img ip=dhcp boot=live fetch=http://boot.example/live.squashfs init=/sbin/init -- single',
  '',
];

describe('the mode on the command line', () => {
  it.each(REAL)('is normal on %j, and stops after it and before it', (line) => {
    expect(modeOf(line)).toEqual({ ...NORMAL, sources: [] });
    expect(modeOf(`${line} ${SWITCH}=stop`)).toMatchObject(STOP);
    expect(modeOf(`${SWITCH}=stop ${line}`)).toMatchObject(STOP);
  });

  it.each([
    [undefined, NORMAL],
    [`${SWITCH}=normal`, NORMAL],
    [`quiet ${SWITCH}=no-apply`, NO_APPLY],
    [`${SWITCH}=no-refresh quiet`, NO_REFRESH],
    [`${SWITCH}=stop`, STOP],
    // People append at the boot loader.
    [`${SWITCH}=normal quiet ${SWITCH}=stop`, STOP],
    [`${SWITCH}=stop quiet ${SWITCH}=normal`, STOP],
    [`${SWITCH}=no-apply ${SWITCH}=no-refresh`, STOP],
    [`${SWITCH}=no-apply ${SWITCH}=no-apply`, NO_APPLY],
    // Quotes, in every place where people put them
    [`"${SWITCH}=stop"`, STOP],
    [`${SWITCH}="stop"`, STOP],
    [`"${SWITCH}"=no-apply`, NO_APPLY],
    [`"${SWITCH}=no-apply`, NO_APPLY],
    [`"quiet ${SWITCH}=stop"`, STOP],
    [`${SWITCH}='normal'`, STOP],
    [`quiet\t${SWITCH}=no-apply\tsplash`, NO_APPLY],
    // The kernel takes both for the same in a name.
    ['canonical-livepatch-mode=no-apply', NO_APPLY],
    // No mode
    [`${SWITCH}=stopp`, STOP],
    [`${SWITCH}=STOP`, STOP],
    [`${SWITCH}=Normal`, STOP],
    [`${SWITCH}=`, STOP],
    [SWITCH, STOP],
    [`${SWITCH}=normal,stop`, STOP],
    [`${SWITCH}=constructor`, STOP],
    [`${SWITCH}=__proto__`, STOP],
    // Something else
    [`not_${SWITCH}=stop`, NORMAL],
    [`foo.${SWITCH}=stop`, NORMAL],
    [`${SWITCH}x=stop`, NORMAL],
    ['livepatch_mode=stop', NORMAL],
  ])('%j', (line, mode) => {
    expect(modeOf(line)).toMatchObject(mode);
  });

  it('is never made less strict by anything that is added', () => {
    const word = fc.constantFrom('normal', 'no-apply', 'no-refresh', 'stop', 'x', '');
    const words = fc.array(
      word.map((one) => `${SWITCH}=${one}`),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(words, words, (before, after) => {
        const [less, more] = [modeOf(before.join(' ')), modeOf([...before, ...after].join(' '))];
        expect(less.contact || !more.contact).toBe(true);
        expect(less.apply || !more.apply).toBe(true);
      }),
    );
  });

  it('is to stop when the line is longer than any that a kernel takes', () => {
    expect(modeOf('x'.repeat(70_000))).toMatchObject(STOP);
  });

  it('is to stop when the line is there and cannot be read', () => {
    const root = rootWith({});
    mkdirSync(join(root, 'proc/cmdline'));
    expect(readMode(root, OWNER)).toMatchObject(STOP);
  });
});

describe('the mode in the file', () => {
  it.each([
    ['no-apply', NO_APPLY],
    ['no-refresh', NO_REFRESH],
    ['stop', STOP],
    ['normal', NORMAL],
    ['', NORMAL],
    [' no-apply \n\n', NO_APPLY],
    ['\ufeffno-apply\r', NO_APPLY],
    ['constructor', STOP],
    ['stop # until the audit is over', STOP],
    ['normal\nstop', STOP],
    [`normal${' '.repeat(5000)}stop`, STOP],
    ['x'.repeat(100_000), STOP],
    ['\u0000', STOP],
  ])('%j', (content, mode) => {
    expect(modeOf('quiet', content)).toMatchObject(mode);
  });

  it.each([
    [`${SWITCH}=no-refresh`, 'no-apply', STOP],
    [`${SWITCH}=stop`, 'normal', STOP],
    [`${SWITCH}=normal`, 'stop', STOP],
  ])('and %j on the command line allow only what both allow: %j', (line, content, mode) => {
    expect(modeOf(line, content)).toMatchObject(mode);
  });

  it("that others may write, or that is not root's, stops everything", () => {
    for (const mode of [0o664, 0o646, 0o666]) {
      const root = rootWith({ [FILE]: 'normal' });
      chmodSync(join(root, FILE), mode);
      expect(readMode(root, OWNER)).toMatchObject(STOP);
    }
    expect(readMode(rootWith({ [FILE]: 'normal' }), OWNER + 1)).toEqual({
      ...STOP,
      sources: [`/${FILE}, which others than root may write`],
    });
  });

  it.each([
    ['a FIFO, which nobody writes to', (path: string) => spawnSync('mkfifo', [path])],
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link', (path: string) => symlinkSync('/dev/null', path)],
    ['a link to nothing', (path: string) => symlinkSync('nothing', path)],
    ['a link to itself', (path: string) => symlinkSync(path, path)],
  ])('that is %s stops everything at once', (_what, make) => {
    const root = rootWith({});
    make(join(root, FILE));
    expect(readMode(root, OWNER)).toMatchObject(STOP);
  });

  it("is the host's inside a snap", () => {
    const root = rootWith({ [FILE]: 'stop', [`var/lib/snapd/hostfs/${FILE}`]: 'no-apply' });
    expect(readMode(root, OWNER)).toMatchObject(STOP);
    vi.stubEnv('SNAP_NAME', 'canonical-livepatch');
    for (const name of ['SNAP', 'SNAP_COMMON', 'SNAP_DATA']) vi.stubEnv(name, root);
    const mode = readMode(root, OWNER);
    vi.unstubAllEnvs();
    expect(mode).toEqual({ ...NO_APPLY, sources: [`/var/lib/snapd/hostfs/${FILE}`] });
  });
});

it('tells where it was set', () => {
  expect(modeOf(`${SWITCH}=stop`, 'no-apply').sources).toEqual(['the kernel command line', `/${FILE}`]);
});
