import { expect, it } from 'vitest';
import { warningsOf } from '../../src/policy/config-warnings.ts';
import { parseConfig } from '../../src/store/config-keys.ts';

const HTTP =
  'remote-server http://livepatch.example.com is not https: anybody on the network path can take the machine token and hold patches back';

it.each([
  ['https://livepatch.example.com', 'true', []],
  ['http://livepatch.example.com', 'false', [HTTP]],
  [
    'http://livepatch.example.com',
    'true',
    [
      HTTP,
      'tls-patch-download is set: a server that is not https, and does not redirect there, cannot serve patches itself',
    ],
  ],
])('warns of what is risky about %s with tls-patch-download=%s', (server, onlyTls, warnings) => {
  const config = parseConfig({ 'remote-server': server, 'tls-patch-download': onlyTls });
  expect(warningsOf(config)).toEqual(warnings);
});
