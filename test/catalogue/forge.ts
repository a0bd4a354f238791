import { Metadata, type MetadataKind, type Snapshot, type Targets, type Timestamp } from '@tufjs/models';
import type { CatalogueKey } from '../../src/publish/catalogue/keys.ts';
import type { TestCatalogue } from './make.ts';

/** The version of the TUF specification, and a day that no test sees. */
export const [SPEC, FAR] = ['1.0.31', '2099-01-01T00:00:00Z'] as const;

/** What somebody who has stolen keys can put into the place of metadata. */
export function forge(
  { files }: Pick<TestCatalogue, 'files'>,
  path: string,
  kind: MetadataKind,
  keys: CatalogueKey[],
  edit: (signed: Record<string, unknown>) => void,
): void {
  const json = JSON.parse((files.get(path) as Buffer).toString('utf8'));
  edit(json.signed);
  const metadata = Metadata.fromJSON(kind as MetadataKind.Targets, json);
  metadata.signatures = {};
  for (const key of keys) metadata.sign((data) => key.sign(data));
  files.set(path, Buffer.from(JSON.stringify(metadata.toJSON())));
}

/** New metadata of a thief's own. */
export function put(
  { files }: Pick<TestCatalogue, 'files'>,
  path: string,
  signed: Targets | Snapshot | Timestamp,
  key: CatalogueKey,
): void {
  const metadata = new Metadata(signed as Targets);
  metadata.sign((data) => key.sign(data));
  files.set(path, Buffer.from(JSON.stringify(metadata.toJSON())));
}
