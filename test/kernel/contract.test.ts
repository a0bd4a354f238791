import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { readModule } from '../../src/patch/module.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import { fakeKernel } from '../fakes/kernel.ts';
import { signedModule } from '../patch/make/patch.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { temporaryDirectory } from '../temporary.ts';
import { CONTRACT } from './contract.ts';

const signer = makeSigner();

describe('the fake kernel', () => {
  it.each(Object.entries(CONTRACT))('%s', async (_what, check) => {
    const directory = temporaryDirectory();
    const module = (name: string) => {
      const file = join(directory, `${name}.ko`);
      const signed = signedModule(signer, { name });
      writeFileSync(file, signed);
      return { name, file, buildId: readModule(splitSignedModule(signed).content).buildId };
    };
    const garbage = join(directory, 'garbage');
    writeFileSync(garbage, 'no module');
    await check(fakeKernel(), { older: module('lkp_x_121'), newer: module('lkp_x_122'), garbage });
  });
});
