import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { configFile } from '../../src/store/config.ts';
import { CONFIG_KEYS } from '../../src/store/config-keys.ts';
import { parseLines, withValue } from '../../src/store/config-lines.ts';
import { readIfThere } from '../../src/store/files.ts';
import { temporaryDirectory } from '../temporary.ts';
import { PRIVATE_KEY, CERTIFICATE as pem, REFUSED, ROOT, TAKEN } from './config-values.ts';
import { OBSTACLES } from './obstacles.ts';

/** Every control character, letters of one to three bytes, and a mark of the byte order. */
const anyText = fc
  .array(
    fc.oneof(fc.integer({ min: 0, max: 0x2fff }), fc.integer({ min: 0, max: 0x7f }), fc.constant(0xfeff)),
    {
      maxLength: 16,
    },
  )
  .map((codes) => String.fromCodePoint(...codes));

let path: string;
beforeEach(() => {
  path = join(temporaryDirectory(), 'config');
});
afterEach(() => void vi.useRealTimers());

describe('the configuration file', () => {
  it('is all defaults when it is not there', () => {
    const config = configFile(path).read();
    expect(config.remoteServer.href).toBe('https://livepatch.canonical.com/');
    expect(config).toMatchObject({
      ...{ dialTimeout: 12_000, checkInterval: 3_600_000, tlsPatchDownload: false, pings: true },
      ...{ catalogueRoot: '', tier: undefined, revertWithdrawn: false },
    });
  });

  it('is read as a person writes it', () => {
    writeFileSync(
      path,
      '\ufeff---\n# ours\nremote-server: "https://livepatch.example.com"\r\ncheck-interval: 0\npatch-delay: 2d # slow\nno-proxy: a.test,\n\n  b.test\n',
    );
    const config = configFile(path).read();
    expect(config.remoteServer.host).toBe('livepatch.example.com');
    expect(config).toMatchObject({ checkInterval: undefined, patchDelay: 172_800_000 });
    expect(config.noProxy.split(/\s/)).toEqual(['a.test,', 'b.test']);
    expect(configFile(path).problems()).toEqual([]);
  });

  it('may be indented as a whole', () => {
    writeFileSync(path, '  dial-timeout: 20s\n  log-level: debug\n');
    configFile(path).update({ 'log-level': 'info', tier: 'edge' });
    expect(readIfThere(path)).toBe('  dial-timeout: 20s\n  log-level: info\n  tier: edge\n');
    expect(configFile(path).read()).toMatchObject({ dialTimeout: 20_000, logLevel: 'info', tier: 'edge' });
  });

  it('keeps comments when it is changed, and forgets a key that is set to nothing', () => {
    writeFileSync(path, '# ours\ndial-timeout: 20s # slow line\n\n# level\nlog-level: debug\n# end');
    configFile(path).update({ 'dial-timeout': '30s', 'log-level': '', tier: 'edge' });
    expect(readIfThere(path)).toBe('# ours\ndial-timeout: 30s # slow line\n\n# level\n# end\ntier: edge\n');
  });

  it('reads back whatever may be set, and touches no other line', () => {
    const others = ['# a comment\n', 'newer: [1, 2]\n', 'dial-timeout: "30s\n', 'log-level: debug # why\n'];
    fc.assert(
      fc.property(
        anyText,
        fc.shuffledSubarray(others),
        fc.constantFrom('', 'no-proxy: old\n', 'no-proxy: |\n  old\n  older\n', 'no-proxy: [1]\n'),
        (value, before, old) => {
          const text = withValue(parseLines(`${before.join('')}${old}`), 'no-proxy', value);
          for (const line of before) expect(text).toContain(line);
          const found = parseLines(text).find(({ key }) => key === 'no-proxy');
          // What could not be kept is refused by `update`, which looks at what comes back, as is what is blank.
          const isBlank = value !== '' && value.trim() === '';
          if (!isBlank && !/[^\n\x20-\x7e]/.test(value)) expect(found?.value ?? '').toBe(value);
        },
      ),
    );
  });

  it('never throws anything but what a person can read', () => {
    const line = fc.oneof(
      anyText,
      fc.constantFrom(
        'remote-server: x',
        '- a',
        '? b',
        ': c',
        '  d',
        '\t',
        '"',
        "'",
        '{',
        '|',
        '*',
        '&a',
        '...',
      ),
      fc.constantFrom(...Object.keys(CONFIG_KEYS)).map((key) => `${key}: x`),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const parts = parseLines(lines.join('\n'));
        expect(parts.map(({ text }) => text).join('')).toBe(lines.join('\n'));
        for (const { problem } of parts) expect(problem ?? '').not.toMatch(/YAML\.|parseAll|[A-Z]{4}_/);
      }),
    );
  });
});

