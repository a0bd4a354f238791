import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { renderSettings } from '../../src/report/settings.ts';

const SETTINGS = {
  'check-interval': '60',
  'tls-patch-download': 'false',
  'http-proxy': '',
  'ca-certs': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  'cutoff-date': '2026-07-16T00:00:00Z',
};

it('is lines that callers match on, also where a value has several lines', () => {
  const text = renderSettings(SETTINGS, 'humane');
  expect(text).toBe(`check-interval: 60
tls-patch-download: false
http-proxy: 
ca-certs: "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n"
cutoff-date: 2026-07-16T00:00:00Z`);
  expect(text.split('\n').filter((line) => !/^[a-z-]+: (.*)$/.test(line))).toEqual([]);
});

it('is strings in JSON and YAML, for readers of YAML 1.1 too', () => {
  expect(JSON.parse(renderSettings(SETTINGS, 'json'))).toEqual(SETTINGS);
  expect(parse(renderSettings(SETTINGS, 'yaml'), { version: '1.1' })).toEqual(SETTINGS);
});
