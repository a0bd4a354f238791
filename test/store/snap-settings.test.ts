import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapSettings } from '../../src/store/snap-settings.ts';
import { temporaryDirectory } from '../temporary.ts';

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
  return { path, values, told, settings: snapSettings(path, ask) };
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
        'config update aborted: https-proxy: the password is only shown as ****',
      );
    });
  });

  it('refuses what is no single value', async () => {
    const { settings } = fakeSnapd({ 'no-proxy': { a: 1 } });

    await expect(settings.changes()).rejects.toThrow(
      'config update aborted: no-proxy: must be a single value',
    );
  });

  it('does nothing outside a snap', async () => {
    const settings = snapSettings('/nonexistent/snap-settings', undefined);

    await expect(settings.publish({ 'log-level': 'info' })).resolves.toBeUndefined();
  });
});
