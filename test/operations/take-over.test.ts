import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { configure, configureFromSnap, warnOfRisks } from '../../src/operations/configure.ts';
import type { Context } from '../../src/operations/context.ts';
import { snapSettings } from '../../src/store/snap-settings.ts';
import { openStore } from '../../src/store/store.ts';
import { keptSigner } from '../patch/make/pki.ts';
import { OBSTACLES } from '../store/obstacles.ts';
import { temporaryDirectory } from '../temporary.ts';

const rsa = keptSigner({}).pem.trim();
const short = keptSigner({ newkey: 'rsa:1024', extra: ['-sha256'] }).pem.trim();
const ec = keptSigner({ newkey: 'ec', extra: ['-pkeyopt', 'ec_paramgen_curve:prime256v1'] }).pem.trim();
const lines = (pem: string) => pem.split('\n').length;
/** Valid base64 of what is no certificate. */
const hollow = `-----BEGIN CERTIFICATE-----\n${Buffer.from('no certificate').toString('base64')}\n-----END CERTIFICATE-----`;

/** A machine that is not enabled, on which snapd holds these values. */
function given(values: Record<string, unknown> = {}, revision = 'x1') {
  const common = temporaryDirectory();
  const env = {
    SNAP: '/nonexistent',
    SNAP_NAME: 'canonical-livepatch',
    SNAP_COMMON: common,
    SNAP_DATA: common,
  };
  const warnings: string[] = [];
  const told: string[] = [];
  const snapd = async (verb = '', _option = '', ...words: string[]) => {
    if (verb === 'set') told.push(...words);
    for (const word of verb === 'set' ? words : []) {
      const at = word.indexOf('=');
      values[word.slice(0, at)] = word.slice(at + 1);
    }
    return { ok: true, stdout: JSON.stringify(values), stderr: '' };
  };
  const settingsPath = join(common, 'snap-settings');
  const as = (name: string) => {
    const store = { ...openStore(env), snapSettings: snapSettings(settingsPath, name, snapd) };
    return { store, warn: (text: string) => warnings.push(text) } as unknown as Context;
  };
  const context = as(revision);
  return {
    as,
    context,
    store: context.store,
    values,
    told,
    warnings,
    path: join(common, 'config'),
    settingsPath,
  };
}

describe('certificates that are set', () => {
  it.each([
    ['ca-certs', rsa],
    ['ca-certs', ec],
    ['ca-certs', `\ufeffsubject=x\r\n${rsa.replaceAll('\n', '\r\n')}\r\n\r\n${ec}\n`],
    ['signing-certs', rsa],
    ['signing-certs', `\ufeff${rsa}\n\n# the other\n${rsa.replaceAll('\n', '\r\n')}\r\n`],
  ])('are taken when they can be used (%s, %#)', async (key, pem) => {
    const { context, store } = given();
    await configure(context, { [key]: pem });
    expect(store.config.texts()).toHaveProperty([key], pem.replace('\ufeff', '').replaceAll('\r\n', '\n'));
    expect(store.config.read()).toBeTruthy();
  });

  it.each([
    [
      'ca-certs',
      `${rsa}\n${hollow}`,
      `certificate 2 of 2, line ${lines(rsa) + 1}: it cannot be read as a certificate`,
    ],
    [
      'ca-certs',
      `# x\n${short}\n${rsa}`,
      'certificate 1 of 2, line 2: its RSA key of 1024 bits is too short: it must have 2048 or more',
    ],
    ['ca-certs', rsa.slice(0, -30), 'certificate 1 of 1, line 1: it is broken or cut short'],
    ['ca-certs', rsa.replace(/\n[^\n]+/, '\n'), 'certificate 1 of 1, line 1: it'],
    ['signing-certs', ec, 'its key is not an RSA key'],
    ['signing-certs', `${rsa}\n${ec}`, 'its key is not an RSA key'],
    ['signing-certs', short, 'RSA key of 1024 bits is too short'],
    ['signing-certs', hollow, ''],
    ['signing-certs', rsa.slice(0, 300), 'certificate 1 of 1, line 1: it is broken or cut short'],
  ])('are refused when they cannot, and all stays as it was (%s, %#)', async (key, pem, why) => {
    const { context, path, told } = given();
    writeFileSync(path, 'tier: edge\n');
    const running = configure(context, { 'dial-timeout': '20s', [key]: pem });
    await expect(running).rejects.toMatchObject({
      ...{ code: 'config', exitStatus: 78 },
      message: expect.stringMatching(new RegExp(`^config update aborted: ${key}: .*${why}`)),
    });
    expect(readFileSync(path, 'utf8')).toBe('tier: edge\n');
    expect(told).toEqual([]);
  });
});

