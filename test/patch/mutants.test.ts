import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readModule } from '../../src/patch/module.ts';
import { verifySignedModule } from '../../src/patch/signature.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import { debianKernel } from '../kernel/debian-kernel.ts';
import { compileModule } from '../patches/build.ts';
import { temporaryDirectory } from '../temporary.ts';
import { append } from './make/cms.ts';
import { mutantsOf } from './make/mutants.ts';
import { makeSigner, opensslSign } from './make/pki.ts';

it('a real module is verified and read alike however it was linked', { timeout: 120_000 }, async () => {
  const source = join(import.meta.dirname, '../kernel/empty.c');
  const original = await compileModule({ source, name: 'empty', kernel: debianKernel() });
  const signer = makeSigner();
  const anchors = parseCertificates(Buffer.from(signer.pem), 'signer.pem');
  const { buildId, ...rest } = readModule(original);
  const buildIds: Record<string, string | undefined> = {
    'no build id': undefined,
    'two build ids': `${buildId}${buildId}`,
  };

  const mutants = await mutantsOf(original, temporaryDirectory());

  expect(mutants.size).toBe(7);
  for (const [what, mutant] of mutants) {
    const signed = append(mutant, opensslSign(mutant, signer));
    const { content } = verifySignedModule(signed, anchors, { allowSha256: false });
    expect(readModule(content), what).toEqual({
      ...rest,
      buildId: what in buildIds ? buildIds[what] : buildId,
    });
  }
});
