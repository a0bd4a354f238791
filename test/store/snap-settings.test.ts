import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapSettings } from '../../src/store/snap-settings.ts';
import { temporaryDirectory } from '../temporary.ts';
import { OBSTACLES } from './obstacles.ts';

/** snapd as snapctl shows it: a JSON value by key, and every `set` that it was told. */
function fakeSnapd(values: Record<string, unknown> = {}) {
  const told: string[][] = [];
  async function ask(verb = '', option = '', ...words: string[]) {
    if (verb === 'get') {
      const asked = words.filter((key) => key in values).map((key) => [key, values[key]]);
      return { ok: true, stdout: JSON.stringify(Object.fromEntries(asked)), stderr: '' };
    }
    told.push([verb, option, ...words]);
    for (const word of words) {
      const at = word.indexOf('=');
      values[word.slice(0, at)] = word.slice(at + 1);
    }
    return { ok: true, stdout: '', stderr: '' };
  }
  const path = join(temporaryDirectory(), 'snap-settings');
  return {
    path,
    values,
    told,
    settings: snapSettings(path, 'x1', ask),
    later: snapSettings(path, 'x2', ask),
  };
}

describe('the configuration as snapd has it', () => {
  it('hands over what was set, as it would be written in the file', async () => {
    const { settings } = fakeSnapd({ 'check-interval': 90, 'tls-patch-download': true, 'no-proxy': 'a,b' });

    expect(await settings.changes()).toEqual({
      'check-interval': '90',
      'tls-patch-download': 'true',
      'no-proxy': 'a,b',
    });
  });

  it('tells snapd only what is new to it', async () => {
    const { settings, told } = fakeSnapd();
    await settings.publish({ 'check-interval': '60', 'log-level': 'info' });
    await settings.publish({ 'check-interval': '90', 'log-level': 'info' });
    await settings.publish({ 'check-interval': '90', 'log-level': 'info' });

    expect(told).toEqual([
      ['set', '-s', 'check-interval=60', 'log-level=info'],
      ['set', '-s', 'check-interval=90'],
    ]);
    expect(await settings.changes()).toEqual({});
  });

  it('shows as a string what snapd took for a number', async () => {
    const { settings, values } = fakeSnapd();
    await settings.publish({ 'check-interval': '60' });
    values['check-interval'] = 90;
    await settings.publish({ 'check-interval': '90' });

    expect(values['check-interval']).toBe('90');
  });

  it('tells a value that was unset from one that was changed in the file', async () => {
    const { settings, values } = fakeSnapd();
    await settings.publish({ 'check-interval': '60', 'log-level': 'info', 'dial-timeout': '12s' });

    delete values['log-level'];
    values['dial-timeout'] = '30s';

    expect(await settings.changes()).toEqual({ 'log-level': '', 'dial-timeout': '30s' });
  });

  describe('with the password of a proxy', () => {
    const proxy = (password: string, host = 'proxy.test') => `socks5://fleet:${password}@${host}:1080`;

    it('never has it in the arguments of snapctl, nor in a file of its own', async () => {
      const { path, settings, told, values } = fakeSnapd();
      await settings.publish({ 'https-proxy': proxy('opensesame') });
      expect(values['https-proxy']).toBe(proxy('****'));
      expect(JSON.stringify(told) + readFileSync(path, 'utf8')).not.toContain('opensesame');
    });

    it('takes the masked one for no change', async () => {
      const { settings } = fakeSnapd();
      await settings.publish({ 'https-proxy': proxy('opensesame'), 'log-level': 'info' });
      expect(await settings.changes()).toEqual({});
    });

    it('takes over one that is set with snap, and masks it there', async () => {
      const { settings, told, values } = fakeSnapd();
      await settings.publish({ 'https-proxy': proxy('opensesame') });
      values['https-proxy'] = proxy('another');
      expect(await settings.changes()).toEqual({ 'https-proxy': proxy('another') });
      await settings.publish({ 'https-proxy': proxy('another') });
      expect(values['https-proxy']).toBe(proxy('****'));
      expect(JSON.stringify(told)).not.toContain('another');
      expect(await settings.changes()).toEqual({});
    });

    it('refuses the stars in place of one', async () => {
      const { settings, values } = fakeSnapd();
      await settings.publish({ 'https-proxy': proxy('opensesame') });
      values['https-proxy'] = proxy('****', 'elsewhere.test');
      await expect(settings.changes()).rejects.toThrow(
        'config update aborted: https-proxy: holds ****, which is only shown in place of a secret or a long text',
      );
    });
  });

  it('refuses what is no single value', async () => {
    const { settings, values } = fakeSnapd();
    await settings.publish({});
    values['no-proxy'] = { a: 1 };

    await expect(settings.changes()).rejects.toThrow(
      'config update aborted: no-proxy: must be a single value',
    );
  });

  it.each([
    ['a private key', '-----BEGIN PRIVATE KEY-----\nopensesame\n-----END PRIVATE KEY-----'],
    ['half a private key', '-----BEGIN RSA PRIVATE KEY-----\nopensesame'],
    ['a text too long for an argument', `opensesame${'x'.repeat(130_000)}`],
  ])('never has %s in the arguments of snapctl', async (_what, text) => {
    const { path, settings, told, values } = fakeSnapd();
    await settings.publish({ 'ca-certs': text });
    expect(values['ca-certs']).toBe('****');
    expect(JSON.stringify(told) + readFileSync(path, 'utf8')).not.toContain('opensesame');
    expect(await settings.changes()).toEqual({});
  });

  it.each([
    'http://fleet:opensesame@proxy.test:3128',
    'fleet:opensesame@proxy.test:3128',
    'fleet:open@sesame/#?%@proxy.test',
    'HTTP://fleet:opensesame@proxy.test/',
    'socks5://:opensesame@proxy.test',
  ])('never has the password of %s there, however it is spelled', async (text) => {
    const { settings, told } = fakeSnapd();
    await settings.publish({ 'https-proxy': text });
    expect(JSON.stringify(told)).not.toMatch(/sesame/);
    expect(JSON.stringify(told)).toContain('****@proxy.test');
  });

  describe('after another revision, or without a memory', () => {
    it('is not settled until it is published', async () => {
      const { later, settings } = fakeSnapd();
      expect([settings.isSettled(), later.isSettled()]).toEqual([false, false]);
      await settings.publish({ tier: 'edge' });
      expect([settings.isSettled(), later.isSettled()]).toEqual([true, false]);
      await later.publish({ tier: 'edge' });
      expect([settings.isSettled(), later.isSettled()]).toEqual([false, true]);
    });

    it('knows nothing of keys of a newer revision', async () => {
      const { later, settings } = fakeSnapd();
      await settings.publish({ tier: 'edge', 'newer-key': '1' });
      expect(await later.changes()).toEqual({});
    });

    it('passes over what cannot be taken', async () => {
      const { later, settings, values } = fakeSnapd();
      await settings.publish({ tier: 'edge' });
      values['no-proxy'] = { a: 1 };
      values['http-proxy'] = 'http://u:****@proxy';
      values.tier = 'beta';
      expect(await later.changes()).toEqual({ tier: 'beta' });
    });

    it.each(Object.entries(OBSTACLES))(
      'takes all that snapd has when %s is in its place',
      async (_what, obstruct) => {
        const { path, settings } = fakeSnapd({ tier: 'edge', 'https-proxy': 'http://u:****@proxy' });
        obstruct(path);
        expect(settings.isSettled()).toBe(false);
        expect(await settings.changes()).toEqual({ tier: 'edge' });
        await settings.publish({ tier: 'edge' });
        expect(settings.isSettled()).toBe(true);
      },
    );
  });

  it('does nothing outside a snap', async () => {
    const settings = snapSettings('/nonexistent/snap-settings', 'x1', undefined);

    await expect(settings.publish({ 'log-level': 'info' })).resolves.toBeUndefined();
  });
});
