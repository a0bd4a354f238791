import { expect, test } from 'vitest';
import { opensslVerdicts } from './make/pki.ts';
import { makeSigners, signatureTable } from './make/signatures.ts';

test('openssl judges each row of the table as it says', { timeout: 60_000 }, () => {
  const content = Buffer.from('\x7fELF the module', 'latin1');
  const signers = makeSigners();
  const { weak, mallory, ...pinned } = signers;
  const rows = signatureTable(content, signers).filter(({ message }) => message !== undefined);

  const messages = rows.map(({ message }) => message ?? Buffer.alloc(0));
  const verdicts = opensslVerdicts(content, messages, Object.values(pinned));

  const judged = rows.map(({ what }, row) => [what, verdicts[row]]);
  expect(judged).toEqual(rows.map(({ what, openssl }) => [what, openssl]));
});