describe('a line that is wrong', () => {
  it.each([
    ['remote-server: ftp://x\n', 1, 'remote-server: must be a URL that begins with https:// or http://'],
    ['\nremote-server: https://user:secret@x\n', 2, 'remote-server: must hold no user or password'],
    ['remote-server https://x\n', 1, 'remote-server: must be of the form "key: value"'],
    ['remote-server=https://x\n', 1, 'remote-server: must be of the form "key: value"'],
    [
      'remote-server: https://a\nremote-server: https://b\n',
      2,
      'remote-server: is also set in line 1: keep one of them',
    ],
    ['remote-server: [https://a]\n', 1, 'remote-server: must be a single value'],
    [
      'remote-server: file:///media/stick\n',
      1,
      'remote-server: only a catalogue can be at a file:/// address, and that needs catalogue-root',
    ],
    ['https-proxy: http://u:p@a@b:1\n', 1, 'https-proxy: holds a @ in its user or password: write %40 there'],
    [
      'http-proxy: @x\n',
      1,
      'http-proxy: must be in single quotes, because it begins with a character that means something else in YAML',
    ],
    [
      'no-proxy: *.example.com\n',
      1,
      'no-proxy: must be in single quotes, because it begins with a character that means something else in YAML',
    ],
    [
      'no-proxy: !x\n',
      1,
      'no-proxy: must be in single quotes, because it begins with a character that means something else in YAML',
    ],
    ['no-proxy: a: b\n', 1, 'no-proxy: must be in single quotes, because it holds a colon and a space'],
    [
      'ca-certs: "C:\\certs"\n',
      1,
      'ca-certs: holds a \\ in double quotes that means something else there: use single quotes',
    ],
    ['ca-certs: "abc\nlog-level: debug\n', 1, 'ca-certs: begins with a quote that is not closed'],
    ['ca-certs: abc\n', 1, 'ca-certs: must be PEM certificates'],
    ['ca-certs: |\n-----BEGIN CERTIFICATE-----\n', 2, 'must be of the form "key: value"'],
    ['signing-certs: |\n  x\n', 1, 'signing-certs: must be PEM certificates'],
    ['tls-patch-download: yes\n', 1, 'tls-patch-download: must be true or false'],
    ['cutoff-date: yesterday\n', 1, 'cutoff-date: must be an RFC 3339 date, such as 2026-07-16T00:00:00Z'],
    [
      'patch-delay: 2 weeks\n',
      1,
      'patch-delay: must be a whole number and a unit (s, m, h, d, w), such as 12s',
    ],
    ['catalogue-root: abc\n', 1, "catalogue-root: must be a catalogue's root.json"],
    ['tier: Über\n', 1, 'tier: must be at most 64 lower-case letters, digits and dashes'],
    ['- x\n', 1, 'must be of the form "key: value"'],
    ['{remote-server: https://x}\n', 1, 'must be of the form "key: value"'],
    ['a: 1\n...\nremote-server: https://x\n', 2, 'must be of the form "key: value"'],
  ])('is named where nothing can stand in for it: %j', (text, line, reason) => {
    writeFileSync(path, text);
    const message = `${path}, line ${line}: ${reason}`;
    expect(() => configFile(path).read()).toThrow(
      expect.objectContaining({
        code: 'config',
        message,
        hint: 'Correct that line, or remove it to return to its default. The machine stays enabled.',
      }),
    );
    expect(configFile(path).problems()).toContain(message);
    // Another key can be set nevertheless.
    configFile(path).update({ 'check-interval': '90' });
    expect(readIfThere(path)).toBe(`${text}check-interval: "90"\n`.replace('"90"', '90'));
    expect(() => configFile(path).read()).toThrow(message);
  });

  it.each([
    [
      'log-level: loud\n',
      { logLevel: 'warning' },
      'log-level: must be one of debug, info, notice, warning, error; meanwhile it is warning',
    ],
    [
      'log-level: "debug\n',
      { logLevel: 'warning' },
      'log-level: begins with a quote that is not closed; meanwhile it is warning',
    ],
    [
      'log-level\n',
      { logLevel: 'warning' },
      'log-level: must be of the form "key: value"; meanwhile it is warning',
    ],
    [
      'dial-timeout: 0s\n',
      { dialTimeout: 12_000 },
      'dial-timeout: must be longer than 0; meanwhile it is 12s',
    ],
    [
      'dial-timeout: [1, 2]\n',
      { dialTimeout: 12_000 },
      'dial-timeout: must be a single value; meanwhile it is 12s',
    ],
    [
      'check-interval: 5\n',
      { checkInterval: 3_600_000 },
      'check-interval: must be 0, or a whole number of minutes, at least 60; meanwhile it is 60',
    ],
    ['pings: off\n', { pings: false }, 'pings: must be true or false; meanwhile it is false'],
    [
      'revert-withdrawn: 1\n',
      { revertWithdrawn: false },
      'revert-withdrawn: must be true or false; meanwhile it is false',
    ],
    ['newer-key: 1\n', {}, 'newer-key is no configuration key of this version, and has no effect'],
    ['newer-key: [1, 2]\n', {}, 'newer-key is no configuration key of this version, and has no effect'],
    ['constructor: 1\n', {}, 'constructor is no configuration key of this version, and has no effect'],
    [
      'http://u:opensesame@x: 1\n',
      {},
      'something is no configuration key of this version, and has no effect',
    ],
  ])('stops nothing but itself where something safe can: %j', (text, values, problem) => {
    writeFileSync(path, `tier: edge\n${text}`);
    const file = configFile(path);
    expect(file.read()).toMatchObject({ tier: 'edge', ...values });
    expect(file.problems()).toEqual([`${path}, line 2: ${problem}`]);
    file.update({ tier: 'beta' });
    expect(readIfThere(path)).toBe(`tier: beta\n${text}`);
  });

  it('is mended by setting its key', () => {
    writeFileSync(path, 'log-level: "debug\nremote-server https://x\nno-proxy: *\nno-proxy: a\n');
    configFile(path).update({ 'log-level': 'info', 'remote-server': 'https://y', 'no-proxy': '*' });
    expect(configFile(path).problems()).toEqual([]);
    expect(configFile(path).read()).toMatchObject({ logLevel: 'info', noProxy: '*' });
  });

  it.each(Object.entries(OBSTACLES).filter(([what]) => !/nothing|half/.test(what)))(
    'that is %s is said to be in the way of the file, in plain words',
    (_what, obstruct) => {
      obstruct(path);
      const file = configFile(path);
      expect(() => file.read()).toThrow(expect.objectContaining({ code: 'config' }));
      expect(file.problems()).toEqual([expect.stringContaining(path)]);
      // Without the path, whose random part may look like the name of an errno.
      expect(file.problems().join().replaceAll(path, '')).not.toMatch(/E[A-Z]{4,}/);
    },
  );

  it('that is a link says what to do, and the link stays', () => {
    const target = join(temporaryDirectory(), 'managed');
    writeFileSync(target, 'tier: edge\n');
    symlinkSync(target, path);
    expect(() => configFile(path).update({ tier: 'beta' })).toThrow(
      expect.objectContaining({
        message: `cannot read ${path}: it is a symbolic link, which is not followed`,
        hint: `Put the file itself at ${path}, or remove what is there to return to the defaults. The machine stays enabled.`,
      }),
    );
    expect(readFileSync(target, 'utf8')).toBe('tier: edge\n');
  });
});

