import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { LogRecord } from '../../src/kernel/log.ts';
import { insertionRefused, removalRefused } from '../../src/kernel/refusals.ts';
import { makeTree, type Tree } from './tree.ts';

let tree: Tree;
beforeEach(() => {
  tree = makeTree();
});

/** What kmod prints, with this reason. */
const kmod = (reason: string) => `insmod: ERROR: could not insert module /proc/17/fd/20: ${reason}`;
const say = (...texts: string[]): LogRecord[] =>
  texts.map((text) => ({ facility: 0, level: 4, seconds: 1, text }));
const refused = (reason: string, ...texts: string[]) =>
  insertionRefused(tree.root, kmod(reason), say(...texts));

describe('a module that the kernel refuses', () => {
  it.each([
    [
      'Operation not permitted',
      'modules are switched off',
      { 'proc/sys/kernel/modules_disabled': '1', 'sys/kernel/security/lockdown': 'none [integrity]' },
      /until the next boot/,
    ],
    [
      'Operation not permitted',
      'in a container',
      { 'proc/sys/kernel/modules_disabled': '0', 'proc/self/status': 'CapEff:\t00000000a80425fb\n' },
      /run it on the host/,
    ],
    [
      'Operation not permitted',
      'under lockdown',
      {
        'proc/self/status': 'CapEff:\t000001ffffffffff\n',
        'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
      },
      /mokutil --import/,
    ],
    ['Operation not permitted', 'for no known reason', {}, /security module/],
    ['Key was rejected by service', 'for its key', { 'proc/crypto': 'name : sha512\n' }, /mokutil --import/],
    ['Required key not available', 'for its key, as older kernels say it', {}, /mokutil --import/],
    [
      'Key was rejected by service',
      'for want of a digest',
      { 'proc/crypto': 'name : sha256\n' },
      /sudo modprobe sha512_generic/,
    ],
    ['Package not installed', 'for want of a digest', { 'proc/crypto': '' }, /sudo modprobe sha512_generic/],
    ['Bad message', 'for a damaged signature', {}, /damaged/],
    ['Invalid module format', 'as built for another kernel', {}, /another kernel/],
    ['File exists', 'as loaded already', {}, /sudo rmmod/],
    ['Unknown symbol in module', 'for what it needs', {}, /not loaded/],
    ['No such device', 'by its own callback', {}, /callback/],
    [
      'Device or resource busy',
      'for a transition',
      { 'sys/kernel/livepatch/x/enabled': '1', 'sys/kernel/livepatch/x/transition': '1' },
      /in transition all the time/,
    ],
    ['Device or resource busy', 'without a transition', {}, /^Something holds a function/],
    [
      'Device or resource busy',
      'while tracing is off',
      { 'proc/sys/kernel/ftrace_enabled': '0\n' },
      /sysctl kernel\.ftrace_enabled=1/,
    ],
    ['Something else', 'for something new', {}, /dmesg/],
  ])('with "%s", %s', (reason, _why, files, hint) => {
    for (const [path, content] of Object.entries(files)) tree.write(path, content);
    const error = refused(reason);
    expect(error.code).toBe('kernel-refused');
    expect(error.message).toBe(`the kernel refuses to insert the module: ${reason}`);
    expect(error.hint).toMatch(hint);
  });

  it.each([
    [
      'Invalid parameters',
      "livepatch: symbol 'f' not found in symbol table",
      "symbol 'f' not found in symbol table",
    ],
    [
      'Invalid parameters',
      'livepatch: Livepatch patch (lkp_x_121) is not compatible with the already installed livepatches.',
      'Livepatch patch (lkp_x_121) is not compatible with the already installed livepatches',
    ],
    [
      'No such device',
      "livepatch: pre-patch callback failed for object 'vmlinux'",
      "pre-patch callback failed for object 'vmlinux'",
    ],
    [
      'Key was rejected by service',
      'Loading of module with unsupported crypto is rejected',
      'Loading of module with unsupported crypto is rejected',
    ],
    ['Unknown symbol in module', 'lkp_x_121: Unknown symbol f (err -2)', 'Unknown symbol f (err -2)'],
    [
      'Operation not permitted',
      'Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7',
      'unsigned module loading is restricted',
    ],
    [
      'Invalid module format',
      "lkp_x_121: version magic '6.1.0-55-amd64 SMP ' should be '6.1.0-56-amd64 SMP '",
      "version magic '6.1.0-55-amd64 SMP ' should be '6.1.0-56-amd64 SMP '",
    ],
  ])('with "%s" is told with what the kernel logged: %s', (reason, text, shown) => {
    const error = refused(reason, 'something else', text, text);
    expect(error.message).toBe(`the kernel refuses to insert the module: ${reason}; ${shown}`);
  });

  it('with "Device or resource busy" for a kprobe is told with the function', () => {
    const text = "livepatch: failed to register ftrace handler for function 'version_proc_show' (-16)";
    expect(refused('Device or resource busy', text).hint).toMatch(/holds version_proc_show/);
    tree.write(
      'sys/kernel/debug/kprobes/list',
      'ffffffff8123  k  my_version_proc_show+0x0    [FTRACE]\nffffffff8124  k  version_proc_show+0x0    [FTRACE]\n',
    );
    expect(refused('Device or resource busy', text).hint).toMatch(/kprobe is on version_proc_show/);
  });

  it('is told without what a process wrote to the log', () => {
    const records = say("livepatch: symbol 'f' not found in symbol table").map((one) => ({
      ...one,
      facility: 1,
    }));
    expect(insertionRefused(tree.root, kmod('Invalid parameters'), records).message).not.toContain('symbol');
  });

  it('never with a path in /proc, whatever kmod says', () => {
    for (const text of [kmod('Odd'), 'insmod: ERROR: could not load module /proc/17/fd/20: No such file']) {
      expect(insertionRefused(tree.root, text, []).message).not.toContain('/proc');
    }
  });

  it.each([
    ['/snap/x/keys/ours.der', /: 'sudo mokutil --import \/snap\/x\/keys\/ours\.der', reboot/],
    [
      undefined,
      /: 'openssl x509 -in cert\.pem -outform DER -out cert\.der', 'sudo mokutil --import cert\.der'/,
    ],
  ])('for its key is told which certificate to enrol, with the file %s', (file, hint) => {
    const refusal = insertionRefused(tree.root, kmod('Key was rejected by service'), [], file);
    expect(refusal.hint).toMatch(hint);
  });

  it('for want of a digest in a snap is told that the snap cannot load it', () => {
    vi.stubEnv('SNAP_NAME', 'canonical-livepatch');
    for (const name of ['SNAP', 'SNAP_COMMON', 'SNAP_DATA']) vi.stubEnv(name, '/snap');
    const { hint } = refused(
      'Key was rejected by service',
      'Loading of module with unsupported crypto is rejected',
    );
    vi.unstubAllEnvs();
    expect(hint).toMatch(/A snap may not/);
  });
});

it('tells why a module stays', () => {
  const stays = (text: string) => removalRefused(tree.root, `rmmod: ERROR: ${text}`);
  tree.write('proc/sys/kernel/modules_disabled', '1');
  expect(stays('could not remove module x: Operation not permitted')).toMatchObject({
    message: 'the kernel refuses to unload the module: Operation not permitted',
    hint: expect.stringContaining('modules_disabled'),
  });
  tree.write('proc/sys/kernel/modules_disabled', '0');
  tree.write('proc/self/status', 'CapEff:\t00000000a80425fb\n');
  expect(stays('could not remove module x: Operation not permitted').hint).toContain('run it on the host');
  expect(stays('Module x is in use').message).toBe(
    'the kernel refuses to unload the module: Module x is in use',
  );
});
