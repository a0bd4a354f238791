import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModule } from '../../src/patch/module.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import { fakeKernel } from '../fakes/kernel.ts';
import { modinfoSection, thisModule } from '../patch/make/elf.ts';
import { signedModule } from '../patch/make/patch.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { temporaryDirectory } from '../temporary.ts';
import { CONTRACT, STACK_CONTRACT } from './contract.ts';

const signer = makeSigner();
const STACKED = 'lkp_y_1';

/** A module of these sections only, which has no build id. */
function sectionsOf(name: string) {
  const modinfo = ['license=GPL', 'livepatch=Y', `name=${name}`, 'vermagic=6.1.0-56-amd64 SMP mod_unload '];
  return [
    { name: '.modinfo', content: modinfoSection(modinfo) },
    { name: '.gnu.linkonce.this_module', content: thisModule(name) },
  ];
}

function given() {
  const directory = temporaryDirectory();
  const module = (name: string, parts = {}) => {
    const file = join(directory, `${name}.ko`);
    const signed = signedModule(signer, { name, ...parts });
    writeFileSync(file, signed);
    return { name, file, buildId: readModule(splitSignedModule(signed).content).buildId };
  };
  const garbage = join(directory, 'garbage');
  writeFileSync(garbage, 'no module');
  const stacked = module(STACKED, { sections: sectionsOf(STACKED) });
  return { older: module('lkp_x_121'), newer: module('lkp_x_122'), stacked, garbage };
}

describe('the fake kernel', () => {
  it.each(Object.entries(CONTRACT))('%s', async (_what, check) => {
    await check(fakeKernel(), given());
    const telling = fakeKernel();
    telling.tellCumulative();
    await check(telling, given());
  });

  it.each(Object.entries(STACK_CONTRACT))('%s', async (_what, check) => {
    const kernel = fakeKernel();
    kernel.stacks((name) => name === STACKED);
    await check(kernel, given());
  });

  it('tells whether a patch is cumulative when it is to', () => {
    const kernel = fakeKernel();
    kernel.hold('kpatch_x', { cumulative: false, buildId: '0401' });
    expect(kernel.look([])).toEqual({
      livePatches: [{ name: 'kpatch_x', enabled: true, inTransition: false }],
      loaded: [{ name: 'kpatch_x', buildId: '0401' }],
    });
    kernel.tellCumulative();
    expect(kernel.look([]).livePatches).toMatchObject([{ name: 'kpatch_x', cumulative: false }]);
  });

  it('hears of its own faults, and not of what processes write', async () => {
    const kernel = fakeKernel();
    kernel.hold('kpatch_x');
    kernel.fault('kpatch_x');
    using watch = await kernel.watchFaults();
    expect(watch.faultOf('kpatch_x')).toBeUndefined();
    kernel.forge('Oops: 0002 [#1] SMP', 'RIP: 0010:f+0x1/0x2 [kpatch_x]');
    expect(watch.faultOf('kpatch_x')).toBeUndefined();
    kernel.fault('kpatch_x');
    expect(watch.faultOf('kpatch_y')).toBeUndefined();
    expect(watch.faultOf('kpatch_x')).toHaveLength(4);
  });

  it('does once what it is asked for', async () => {
    const kernel = fakeKernel();
    kernel.hold('kpatch_x');
    kernel.refuseNextDisable();
    await expect(kernel.disable('kpatch_x')).rejects.toMatchObject({ code: 'kernel-refused' });
    kernel.stallNextDisable();
    await expect(kernel.disable('kpatch_x')).rejects.toMatchObject({ code: 'transition' });
    expect(kernel.look([]).livePatches).toEqual([{ name: 'kpatch_x', enabled: false, inTransition: true }]);
    await kernel.waitForIdle();
    expect(kernel.look([]).livePatches).toEqual([]);
    expect(kernel.deeds).toEqual(['disable kpatch_x', 'disable kpatch_x']);
  });
});
