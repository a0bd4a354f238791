import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { configFile } from '../../src/store/config.ts';
import { readIfThere } from '../../src/store/files.ts';
import { temporaryDirectory } from '../temporary.ts';

describe('the configuration file', () => {
  let path: string;
  beforeEach(() => {
    path = join(temporaryDirectory(), 'config');
  });

  it('is all defaults when it is not there', () => {
    const config = configFile(path).read();
    expect(config.remoteServer.href).toBe('https://livepatch.canonical.com/');
    expect(config).toMatchObject({ dialTimeout: 12_000, checkInterval: 3_600_000, tlsPatchDownload: false });
  });

  it('is read as a person writes it', () => {
    writeFileSync(
      path,
      '# ours\nremote-server: "https://livepatch.example.com"\ncheck-interval: 0\npatch-delay: 2d\n',
    );
    const config = configFile(path).read();
    expect(config.remoteServer.host).toBe('livepatch.example.com');
    expect(config).toMatchObject({ checkInterval: undefined, patchDelay: 172_800_000 });
  });

  it('keeps comments when it is changed, and forgets a key that is set to nothing', () => {
    writeFileSync(path, '# ours\ndial-timeout: 20s # slow line\nlog-level: debug\n');
    configFile(path).update({ 'dial-timeout': '30s', 'log-level': '' });
    expect(readIfThere(path)).toBe('# ours\ndial-timeout: 30s # slow line\n');
  });

  it('changes nothing when one of several values is wrong', () => {
    const file = configFile(path);
    expect(() => file.update({ 'dial-timeout': '30s', 'check-interval': '5' })).toThrow(
      'config update aborted: check-interval: must be 0, or a whole number of minutes, at least 60',
    );
    expect(readIfThere(path)).toBeUndefined();
  });

  it.each([
    ['remote-server: ftp://x\n', 'line 1: remote-server: must be a URL that begins with https:// or http://'],
    ['\nremote-server: https://user:secret@x\n', 'line 2: remote-server: must hold no user or password'],
    ['a: b\n', 'line 1: a: is not a configuration key'],
    ['dial-timeout: [1, 2]\n', 'line 1: dial-timeout: must be a single value'],
    ['dial-timeout: 0s\n', 'line 1: dial-timeout: must be longer than 0'],
    ['- x\n', 'line 1: must be lines of "key: value"'],
    ['log-level: "debug\n', 'line 2: Missing closing "quote'],
    ['cutoff-date: 2999-01-01T00:00:00Z\n', 'line 1: cutoff-date: must be in the past'],
    ['cutoff-date: yesterday\n', 'line 1: cutoff-date: must be an RFC 3339 date'],
    ['tls-patch-download: yes\n', 'line 1: tls-patch-download: must be true or false'],
  ])('says where %j is wrong', (text, message) => {
    writeFileSync(path, text);
    expect(() => configFile(path).read()).toThrow(message);
  });
});
