import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
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
      writeFileSync(file, signedModule(signer, { name }));
      return { name, file };
    };
    const garbage = join(directory, 'garbage');
    writeFileSync(garbage, 'no module');
    await check(fakeKernel(), { older: module('lkp_x_121'), newer: module('lkp_x_122'), garbage });
  });
});
