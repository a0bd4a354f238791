import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { insertModule, removeModule } from '../../src/kernel/kmod.ts';
import { livePatchModules, loadedModules, moduleBuildId, moduleRefcount } from '../../src/kernel/modules.ts';
import { LIMITS } from '../../src/limits.ts';
import { makeTree, type Tree } from './tree.ts';

const NAME = 'lkp_x_121';

/** Pauses are not waited for. */
vi.mock('node:timers/promises', () => ({ setTimeout: async () => {} }));

let tree: Tree;
let fd: number;

beforeEach(() => {
  tree = makeTree();
  tree.write('module.ko', 'the module');
  fd = openSync(join(tree.root, 'module.ko'), 'r');
  onTestFinished(() => closeSync(fd));
});

/** A kmod that notes how it was called, and says what the kernel's would. */
function insmod(text: string): void {
  const ending =
    text === '' ? '' : `echo "insmod: ERROR: could not insert module /proc/1/fd/9: ${text}" >&2; exit 1`;
  const script = `#!/bin/sh\nPATH=/usr/bin:/bin\ncat "$1" >>${tree.root}/taken\nenv | grep -v ^PATH | sort >${tree.root}/environment\n${ending}\n`;
  tree.write('usr/sbin/insmod', script, { program: true });
}

const read = (path: string) => readFileSync(join(tree.root, path), 'utf8');

describe('inserting a module', () => {
  it('hands over what the open descriptor holds, and nothing of our environment', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://user:secret@proxy');
    insmod('');
    await insertModule(tree.root, fd);
    vi.unstubAllEnvs();
    expect(read('taken')).toBe('the module');
    expect(read('environment')).toContain('LC_ALL=C\n');
    expect(read('environment')).not.toContain('secret');
  });

  it('is tried again while another patch is in transition, and not for ever', async () => {
    insmod('Device or resource busy');
    tree.livePatch('kpatch_x', { enabled: true, inTransition: true });
    await expect(insertModule(tree.root, fd)).rejects.toMatchObject({
      code: 'kernel-refused',
      hint: expect.stringContaining('try again later'),
    });
    expect(read('taken')).toBe('the module'.repeat(LIMITS.kernel.busyRetries));
  });

  it('is tried again when the transition has ended meanwhile', async () => {
    tree.livePatch('kpatch_x', { enabled: true, inTransition: true });
    const script = `#!/bin/sh\nPATH=/usr/bin:/bin\ncat "$1" >>${tree.root}/taken\necho 0 >${tree.root}/sys/kernel/livepatch/kpatch_x/transition\ntest "$(wc -c <${tree.root}/taken)" -gt 10 || { echo "Device or resource busy" >&2; exit 1; }\n`;
    tree.write('usr/sbin/insmod', script, { program: true });
    await insertModule(tree.root, fd);
    expect(read('taken')).toBe('the module'.repeat(2));
  });

  it('is not tried again while nothing is in transition', async () => {
    insmod('Device or resource busy');
    tree.livePatch('kpatch_x', { enabled: true, inTransition: false });
    await expect(insertModule(tree.root, fd)).rejects.toMatchObject({ code: 'kernel-refused' });
    expect(read('taken')).toBe('the module');
  });

  it.each([
    ['sha256', 'crypto-sha512'],
    ['sha512', undefined],
  ])('loads the digest first when the kernel has only %s', async (has, loads) => {
    insmod('');
    tree.write('proc/crypto', `name         : ${has}\n`);
    tree.write('usr/sbin/modprobe', `#!/bin/sh\necho "$2" >${tree.root}/loaded\n`, { program: true });
    await insertModule(tree.root, fd);
    expect(existsSync(join(tree.root, 'loaded')) ? read('loaded').trim() : undefined).toBe(loads);
  });

  it('says so when there is no insmod', async () => {
    await expect(insertModule(tree.root, fd)).rejects.toMatchObject({
      code: 'kernel-refused',
      message: /insmod/,
    });
  });
});

describe('a loaded module', () => {
  it('is known by its directory, its name and its build id', () => {
    tree.write(`sys/module/${NAME}/refcnt`, '1\n');
    tree.write(`sys/module/${NAME}/notes/.note.gnu.build-id`, '\x04\x01');
    tree.write(`sys/module/${NAME}/taint`, 'OEK\n');
    tree.write('sys/module/kernel/parameters/panic', '0\n');
    tree.write('sys/module/ext4/taint', '\n');
    tree.write('sys/module/bare/refcnt', '0\n');
    expect(moduleRefcount(tree.root, NAME)).toBe(1);
    expect(moduleRefcount(tree.root, 'other')).toBeUndefined();
    expect(livePatchModules(tree.root)).toEqual([NAME]);
    expect(moduleBuildId(tree.root, NAME)).toBe('0401');
    expect(moduleBuildId(tree.root, 'kernel')).toBeUndefined();
    expect(
      loadedModules(tree.root, [NAME, 'bare', 'kernel', 'other', '', '.', '..', `../module/${NAME}`]),
    ).toEqual([{ name: NAME, buildId: '0401' }, { name: 'bare' }]);
  });

  it('is unloaded when nothing refers to it', async () => {
    tree.write(`sys/module/${NAME}/refcnt`, '0\n');
    tree.write('usr/sbin/rmmod', `#!/bin/sh\nPATH=/usr/bin:/bin\nrm -r ${tree.root}/sys/module/$1\n`, {
      program: true,
    });
    await removeModule(tree.root, NAME);
    expect(moduleRefcount(tree.root, NAME)).toBeUndefined();
    await removeModule(tree.root, NAME);
  });

  it('that the kernel does not let go is told', async () => {
    tree.write(`sys/module/${NAME}/refcnt`, '0\n');
    tree.write(
      'usr/sbin/rmmod',
      '#!/bin/sh\nPATH=/usr/bin:/bin\necho "rmmod: ERROR: Module is in use" >&2; exit 1\n',
      {
        program: true,
      },
    );
    await expect(removeModule(tree.root, NAME)).rejects.toMatchObject({
      code: 'kernel-refused',
      message: expect.stringContaining('in use'),
    });
  });
});
