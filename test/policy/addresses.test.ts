import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isExempt,
  isNear,
  noProxyProblem,
  proxyProblem,
  serverUrlProblem,
} from '../../src/policy/addresses.ts';

describe('the address of a proxy', () => {
  it.each([
    'http://proxy.example.com:3128',
    'https://proxy.example.com',
    'socks5://[fd00::1]:1080',
    'http://proxy.example.com:3128/',
    'proxy.example.com:3128',
    '1.2.3.4',
    '1.2.3.4:3128',
    'http://user:pass@proxy.example.com',
    'http://user:p%40ss%25@proxy.example.com',
    'http://user:p:a:s:s@proxy.example.com',
    'http://user:[b]$|^"`{}@proxy.example.com',
    'user:pass@proxy.example.com:3128',
  ])('%s is good', (text) => expect(proxyProblem(text)).toBeUndefined());

  it.each([
    ['http://u:100%@p', 'holds a % in its user or password that encodes nothing: write %25 there'],
    ['http://u:%zz@p', 'holds a % in its user or password that encodes nothing: write %25 there'],
    ['http://u:%4@p', 'holds a % in its user or password that encodes nothing: write %25 there'],
    ['http://u%:x@p', 'holds a % in its user or password that encodes nothing: write %25 there'],
    ['http://u:%ff@p', 'encodes a user or password that is not UTF-8'],
    ['http://u:a@b@p', 'holds a @ in its user or password: write %40 there'],
    ['http://u:a/b@p', 'holds a / in its user or password: write %2F there'],
    ['u:a/b@p', 'holds a / in its user or password: write %2F there'],
    ['http://u:a\\b@p', 'holds a \\ in its user or password: write %5C there'],
    ['http://u:a#b@p', 'holds a # in its user or password: write %23 there'],
    ['http://u:a?b@p', 'holds a ? in its user or password: write %3F there'],
    ['http://u:a b@p', 'must hold no white space; in a password, write %20'],
    ['http://p\n', 'must hold no white space; in a password, write %20'],
    ['http://p/proxy.pac', 'must hold no path (/)'],
    ['http://p?x', 'must hold no query (?)'],
    ['http://p#x', 'must hold no fragment (#)'],
    ['ftp://p', 'is not the address of an http, https or socks5 proxy'],
    ['http://', 'is not the address of an http, https or socks5 proxy'],
    ['http:///', 'is not the address of an http, https or socks5 proxy'],
    ['http://p:99999', 'is not the address of an http, https or socks5 proxy'],
    ['::', 'is not the address of an http, https or socks5 proxy'],
    ['DIRECT', undefined],
  ])('%j: %s', (text, problem) => expect(proxyProblem(text)).toBe(problem));

  it('takes every user and password that are encoded, and keeps them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), (password) => {
        const text = `http://fleet:${encodeURIComponent(password)}@proxy.example.com:3128`;
        expect(proxyProblem(text)).toBeUndefined();
        expect(decodeURIComponent(new URL(text).password)).toBe(password);
      }),
    );
  });

  it('is refused, or no piece of its password is a piece of another part', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'@/#?\\%:a[] \t'.split('')) }), (password) => {
        const text = `http://u:${password}@proxy.example.com`;
        if (proxyProblem(text) !== undefined) return;
        expect(new URL(text)).toMatchObject({
          hostname: 'proxy.example.com',
          pathname: '/',
          search: '',
          hash: '',
        });
      }),
    );
  });
});

describe('the address of the server', () => {
  it.each(['https://livepatch.example.com', 'http://10.0.0.1:8443/path/', 'HTTPS://[::1]/'])(
    '%s is good',
    (text) => expect(serverUrlProblem(text)).toBeUndefined(),
  );

  it.each([
    ['https://a?', 'must hold no query (?)'],
    ['https://a#', 'must hold no fragment (#)'],
    ['https://a b', 'must hold no white space'],
    ['https://a\n', 'must hold no white space'],
    ['https:a', 'must be a URL that begins with https:// or http://'],
    ['ftp://a', 'must be a URL that begins with https:// or http://'],
    ['livepatch.example.com', 'must be a URL that begins with https:// or http://'],
    ['', 'must be a URL that begins with https:// or http://'],
    ['https://user@a', 'must hold no user or password'],
    ['https://:x@a', 'must hold no user or password'],
  ])('%j: %s', (text, problem) => expect(serverUrlProblem(text)).toBe(problem));
});

