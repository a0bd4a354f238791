import { describe, expect, it } from 'vitest';
import { proxyFor } from '../../src/source/proxy.ts';

const NONE = { httpProxy: '', httpsProxy: '', noProxy: '' };
const HTTPS = new URL('https://livepatch.example.com');
const HTTP = new URL('http://livepatch.example.com');

describe('the proxy of a request', () => {
  it.each<[string, URL, Partial<typeof NONE>, NodeJS.ProcessEnv, string | undefined]>([
    ['none', HTTPS, {}, {}, undefined],
    ['the configured one', HTTPS, { httpsProxy: 'http://p:3128' }, {}, 'http://p:3128/'],
    ['for http its own', HTTP, { httpProxy: 'http://p', httpsProxy: 'http://q' }, {}, 'http://p/'],
    ['not that of https for http', HTTP, { httpsProxy: 'http://q' }, {}, undefined],
    ["the environment's", HTTPS, {}, { HTTPS_PROXY: 'http://e:1' }, 'http://e:1/'],
    ["the environment's for http", HTTP, {}, { HTTP_PROXY: 'http://e:1' }, 'http://e:1/'],
    [
      'lower case before upper case',
      HTTPS,
      {},
      { HTTPS_PROXY: 'http://u', https_proxy: 'http://l' },
      'http://l/',
    ],
    [
      'the configuration before the environment',
      HTTPS,
      { httpsProxy: 'socks5://c:1080' },
      { https_proxy: 'http://e' },
      'socks5://c:1080',
    ],
    [
      'one without a scheme',
      HTTPS,
      {},
      { https_proxy: 'proxy.example.com:3128' },
      'http://proxy.example.com:3128/',
    ],
    ['none where NO_PROXY says so', HTTPS, {}, { https_proxy: 'http://e', NO_PROXY: '*' }, undefined],
    [
      'none where no-proxy of the configuration says so',
      HTTPS,
      { httpsProxy: 'http://p', noProxy: 'livepatch.example.com' },
      {},
      undefined,
    ],
    [
      'no-proxy of the configuration before that of the environment',
      HTTPS,
      { noProxy: 'other.example.com' },
      { https_proxy: 'http://e', no_proxy: '*' },
      'http://e/',
    ],
  ])('%s', (_what, url, config, env, expected) => {
    expect(proxyFor(url, { ...NONE, ...config }, env)?.href).toBe(expected);
  });

  it.each([
    ['ftp://p', 'is not the address of an http, https or socks5 proxy'],
    ['http://user:100%@p', 'holds a % in its user or password that encodes nothing: write %25 there'],
  ])('is not %s, whose text is not repeated', (text, problem) => {
    expect(() => proxyFor(HTTPS, NONE, { HTTPS_PROXY: text })).toThrow(`HTTPS_PROXY: ${problem}`);
    expect(() => proxyFor(HTTPS, { ...NONE, httpsProxy: text }, {})).toThrow(`https-proxy: ${problem}`);
  });

  it('is the one without a scheme in the configuration, too', () => {
    expect(proxyFor(HTTPS, { ...NONE, httpsProxy: '1.2.3.4' }, {})?.href).toBe('http://1.2.3.4/');
  });
});
