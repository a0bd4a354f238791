import type { ConfigKey } from '../../src/store/config-keys.ts';
import { keptSigner, makeSigner } from '../patch/make/pki.ts';

/** What people set, on the command line and on standard input, and what becomes of it. */

export const CERTIFICATE = makeSigner().pem.trim();
export const ROOT = '{"signed": {"_type": "root", "version": 1}, "signatures": []}';
export const PRIVATE_KEY = '-----BEGIN PRIVATE KEY-----\nMIIopensesame\n-----END PRIVATE KEY-----';

const LINES = CERTIFICATE.split('\n').length;
const EC = keptSigner({ newkey: 'ec', extra: ['-pkeyopt', 'ec_paramgen_curve:P-256'] }).pem.trim();
const SHORT = keptSigner({ newkey: 'rsa:1024' }).pem.trim();

/** Key, value and reason. */
export const REFUSED: [string, string, string][] = [
  ['no-such-key', '1', 'no-such-key: is not a configuration key'],
  ['__proto__', '1', 'what is before the =: is not a configuration key'],
  ['constructor', '1', 'constructor: is not a configuration key'],
  ['http://u:opensesame@x/?a', '1', 'what is before the =: is not a configuration key'],
  ['tier', ' ', "tier: is blank; 'tier=' puts the default back"],
  ['check-interval', '5', 'check-interval: must be 0, or a whole number of minutes, at least 60'],
  ['cutoff-date', '2999-01-01T00:00:00Z', 'cutoff-date: must be in the past'],
  [
    'remote-server',
    'file:///media/stick',
    'remote-server: only a catalogue can be at a file:/// address, and that needs catalogue-root',
  ],
  ['remote-server', 'https://x/?a', 'remote-server: must hold no query (?)'],
  ['remote-server', 'https://x/#a', 'remote-server: must hold no fragment (#)'],
  ['remote-server', 'https://x/ y', 'remote-server: must hold no white space'],
  ['remote-server', 'file://host/x', 'remote-server: must be a URL that begins with https:// or http://'],
  [
    'http-proxy',
    'http://u:50%@proxy',
    'http-proxy: holds a % in its user or password that encodes nothing: write %25 there',
  ],
  [
    'no-proxy',
    'http://x',
    'no-proxy: "http://x" can never match: write a name or an address without a scheme',
  ],
  ['catalogue-root', '{"signed": {"_type": "targets"}}', "catalogue-root: must be a catalogue's root.json"],
  ['catalogue-root', 'null', "catalogue-root: must be a catalogue's root.json"],
  ['catalogue-root', '[]', "catalogue-root: must be a catalogue's root.json"],
  ['tier', 'a'.repeat(65), 'tier: must be at most 64 lower-case letters, digits and dashes'],
  ['ca-certs', PRIVATE_KEY, 'ca-certs: holds a private key: give the certificates alone'],
  [
    'ca-certs',
    `${CERTIFICATE}\n${PRIVATE_KEY}`,
    'ca-certs: holds a private key: give the certificates alone',
  ],
  [
    'signing-certs',
    PRIVATE_KEY.replace('PRIVATE', 'RSA PRIVATE'),
    'signing-certs: holds a private key: give the certificates alone',
  ],
  [
    'signing-certs',
    PRIVATE_KEY.replace(/\n-----END.*/, ''),
    'signing-certs: holds a private key: give the certificates alone',
  ],
  ['catalogue-root', PRIVATE_KEY, 'catalogue-root: holds a private key: give the certificates alone'],
  ['ca-certs', 'abc', 'ca-certs: must be PEM certificates'],
  [
    'ca-certs',
    `${CERTIFICATE}\n${CERTIFICATE.slice(0, 200)}`,
    `ca-certs: certificate 2 of 2, line ${LINES + 1}: it is broken or cut short`,
  ],
  [
    'ca-certs',
    `${CERTIFICATE}\n${CERTIFICATE.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST')}`,
    `ca-certs: certificate 2 of 2, line ${LINES + 1}: it is not a certificate`,
  ],
  [
    'signing-certs',
    CERTIFICATE.replace(/[A-Za-z]\n/, '!\n'),
    'signing-certs: certificate 1 of 1, line 1: it is broken or cut short',
  ],
  ['signing-certs', 'CERTIFICATE', 'signing-certs: must be PEM certificates'],
  // Each of these would make another host of a piece of the password.
  ...[...'/#?@'].map((character): [string, string, string] => [
    'https-proxy',
    `http://user:opensesame${character}b@proxy:3128`,
    `https-proxy: holds a ${character} in its user or password: write ${
      character === '@' ? '%40' : encodeURIComponent(character)
    } there`,
  ]),
  ['https-proxy', 'http://proxy:3128/path', 'https-proxy: must hold no path (/)'],
  ['https-proxy', 'http://proxy/?q', 'https-proxy: must hold no query (?)'],
  ...['http://proxy:99999', 'ftp://proxy', 'http://', 'socks4://x'].map((value): [string, string, string] => [
    'http-proxy',
    value,
    'http-proxy: is not the address of an http, https or socks5 proxy',
  ]),
  ['https-proxy', 'a b', 'https-proxy: must hold no white space; in a password, write %20'],
  ['no-proxy', '10.0.0.0/33', 'no-proxy: "10.0.0.0/33" can never match: the range ends in /0 to /32'],
  [
    'no-proxy',
    'x.test, a:b',
    'no-proxy: "a:b" can never match: it is no name of a host; entries are separated by commas',
  ],
  ['no-proxy', 'host:99999', 'no-proxy: "host:99999" can never match: no such port'],
  [
    'no-proxy',
    'foo.*',
    'no-proxy: "foo.*" can never match: only a whole first label can be *, as in *.example.com',
  ],
  [
    'no-proxy',
    '[::1',
    'no-proxy: "[::1" can never match: it is no name of a host; entries are separated by commas',
  ],
  ...['livepatch.example.com', 'https://', 'ftp://x', 'x'].map((value): [string, string, string] => [
    'remote-server',
    value,
    'remote-server: must be a URL that begins with https:// or http://',
  ]),
  ['remote-server', 'https://u:opensesame@x', 'remote-server: must hold no user or password'],
  ['remote-server', 'https://x\ny', 'remote-server: must hold no white space'],
  ...['yesterday', '2026-13-01', '2026-02-30T00:00:00Z', '2026-07-16', '16/07/2026'].map(
    (value): [string, string, string] => [
      'cutoff-date',
      value,
      'cutoff-date: must be an RFC 3339 date, such as 2026-07-16T00:00:00Z',
    ],
  ),
  ...['14', '-1d', '1.5d', '1 day', '2weeks'].map((value): [string, string, string] => [
    'patch-delay',
    value,
    'patch-delay: must be a whole number and a unit (s, m, h, d, w), such as 12s',
  ]),
  ['dial-timeout', '0s', 'dial-timeout: must be longer than 0'],
  ...['soon', '20', '2d', '9999999999999w'].map((value): [string, string, string] => [
    'dial-timeout',
    value,
    'dial-timeout: must be a whole number and a unit (s, m, h), such as 12s',
  ]),
  ...['60m', '0x60', '59', '-60', '1e9', 'never'].map((value): [string, string, string] => [
    'check-interval',
    value,
    'check-interval: must be 0, or a whole number of minutes, at least 60',
  ]),
  ...['tls-patch-download', 'pings', 'revert-withdrawn'].flatMap((key) =>
    ['yes', 'on', '1', 'TRUE'].map((value): [string, string, string] => [
      key,
      value,
      `${key}: must be true or false`,
    ]),
  ),
  ['log-level', 'loud', 'log-level: must be one of debug, info, notice, warning, error'],
  ['tier', 'Stable', 'tier: must be at most 64 lower-case letters, digits and dashes'],
];

