import { expect } from 'vitest';
import { linuxKernel } from '../../src/kernel/kernel.ts';
import { binOf, indexPath } from '../../src/source/catalogue/layout.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import { indexOf, makeCatalogue, publishPatches, type TestCatalogue } from '../catalogue/make.ts';
import type { StaticHost } from '../catalogue/serve-files.ts';
import { staticHost } from '../catalogue/static-host.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { type Machine, machine } from './machine.ts';

const SIGNER = makeSigner();
const { architecture, kernel } = linuxKernel().machine();

export const OURS = { kernel, architecture };
export const PATH = indexPath(kernel, architecture);
export const BIN = binOf(PATH);

export interface Scene {
  made: TestCatalogue;
  host: StaticHost;
  machine: Machine;
  /** What was published and seen at first. */
  first: Map<string, Buffer>;
}

/** A machine that has checked once, and all was well. */
export async function given(thresholds: Parameters<typeof makeCatalogue>[0] = {}): Promise<Scene> {
  const made = makeCatalogue(thresholds);
  publishPatches(made, indexOf([], OURS));
  const host = await staticHost(made.files);
  const there = await machine(EMPTY_STATE);
  there.store.config.update({
    'catalogue-root': made.root.toString(),
    'remote-server': host.url.href,
    'signing-certs': SIGNER.pem,
  });
  expect(await there.run(['refresh'])).toMatchObject({ status: 0 });
  return { made, host, machine: there, first: made.copy() };
}

/** The host holds what the attacker has put there; what is published stays as it is. */
export function taken({ host, made }: Scene): TestCatalogue {
  host.files = made.copy();
  return { ...made, files: host.files };
}