describe('the configure hook', () => {
  let machine: ReturnType<typeof given>;
  beforeEach(async () => {
    machine = given();
    await configureFromSnap(machine.context);
    machine.told.length = 0;
  });

  it('takes over what was set with snap set', async () => {
    machine.values.tier = 'edge';
    machine.values['check-interval'] = 90;
    await configureFromSnap(machine.context);
    expect(machine.store.config.read()).toMatchObject({ tier: 'edge', checkInterval: 5_400_000 });
    expect(machine.warnings).toEqual([]);
  });

  it.each([
    ['check-interval', 5, 'config update aborted: check-interval: must be 0, or'],
    ['no-proxy', { a: 1 }, 'config update aborted: no-proxy: must be a single value'],
    ['signing-certs', ec, 'config update aborted: signing-certs: '],
    [
      'ca-certs',
      '-----BEGIN PRIVATE KEY-----\nopensesame',
      'config update aborted: ca-certs: holds a private key',
    ],
  ])(
    'fails when snap set asked for something wrong, and takes nothing over: %s',
    async (key, value, message) => {
      machine.values[key] = value;
      machine.values.tier = 'edge';
      await expect(configureFromSnap(machine.context)).rejects.toMatchObject({
        code: 'config',
        message: expect.stringContaining(message),
      });
      expect(machine.store.config.texts().tier).toBe('');
      expect(JSON.stringify(machine.told)).not.toContain('opensesame');
    },
  );

  it.each([
    ['check-interval', 5],
    ['no-proxy', { a: 1 }],
    ['signing-certs', ec],
    ['http-proxy', 'http://u:****@proxy'],
  ])('does not undo a refresh or revert over a value of another revision: %s', async (key, value) => {
    machine.values[key] = value;
    machine.values.tier = 'edge';
    await configureFromSnap(machine.as('x2'));
    expect(machine.store.config.texts()).toMatchObject({
      tier: 'edge',
      [key]: key === 'check-interval' ? '60' : '',
    });
    // From now on snap set is told again.
    machine.values['check-interval'] = 7;
    await expect(configureFromSnap(machine.as('x2'))).rejects.toMatchObject({ code: 'config' });
  });

  it.each([
    ['a key of a newer revision', 'newer-key: 1\n'],
    ['a line that something stands in for', 'log-level: loud\n'],
    ['a line that nothing stands in for', 'remote-server: nowhere\n'],
    ['a line that is none', '- x\n'],
    ['a private key', 'ca-certs: |\n  -----BEGIN PRIVATE KEY-----\n  opensesame\n'],
  ])('warns, and does not fail, over %s in the file', async (_what, text) => {
    writeFileSync(machine.path, text);
    for (const revision of ['x1', 'x2']) {
      machine.warnings.length = 0;
      await configureFromSnap(machine.as(revision));
      expect(machine.warnings).toEqual([expect.stringContaining(`${machine.path}, line 1: `)]);
    }
    expect(readFileSync(machine.path, 'utf8')).toBe(text);
    expect(JSON.stringify([machine.told, machine.warnings])).not.toContain('opensesame');
    // And snap set works all the same.
    machine.values.tier = 'edge';
    await configureFromSnap(machine.as('x2'));
    expect(readFileSync(machine.path, 'utf8')).toBe(`${text}tier: edge\n`);
  });

  it.each(Object.entries(OBSTACLES))(
    'does not fail when %s is in the place of its memory',
    async (_what, obstruct) => {
      const fresh = given({ tier: 'edge' });
      obstruct(fresh.settingsPath);
      await configureFromSnap(fresh.context);
      expect(fresh.store.config.texts().tier).toBe('edge');
      expect(fresh.store.snapSettings.isSettled()).toBe(true);
    },
  );

  it('does not fail over the file when nothing of ours was set, and does when something cannot be put there', async () => {
    OBSTACLES['bytes that are not UTF-8']?.(machine.path);
    await configureFromSnap(machine.context);
    expect(machine.warnings.join('\n')).toContain('not UTF-8 text');
    machine.values.tier = 'edge';
    await expect(configureFromSnap(machine.context)).rejects.toMatchObject({ exitStatus: 78 });
  });

  it('fails no refresh when the file itself cannot be read', async () => {
    const fresh = given({ tier: 'edge' });
    OBSTACLES['bytes that are not UTF-8']?.(fresh.path);
    await configureFromSnap(fresh.context);
    expect(fresh.warnings.join('\n')).toContain('not UTF-8 text');
  });
});

it('tells what is wrong and what is risky, each once', () => {
  const { context, path, warnings } = given();
  writeFileSync(path, 'log-level: loud\nremote-server: http://x.test\n');
  warnOfRisks(context);
  expect(warnings).toEqual([expect.stringContaining('log-level'), expect.stringContaining('is not https')]);
});