/** What the file could hold, and no signature could be accepted by. */
export const UNUSABLE: [string, string, string][] = [
  ['signing-certs', EC, 'signing-certs: line 1: its key is not an RSA key but EC'],
  [
    'signing-certs',
    SHORT,
    'signing-certs: line 1: its RSA key of 1024 bits is too short: it must have 2048 or more',
  ],
  [
    'signing-certs',
    `${CERTIFICATE}\n${EC}`,
    `signing-certs: certificate 2 of 2, line ${LINES + 1}: its key is not an RSA key but EC`,
  ],
];

/** Key, value, and what the configuration holds then. */
export const TAKEN: [ConfigKey, string, object][] = [
  ['dial-timeout', ' 20s\n', { dialTimeout: 20_000 }],
  ['remote-server', ' https://x.test/a/ \n', { remoteServer: new URL('https://x.test/a/') }],
  ['http-proxy', '1.2.3.4', { httpProxy: '1.2.3.4' }],
  ['https-proxy', 'socks5://fleet:p%40ss@[::1]:1080', { httpsProxy: 'socks5://fleet:p%40ss@[::1]:1080' }],
  ['no-proxy', '*', { noProxy: '*' }],
  ['no-proxy', '*.example.com, 10.0.0.0/8', { noProxy: '*.example.com, 10.0.0.0/8' }],
  ['catalogue-root', ROOT, { catalogueRoot: ROOT }],
  ['catalogue-root', JSON.stringify(JSON.parse(ROOT), null, 2), {}],
  ['tier', 'slow-2', { tier: 'slow-2' }],
  ['revert-withdrawn', 'true', { revertWithdrawn: true }],
  ['ca-certs', CERTIFICATE, { caCerts: `${CERTIFICATE}\n` }],
  ['ca-certs', `\ufeff${CERTIFICATE}\n`, { caCerts: `${CERTIFICATE}\n` }],
  ['ca-certs', CERTIFICATE.replaceAll('\n', '\r\n'), { caCerts: `${CERTIFICATE}\n` }],
  [
    'ca-certs',
    `subject=CN = x\n${CERTIFICATE}\n\nissuer\n\n${CERTIFICATE}\n# end`,
    { caCerts: `${CERTIFICATE}\n${CERTIFICATE}\n` },
  ],
  ['signing-certs', CERTIFICATE.replace(/^/gm, '  '), { signingCerts: `${CERTIFICATE}\n` }],
];