describe('a value that is set', () => {
  it.each(REFUSED)('is refused, %s=%j, and all stays as it was', (key, value, reason) => {
    const before = 'tier: edge\nlog-level: "broken\n';
    writeFileSync(path, before);
    const message = `config update aborted: ${reason}`;
    let thrown: Error | undefined;
    try {
      configFile(path).update({ 'dial-timeout': '33s', [key]: value });
    } catch (error) {
      thrown = error as Error;
    }
    expect(thrown).toMatchObject({
      ...{ code: 'config', exitStatus: 78, message },
      hint: expect.stringMatching(/^Nothing was changed\. /),
    });
    expect(JSON.stringify([thrown?.message, thrown?.cause])).not.toContain('opensesame');
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it.each(TAKEN)('is taken, %s=%j', (key, value, values) => {
    const file = configFile(path);
    file.update({ [key]: value });
    expect(file.read()).toMatchObject(values);
    expect(file.problems()).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is one with what else is set in the same call', () => {
    const file = configFile(path);
    file.update({ 'remote-server': 'file:///media/stick/my%20patches', 'catalogue-root': ROOT });
    expect(file.read().remoteServer.pathname).toBe('/media/stick/my%20patches');
    expect(() => file.update({ 'catalogue-root': '' })).toThrow(
      'config update aborted: catalogue-root: is needed by remote-server: only a catalogue can be at a file:/// address',
    );
    file.update({ 'catalogue-root': '', 'remote-server': '' });
    expect(readIfThere(path)).toBe('');
    configFile(path, () => true).update({ 'remote-server': 'file:///media/stick' });
  });

  it('that lies in the past when it is set may lie ahead of a slow clock later', () => {
    const file = configFile(path);
    file.update({ 'cutoff-date': '2020-01-01T00:00:00Z' });
    vi.useFakeTimers({ now: 0 });
    expect(file.read().cutoffDate).toBe('2020-01-01T00:00:00Z');
    expect(file.problems()).toEqual([]);
  });

  it('is shown as it was written, but for a private key that somebody put into the file', () => {
    writeFileSync(path, `ca-certs: |\n${PRIVATE_KEY.replace(/^/gm, '  ')}\nlog-level: loud\n`);
    expect(configFile(path).texts()).toMatchObject({
      'ca-certs': '****',
      'log-level': 'loud',
      pings: 'true',
    });
    expect(() => configFile(path).read()).toThrow(
      `${path}, line 1: ca-certs: certificate 1 of 1, line 1: it is a private key, not a certificate`,
    );
  });

  it('is not written where the file could not be read back', () => {
    const huge = `${pem}\n`.repeat(5000);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'tier: edge\n');
    expect(() => configFile(path).update({ 'ca-certs': huge })).toThrow(
      expect.objectContaining({ code: 'storage' }),
    );
    expect(readIfThere(path)).toBe('tier: edge\n');
  });
});