describe('an entry of no-proxy', () => {
  it.each([
    ['*', 'https://a.example.com', true],
    ['a.example.com', 'https://a.example.com', true],
    ['A.EXAMPLE.com', 'https://a.example.COM', true],
    ['example.com', 'https://a.example.com', true],
    ['.example.com', 'https://a.example.com', true],
    ['.example.com', 'https://example.com', true],
    ['*.example.com', 'https://a.example.com', true],
    ['example.com', 'https://anexample.com', false],
    ['a.example.com', 'https://example.com', false],
    ['example.com:443', 'https://example.com', true],
    ['example.com:8443', 'https://example.com', false],
    ['example.com:80', 'http://example.com', true],
    ['b.com, example.com', 'https://example.com', true],
    ['b.com example.com', 'https://example.com', true],
    ['10.0.0.1', 'https://10.0.0.1', true],
    ['10.0.0.0/8', 'https://10.2.3.4:8443', true],
    ['10.0.0.0/8', 'https://11.2.3.4', false],
    ['10.0.0.0/99', 'https://10.2.3.4', false],
    ['10.0.0.0/8', 'https://10.example.com', false],
    ['x/8', 'https://10.2.3.4', false],
    ['::1', 'https://[::1]', true],
    ['[::1]:8443', 'https://[::1]:8443', true],
    ['fd00::/8', 'https://[fd12::1]', true],
    ['fd00::/8', 'https://10.0.0.1', false],
    ['', 'https://example.com', false],
    [', ,', 'https://example.com', false],
    ['10.0.0.1e1', 'https://10.0.0.10', false],
    ['10.*', 'https://x.undefined', false],
    ['a:example.com:443', 'https://example.com', false],
    ['example.com:443x', 'https://example.com', false],
    ['fd00::1.', 'https://[fd00::1]', false],
    ['1[::2]', 'https://[1::2]', false],
    ['::1]?[', 'https://[::1]', false],
    ['x@[::1', 'https://[::1]', false],
    ['fd00::1', 'https://[FD00:0:0::0001]', true],
    ['FD00:0:0:0:0:0:0:1', 'https://[fd00::1]', true],
    ['[fd00::1]', 'https://[fd00::1]', true],
    ['::ffff:10.0.0.1', 'https://10.0.0.1', true],
    ['10.0.0.1', 'https://[::ffff:a00:1]', true],
    ['10.0.0.0/8', 'https://[::ffff:10.2.3.4]', true],
    ['fd00:0::/8', 'https://[fd12::1]', true],
    ['::/0', 'https://[fd12::1]', true],
    ['::/0', 'https://10.0.0.1', false],
    ['Example.COM.', 'https://a.example.com', true],
    ['example.com', 'https://EXAMPLE.com.', true],
    ['bücher.example', 'https://xn--bcher-kva.example', true],
    ['example.com:0443', 'https://example.com', true],
    ['[fd00:0::1]:443', 'https://[fd00::1]', true],
    ['fd00::1:443', 'https://[fd00::1]', false],
    ['0.0.1', 'https://10.0.0.1', false],
    ['0.0.1', 'https://0.0.0.1', false],
  ])('%j for %s: %s', (noProxy, url, exempt) => expect(isExempt(new URL(url), noProxy)).toBe(exempt));

  it.each([
    ['', undefined],
    ['*, example.com .example.com *.example.com', undefined],
    ['10.0.0.1,10.0.0.0/8,::1,[::1]:443,fe80::/10,example.com:8443,localhost', undefined],
    ['a_b.example', undefined],
    ['example.com:1, example.com:65535, 10.0.0.0/32, fd00::/128', undefined],
    ['http://example.com', 'write a name or an address without a scheme'],
    ['example.com/path', 'it is no range of addresses such as 10.0.0.0/8'],
    ['10.0.0.0/8/8', 'it is no range of addresses such as 10.0.0.0/8'],
    ['10.0.0.0/33', 'the range ends in /0 to /32'],
    ['fd00::/129', 'the range ends in /0 to /128'],
    ['10.0.0.0/', 'the range ends in /0 to /32'],
    ['10.0.0.0/x8', 'the range ends in /0 to /32'],
    ['10.0.0.010', 'write addresses in full (10.0.0.8), and ranges like 10.0.0.0/8'],
    ['10.0.', 'write addresses in full (10.0.0.0), and ranges like 10.0.0.0/8'],
    ['192.168', 'write addresses in full (192.0.0.168), and ranges like 10.0.0.0/8'],
    ['0x7f.1', 'write addresses in full (127.0.0.1), and ranges like 10.0.0.0/8'],
    ['10.*', 'only a whole first label can be *, as in *.example.com'],
    ['*example.com', 'only a whole first label can be *, as in *.example.com'],
    ['a.com;b.com', 'it is no name of a host; entries are separated by commas'],
    ['<local>', 'it is no name of a host; entries are separated by commas'],
    ['*.', 'it is no name of a host; entries are separated by commas'],
    ['.', 'it is no name of a host; entries are separated by commas'],
    ['256.0.0.1', 'it is no name of a host; entries are separated by commas'],
    ['fe80::1%eth0', 'it is no name of a host; entries are separated by commas'],
    ['example.com:0', 'no such port'],
    ['example.com:65536', 'no such port'],
    ['example.com:https', 'it is no name of a host; entries are separated by commas'],
  ])('%j: %s', (text, problem) => {
    expect(noProxyProblem(text)).toBe(problem && `"${text}" can never match: ${problem}`);
    expect(noProxyProblem(`ok.example, ${text}`)).toBe(problem && `"${text}" can never match: ${problem}`);
  });

  it.each(['http://fleet:s3cret@proxy', 'fleet:s3cret@proxy', 's3cret@proxy/8', 's3cret@proxy:3128'])(
    'that may hold a password is not repeated: %s',
    (entry) => {
      expect(noProxyProblem(`ok.example, ${entry}`)).toMatch(/^entry 2 can never match: /);
      expect(noProxyProblem(`ok.example, ${entry}`)).not.toContain('s3cret');
    },
  );

  it('matches any spelling of its own address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const host = address.includes(':') ? `[${address}]` : address;
        const url = new URL(`https://${host}`);
        expect(isExempt(url, address)).toBe(true);
        expect(isExempt(url, url.hostname.toUpperCase())).toBe(true);
        expect(isExempt(url, `${address}/${address.includes('.') ? 1 : 8}`)).toBe(true);
      }),
    );
  });

  it('can match, or is refused', () => {
    const piece = fc.constantFrom(
      'a',
      'B',
      '.',
      '*',
      ':',
      '1',
      '10',
      '/',
      '[',
      ']',
      '::',
      '-',
      '%',
      '@',
      '255',
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
        const entry = pieces.join('');
        if (noProxyProblem(entry) !== undefined || entry === '*') return;
        const [, port] = /[^:]:(\d+)$/.exec(entry) ?? [];
        const host = entry.replace(/\/.*$/, '').replace(/^\*?\./, '');
        const url =
          URL.parse(`http://[${host}]`) ??
          URL.parse(`http://${host}`) ??
          expect.unreachable(`${entry} stands for no URL`);
        if (port !== undefined && url.port === '' && !host.startsWith('[')) url.port = port;
        expect(isExempt(url, entry)).toBe(true);
      }),
    );
  });
});

describe('an address near this machine', () => {
  it.each([
    '127.0.0.1',
    '127.255.255.255',
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
    '::',
    'fe80::1',
    'febf::1',
    'fe80::1%eth0',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
  ])('is %s', (address) => expect(isNear(address)).toBe(true));

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '128.0.0.1',
    '126.255.255.255',
    '169.253.255.255',
    '2001:db8::1',
    'fd00::1',
    'fec0::1',
    '::2',
    '::ffff:10.0.0.1',
    'localhost',
    '',
  ])('is not %j', (address) => expect(isNear(address)).toBe(false));
});
