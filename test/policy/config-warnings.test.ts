import { expect, it } from 'vitest';
import { warningsOf } from '../../src/policy/config-warnings.ts';
import { parseConfig } from '../../src/store/config-keys.ts';
import { makeCatalogue } from '../catalogue/make.ts';

const HTTP =
  'remote-server http://livepatch.example.com is not https: anybody on the network path can take the machine token and hold patches back';

const ONLY_TLS =
  'tls-patch-download is set: a server that is not https, and does not redirect there, cannot serve patches itself';
/** Of a catalogue, which is trusted by its signatures. */
const ROOT = makeCatalogue().root.toString();

it.each<[server: string, onlyTls: string, warnings: string[], root?: string]>([
  ['https://livepatch.example.com', 'true', []],
  ['http://livepatch.example.com', 'false', [HTTP]],
  ['http://livepatch.example.com', 'true', [HTTP, ONLY_TLS]],
  ['http://catalogue.example.com', 'false', [], ROOT],
  ['http://catalogue.example.com', 'true', [ONLY_TLS], ROOT],
  ['file:///srv/catalogue', 'true', [], ROOT],
])('warns of what is risky about %s with tls-patch-download=%s', (server, onlyTls, warnings, root = '') => {
  const settings = { 'remote-server': server, 'tls-patch-download': onlyTls, 'catalogue-root': root };
  const config = parseConfig(settings);
  expect(warningsOf(config)).toEqual(warnings);
});
