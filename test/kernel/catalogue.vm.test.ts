import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPatch, moduleName, PROC_VERSION, patchFileName } from '../patches/build.ts';
import { makeSigner, type Signer } from '../patches/signer.ts';
import { debianKernel } from './debian-kernel.ts';
import { bootWithState, outputOf } from './guest.ts';
import { client, succeed } from './site.ts';
import type { Vm } from './vm.ts';

/**
 * A machine without a network that takes its patches from a catalogue on a memory stick, through three boots. Each test
 * begins with the machine as the one before left it.
 */

const kernel = debianKernel();
let directory: string;
let signer: Signer;
let vm: Vm;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livepatch-catalogue-'));
  signer = await makeSigner(directory);
  await publish('init', '--new-keys', join(directory, 'keys'));
  await add('121.1');
  await boot();
});
afterAll(async () => {
  await vm?.kill();
  await rm(directory, { recursive: true, force: true });
});

const catalogue = () => join(directory, 'catalogue');

async function publish(word: string, ...words: string[]): Promise<void> {
  const program = join(import.meta.dirname, '../../bin/livepatch-publish.js');
  await execa(process.execPath, [program, word, ...words, '--catalogue', catalogue()]);
}

function change(word: string, ...words: string[]): Promise<void> {
  return publish(word, ...words, '--keys', join(directory, 'keys'));
}

async function add(version: string, ...reach: string[]): Promise<void> {
  const { archive, metadata } = await buildPatch({ source: PROC_VERSION, version, kernel, signer });
  const file = join(directory, patchFileName(metadata));
  await writeFile(file, archive);
  await change('add', file, '--certificate', signer.certFile, ...reach);
}

/** The machine comes up with its own /var/lib/canonical-livepatch, and without the stick. */
async function boot(): Promise<void> {
  vm = await bootWithState({ kernel, network: false, disk: join(directory, 'disk.img') });
}

let carried = 0;

/** The catalogue as it is now, carried over on the stick: a directory of its own, because the guest caches the host's. */
async function plugIn(): Promise<void> {
  carried += 1;
  const stick = join(directory, `stick-${carried}`);
  await cp(catalogue(), stick, { recursive: true });
  await output(`mkdir -p /run/stick
    umount /run/stick 2>/dev/null || true
    mount --bind /host${stick} /run/stick`);
}

const output = (script: string) => outputOf(vm, script);

const livePatches = () => output('ls /sys/kernel/livepatch');
const livepatch = async () =>
  JSON.parse((await succeed(vm, 'status --format json')).stdout).Status[0].Livepatch;
const humane = async () => (await succeed(vm, 'status --format humane')).stdout;
const nameOf = (version: string) => moduleName(kernel.release, version);

describe('a catalogue on a memory stick', () => {
  it('is enabled without a token, and its patch applied', async () => {
    await plugIn();
    const root = join(catalogue(), 'metadata/1.root.json');
    await succeed(vm, `config remote-server=file:///run/stick catalogue-root=@stdin < /host${root}`);
    await succeed(vm, `config signing-certs=@stdin < /host${signer.certFile}`);
    await succeed(vm, 'config log-level=notice');
    await succeed(vm, 'enable');
    expect(await livePatches()).toBe(nameOf('121.1'));
    expect(await output('cat /proc/version')).toContain('live-patched, version 121');
    expect(await livepatch()).toMatchObject({ CheckState: 'checked', State: 'applied', Version: '121.1' });
  });

  it('says of a patch in its first phase that it is not this machine’s turn', async () => {
    await add('122.1', '--phase', '0');
    await plugIn();
    expect(await succeed(vm, 'refresh')).toMatchObject({
      stdout: expect.stringContaining('held back: patch 122.1 is being released in phases'),
    });
    expect(await humane()).toContain('has reached 0 % of machines, not yet this one');
    expect(await livePatches()).toBe(nameOf('121.1'));
  });

  it('has the patch applied when its phase has come to this machine', async () => {
    await change('phase', '122.1', '100');
    await plugIn();
    expect(await succeed(vm, 'refresh')).toMatchObject({ stdout: 'applied: patch 122.1\n' });
    expect(await livePatches()).toBe(nameOf('122.1'));
  });

  it('goes back to the one before it when it is withdrawn', async () => {
    await change('withdraw', '122.1');
    await plugIn();
    expect(await succeed(vm, 'refresh')).toMatchObject({ stdout: 'applied: patch 121.1\n' });
    expect(await livePatches()).toBe(nameOf('121.1'));
    expect(await output('cat /proc/version')).toContain('live-patched, version 121');
  });

  it('leaves a withdrawn patch in the kernel where there is no other, and says so', async () => {
    await change('withdraw', '121.1');
    await plugIn();
    await succeed(vm, 'refresh');
    expect(await livePatches()).toBe(nameOf('121.1'));
    expect(await humane()).toContain('withdrawn: ✗ patch 121.1 was withdrawn and is still in use');
  });

  it('has it taken out with revert-withdrawn, and the next one applied', async () => {
    await succeed(vm, 'config revert-withdrawn=true');
    await succeed(vm, 'refresh');
    expect(await livePatches()).toBe('');
    expect(await output('cat /proc/version')).not.toContain('live-patched');
    await add('123.1');
    await plugIn();
    expect(await succeed(vm, 'refresh')).toMatchObject({ stdout: 'applied: patch 123.1\n' });
    expect(await livePatches()).toBe(nameOf('123.1'));
  });
});

describe('after a reboot with the stick pulled', () => {
  it('the patch is re-applied from disk, and the check says that the stick is not there', async () => {
    await vm.kill();
    await boot();
    // Two days later, so that the boot does not leave the check to the timer.
    await output('date --set "+2 days"');
    expect(await client(vm, 'refresh --boot')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('applied: patch 123.1\n'),
    });
    expect(await livePatches()).toBe(nameOf('123.1'));
    expect(await livepatch()).toMatchObject({
      CheckState: 'check-failed',
      State: 'applied',
      Version: '123.1',
    });
    expect(await client(vm, 'refresh')).toMatchObject({
      exitCode: 69,
      stderr: expect.stringContaining('there is no directory /run/stick/metadata/'),
    });
    expect(await livePatches()).toBe(nameOf('123.1'));
  });

  it('what was withdrawn is not', async () => {
    await change('withdraw', '123.1');
    await plugIn();
    await succeed(vm, 'config revert-withdrawn=false');
    await succeed(vm, 'refresh');
    expect(await livePatches()).toBe(nameOf('123.1'));
    await vm.kill();
    await boot();
    expect(await client(vm, 'refresh --boot')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('held back: patch 123.1 was withdrawn\n'),
    });
    expect(await livePatches()).toBe('');
  });
});
