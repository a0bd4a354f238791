import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import { COMMANDS } from '../../src/commands/index.ts';
import { linuxKernel } from '../../src/kernel/kernel.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import type { State } from '../../src/types.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { canMount, machine, TOKEN } from './machine.ts';

const VERBS = Object.keys(COMMANDS);
const NOT_ENABLED =
  "Machine is not enabled. Please run 'sudo canonical-livepatch enable' with the\ntoken obtained from https://ubuntu.com/livepatch.\n";
const seeHelp = (verb: string) => `See 'canonical-livepatch ${verb} --help'.\n`;
/** Where nothing listens. */
const NOWHERE = 'https://127.0.0.1:1';

const { kernel } = linuxKernel().machine();
/** A while ago: not so long that what is known is outdated. */
const AT = new Date(Date.now() - 600_000).toISOString();
const CHECKED: State = {
  ...EMPTY_STATE,
  lastCheck: { at: AT },
  lastGoodCheck: { at: AT, issuedAt: AT },
  advice: { kernel, support: 'supported', tier: 'stable', candidates: [], withdrawn: [], revokedKeys: [] },
};
const UPGRADE: State = {
  ...CHECKED,
  advice: {
    kernel,
    support: 'kernel-upgrade-required',
    tier: 'stable',
    upgradeRequiredDate: '2026-10-01',
    candidates: [],
    withdrawn: [],
    revokedKeys: [],
  },
};
const SIGNER = makeSigner();

/** A kernel that a reboot would lead to. */
const NEWER = kernel.replace(/^\d+/, '99');

/** All verbs but those that take any number of arguments. */
const COUNTING = VERBS.filter((verb) => !['apply', 'verify'].includes(verb));

/** Of every verb, the status that a wrong command line ends with; the one whose status is an answer has its own. */
const usage = (verb: string) => (verb === 'kernel-upgrade-required' ? 3 : 64);

describe.each(VERBS)('%s', (verb) => {
  it('refuses a flag that is not there', async () => {
    expect(await (await machine()).run([verb, '--bad'])).toEqual({
      status: usage(verb),
      stdout: '',
      stderr: expect.stringMatching(
        new RegExp(
          `^Nonexistent flag, word 1 after ${verb}: ${verb} has (--[a-z0-9-]+, )*--debug and --help\n`,
        ),
      ),
    });
  });

  it.runIf(COUNTING.includes(verb))('refuses arguments too many', async () => {
    const said: Record<string, string> = {
      config: 'only one key can be shown at a time\n',
      enable: `Unexpected argument: enable takes only TOKEN\n${seeHelp(verb)}`,
    };
    expect(await (await machine()).run([verb, 'x', 'y'])).toEqual({
      status: usage(verb),
      stdout: '',
      stderr:
        said[verb] ??
        `Unexpected argument: ${verb} takes none\n${verb === 'kernel-upgrade-required' ? '' : seeHelp(verb)}`,
    });
  });

  it('explains itself, with an example', async () => {
    const { status, stderr, stdout } = await (await machine()).run([verb, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`canonical-livepatch ${verb}`);
    expect(stdout).toContain('EXAMPLES');
    expect(await (await machine()).run(['help', verb])).toEqual({ status, stderr, stdout });
  });

  it('ends as ever when nobody reads what it prints', async () => {
    const { run } = await machine(CHECKED);
    const words = [verb, '--help'];
    expect(await run(words, { closedStdout: true })).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('without root', () => {
  it.each([
    ['enable', ['enable', 'token-token-token']],
    ['apply', ['apply', 'patch.tar.gz']],
    ['apply', ['apply', '--dry-run', 'patch.tar.gz']],
    ['disable', ['disable']],
    ['refresh', ['refresh']],
    ['refresh', ['refresh', '--dry-run', '--skip-phase']],
    ['revert', ['revert']],
    ['revert', ['revert', '--all']],
    ['history', ['history']],
    ['config', ['config', 'dial-timeout=20s']],
    ['status', ['status', '--show-secrets']],
  ])('%s says what to run', async (verb, words) => {
    expect(await (await machine(CHECKED)).run(words, { asNobody: true })).toEqual({
      status: 77,
      stdout: '',
      stderr: `This command must be run as root.\nRun 'sudo canonical-livepatch ${verb}'.\n`,
    });
  });

  it('status works, and knows no secret', async () => {
    const { run } = await machine(CHECKED);
    const asRoot = await run(['status', '--format', 'json']);
    const asNobody = await run(['status', '--format', 'json'], { asNobody: true });
    const withoutTime = ({ Uptime: _, ...rest }: { Uptime: string }) => rest;
    expect(asNobody).toMatchObject({ status: 0, stderr: '' });
    expect(withoutTime(JSON.parse(asNobody.stdout))).toEqual(withoutTime(JSON.parse(asRoot.stdout)));
    expect(asNobody.stdout).not.toContain(TOKEN);
  });

  it.runIf(canMount())('kernel-upgrade-required answers', async () => {
    const { run } = await machine(UPGRADE);
    const ended = await run(['kernel-upgrade-required'], { asNobody: true, installed: [NEWER] });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
  });

  it('config, whose file may hold passwords, is not shown', async () => {
    const { common, run, store } = await machine(CHECKED);
    store.config.update({ 'http-proxy': 'http://user:pass-word@proxy.example' });
    expect(await run(['config'], { asNobody: true })).toEqual({
      status: 77,
      stdout: '',
      stderr: `only root may read ${join(common, 'config')}\nRun it with 'sudo'.\n`,
    });
  });
});

describe('on a machine that is not enabled', () => {
  it.each([
    [['status'], 1, '', NOT_ENABLED],
    [['status', '--format', 'humane'], 1, '', NOT_ENABLED],
    [['status', '--format', 'json'], 1, '', NOT_ENABLED],
    [['status', '--format', 'prometheus'], 1, '', NOT_ENABLED],
    [['status', '--summary'], 1, '', NOT_ENABLED],
    [['status', '--exit-status'], 1, '', NOT_ENABLED],
    [['refresh'], 1, '', NOT_ENABLED],
    [['refresh', '--dry-run'], 1, '', NOT_ENABLED],
    [['refresh', '--skip-phase'], 1, '', NOT_ENABLED],
    [['refresh', '--timer'], 0, '', ''],
    [['refresh', '--boot'], 0, '', ''],
    [['disable'], 0, 'Machine is not enabled; there was nothing to disable.\n', ''],
    [['revert'], 1, '', 'there is no live patch of ours in the kernel\n'],
    [['revert', '--all'], 1, '', 'there is no live patch of ours in the kernel\n'],
    [['history'], 0, '', 'Nothing has happened yet.\n'],
    [['history', '--format', 'json'], 0, '[]\n', ''],
    [['kernel-upgrade-required'], 2, '', NOT_ENABLED],
    [['kernel-upgrade-required', '--motd'], 0, '', ''],
    [['config', 'check-interval'], 0, 'check-interval: 60\n', ''],
  ])('%j', async (words, status, stdout, stderr) => {
    expect(await (await machine()).run(words)).toEqual({ status, stdout, stderr });
  });
});

describe('enable', () => {
  it('wants a token on standard input where that is named', async () => {
    expect(await (await machine()).run(['enable', '-'], { stdin: '' })).toEqual({
      status: 64,
      stdout: '',
      stderr: 'standard input holds no token\n',
    });
  });

  it.each([`-${TOKEN}`, `-9${TOKEN}`, `--debug=${TOKEN}`, `--show-secrets=${TOKEN}`, `--${TOKEN}`])(
    'takes no option for a token, and does not repeat it: %s',
    async (word) => {
      const { run, store } = await machine();
      store.config.update({ 'remote-server': NOWHERE });
      const { status, stderr, stdout } = await run(['enable', word]);
      expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
      expect(stderr).not.toContain(TOKEN.slice(0, 8));
    },
  );

  it('refuses a machine that is enabled already', async () => {
    expect(await (await machine(CHECKED)).run(['enable', 'token-token-token'])).toEqual({
      status: 1,
      stdout: '',
      stderr: "Machine-token already exists! Please use 'disable' to delete existing machine-token.\n",
    });
  });
});

describe('status of an enabled machine', () => {
  it('is YAML in a pipe, and has the keys that callers look for', async () => {
    const { status, stderr, stdout } = await (await machine(CHECKED)).run(['status']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('  running: true\n');
    expect(stdout).toContain('    checkState: ');
    expect(parse(stdout)).toMatchObject({ tier: 'stable', status: [{ supported: 'supported' }] });
  });

  it('is for people where it is asked for, in UTF-8 whatever the locale', async () => {
    const { run } = await machine(CHECKED);
    for (const LC_ALL of ['C', 'POSIX', 'en_US.ISO-8859-1', '']) {
      const { stdout } = await run(['status', '--format', 'humane'], { env: { LC_ALL } });
      expect(stdout).toContain('kernel state: ✓ kernel series ');
      expect(stdout.split('\n').filter((line) => line !== '' && !line.includes(':'))).toEqual([]);
    }
  });

  it('is for people on a terminal, with marks and colours as it can show them', async () => {
    const { run } = await machine(CHECKED);
    const utf8 = await run(['status'], { columns: 80, env: { LC_ALL: 'C.UTF-8', TERM: 'xterm' } });
    expect(utf8.stdout).toContain('kernel state: \x1b[32m✓\x1b[0m kernel series ');
    const plain = await run(['status'], { columns: 80, env: { LC_ALL: 'C.UTF-8', NO_COLOR: '1' } });
    expect(plain.stdout).toContain('kernel state: ✓ kernel series ');
    const ascii = await run(['status'], { columns: 80, env: { LC_ALL: 'C', NO_COLOR: '1' } });
    expect(ascii.stdout).toContain('kernel state: [ok] kernel series ');
    expect(ascii.stdout).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('breaks no line of its own on a narrow terminal', async () => {
    const { run } = await machine(UPGRADE);
    const env = { LC_ALL: 'C.UTF-8', NO_COLOR: '1' };
    const narrow = await run(['status', '--verbose'], { columns: 20, env });
    expect(narrow.stdout).toContain(
      '✗ Livepatch coverage ended 2026-10-01; please upgrade the kernel and reboot\n',
    );
  });

  it('is one line when only the summary is wanted', async () => {
    const { stdout } = await (await machine(CHECKED)).run(['status', '--summary']);
    expect(stdout).toMatch(/^\S+: ✓ no live kernel patches available for kernel .*; ✓ kernel series .*\n$/);
  });

  it('shows the token to root who asks for it, and to nobody else', async () => {
    const { run } = await machine(CHECKED);
    expect((await run(['status', '--show-secrets'])).stdout).toContain(`machine-token: ${TOKEN}\n`);
    expect((await run(['status', '--verbose'])).stdout).not.toContain(TOKEN);
  });

  it('refuses a format that is not there', async () => {
    expect(await (await machine(CHECKED)).run(['status', '--format', 'xml'])).toMatchObject({
      status: 64,
      stdout: '',
      stderr: `Expected --format to be one of: humane, json, yaml, prometheus\n${seeHelp('status')}`,
    });
  });

  it('says which file cannot be understood, and tells what the kernel says all the same', async () => {
    const { data, run } = await machine(CHECKED);
    writeFileSync(join(data, 'state.json'), '{"schema": 2, "warnings": 5}');
    expect(await run(['status', '--format', 'humane'])).toEqual({
      status: 0,
      stdout: expect.stringContaining('kernel state: '),
      stderr: `warning: ${join(data, 'state.json')} cannot be understood at warnings\n`,
    });
  });
});

describe('status --exit-status', () => {
  const { advice } = CHECKED;
  const candidate = {
    version: '121.1',
    digest: 'd'.repeat(128),
    module: 'lkp_121',
    cumulative: true,
    releasedAt: AT,
    fixes: [],
    sha256: 'a'.repeat(64),
    size: 1,
  };
  const failure = { at: AT, version: '121.1', code: 'signature', message: 'the module is not signed' };
  it.each<[number, string, State]>([
    [0, 'there is nothing to apply', CHECKED],
    [2, 'a patch is waiting', { ...CHECKED, advice: advice && { ...advice, candidates: [candidate] } }],
    [3, 'the last check failed', { ...CHECKED, lastCheck: { at: AT, error: 'it failed' } }],
    [3, 'no check ever succeeded', EMPTY_STATE],
    [
      4,
      'a patch could not be applied',
      { ...CHECKED, advice: advice && { ...advice, candidates: [candidate] }, failure },
    ],
    [5, 'the kernel has to be upgraded', UPGRADE],
  ])('ends with %i when %s, and prints what it prints without', async (status, _when, state) => {
    const { run } = await machine(state);
    for (const words of [['status'], ['status', '--summary']]) {
      const ended = await run([...words, '--exit-status']);
      expect(ended).toMatchObject({ status, stderr: '' });
      expect(ended.stdout.replace(/uptime: .*/, '')).toBe(
        (await run(words)).stdout.replace(/uptime: .*/, ''),
      );
    }
  });
});

describe('apply', () => {
  it('wants a file', async () => {
    expect(await (await machine()).run(['apply'])).toMatchObject({
      status: 64,
      stdout: '',
      stderr: expect.stringMatching(/^Missing 1 required arg:\n ?files /),
    });
  });

  it.each([[['apply']], [['apply', '--dry-run']]])(
    '%j says what is wrong with a file, enabled or not',
    async (words) => {
      const { common, run, store } = await machine();
      store.config.update({ 'signing-certs': SIGNER.pem });
      const path = join(common, 'no-patch');
      writeFileSync(path, 'no patch');
      const { status, stderr, stdout } = await run([...words, path]);
      expect({ status, stdout }).toEqual({ status: 65, stdout: '' });
      expect(stderr).not.toBe('');
      expect((await run([...words, join(common, 'nowhere')])).status).toBe(74);
      expect((await run([...words, '-'], { stdin: 'no patch' })).status).toBe(status);
    },
  );
});

describe('what is wrong in the configuration', () => {
  const wrong = (common: string) =>
    writeFileSync(join(common, 'config'), 'dial-timeout: soon\nremote-server: http://127.0.0.1:1\n');
  const told = (stderr: string) =>
    stderr.split('\n').filter((line) => line.includes('dial-timeout') || line.includes('is not https'));

  it.each([
    [['refresh'], CHECKED],
    [['enable', 'token-token-token'], undefined],
    [['apply', 'nowhere'], undefined],
    [['config'], undefined],
    [['status', '--format', 'humane'], CHECKED],
  ])('is said by %j, once', async (words, state) => {
    const { common, run } = await machine(state);
    wrong(common);
    expect(told((await run(words)).stderr)).toEqual([
      expect.stringMatching(/^warning: .*config, line 1: dial-timeout: .*; meanwhile it is /),
      expect.stringMatching(/^warning: remote-server http:\/\/127\.0\.0\.1:1 is not https: /),
    ]);
  });

  it.each([[['refresh']], [['apply', 'nowhere']], [['enable', 'token-token-token']]])(
    'that ends %j is its error, and no warning as well',
    async (words) => {
      const { common, run } = await machine(words[0] === 'refresh' ? CHECKED : undefined);
      writeFileSync(join(common, 'config'), 'remote-server: nowhere\n');
      const { status, stderr } = await run(words);
      expect(status).toBe(78);
      expect(stderr.match(/line 1: remote-server: /g)).toHaveLength(1);
      expect(stderr).not.toContain('warning: ');
    },
  );

  it('is said at every boot, and every hour only to those who want to hear more than usual', async () => {
    const { common, run } = await machine(CHECKED);
    wrong(common);
    expect(told((await run(['refresh', '--timer'])).stderr)).toEqual([]);
    expect(told((await run(['refresh', '--boot'])).stderr)).toHaveLength(2);
    writeFileSync(join(common, 'config'), 'log-level: notice\n', { flag: 'a' });
    expect(told((await run(['refresh', '--timer'])).stderr)).toHaveLength(2);
  });

  it('is for root: status of anybody else says nothing of it', async () => {
    const { common, run } = await machine(CHECKED);
    wrong(common);
    expect(await run(['status', '--format', 'humane'], { asNobody: true })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});

describe('refresh when the server is not there', () => {
  it('says so in the words that callers know, and status repeats them', async () => {
    const { run, store } = await machine(CHECKED);
    store.config.update({ 'remote-server': NOWHERE });
    const { status, stderr, stdout } = await run(['refresh']);
    expect({ status, stdout }).toEqual({ status: 69, stdout: '' });
    const failure =
      /livepatch check failed: POST request to "https:\/\/127\.0\.0\.1:1\/v1\/client\/[0-9a-f]{32}\/updates" failed/;
    expect(stderr).toMatch(failure);
    expect(stderr).not.toContain('caused by: ');
    const shown = await run(['status', '--format', 'humane']);
    expect(shown.stdout).toMatch(new RegExp(`^server check-in: failed: ${failure.source}$`, 'm'));
  });

  it('tells the cause when it is asked to', async () => {
    const { run, store } = await machine(CHECKED);
    store.config.update({ 'remote-server': NOWHERE });
    expect((await run(['refresh', '--debug'])).stderr).toContain('caused by: ');
    store.config.update({ 'log-level': 'debug' });
    const { stderr } = await run(['refresh']);
    expect(stderr).toContain('caused by: ');
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('says nothing but the failure when a timer calls', async () => {
    const { run, store } = await machine(CHECKED);
    store.config.update({ 'remote-server': NOWHERE });
    const { stderr } = await run(['refresh', '--timer']);
    expect(stderr).toMatch(/^livepatch check failed: /);
    store.config.update({ 'check-interval': '0' });
    expect(await run(['refresh', '--timer'])).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe('config', () => {
  it('sets several keys at once, or none', async () => {
    const { run } = await machine();
    expect(await run(['config', 'dial-timeout=20s', 'check-interval=120'])).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(await run(['config', 'dial-timeout=30s', 'check-interval=5'])).toMatchObject({
      status: 78,
      stdout: '',
      stderr: expect.stringMatching(/^config update aborted: check-interval: must be 0, or a whole number/),
    });
    expect(await run(['config', 'nothing=x'])).toMatchObject({
      status: 78,
      stderr: expect.stringMatching(/^config update aborted: nothing: is not a configuration key\n/),
    });
    expect((await run(['config', 'dial-timeout'])).stdout).toBe('dial-timeout: 20s\n');
    await run(['config', 'dial-timeout=']);
    expect((await run(['config', 'dial-timeout'])).stdout).toBe('dial-timeout: 12s\n');
  });

  it('warns of a server that is not https when it is set and shown, as status does', async () => {
    const { run } = await machine();
    const warning =
      'warning: remote-server http://livepatch.test is not https: anybody on the network path can take the machine token and hold patches back\n';
    expect(await run(['config', 'remote-server=http://livepatch.test'])).toMatchObject({ stderr: warning });
    expect(await run(['config'])).toMatchObject({ status: 0, stderr: warning });
    expect(await run(['config', 'remote-server'])).toEqual({
      status: 0,
      stdout: 'remote-server: http://livepatch.test\n',
      stderr: warning,
    });

    const enabled = await machine({ ...CHECKED, warnings: ['remote-server is not https'] });
    for (const format of ['humane', 'json', 'yaml', 'prometheus']) {
      expect(await enabled.run(['status', '--format', format], { asNobody: true })).toMatchObject({
        status: 0,
        stdout: expect.not.stringContaining('not https'),
        stderr: 'warning: remote-server is not https\n',
      });
    }
  });

  it('prints lines that callers match on, or a document', async () => {
    const { run } = await machine();
    const { pem } = SIGNER;
    await run(['config', 'signing-certs=@stdin'], { stdin: pem.trimEnd() });
    const { stdout } = await run(['config']);
    expect(
      stdout
        .slice(0, -1)
        .split('\n')
        .filter((line) => !/^[a-z-]+: (.*)$/.test(line)),
    ).toEqual([]);
    expect(JSON.parse((await run(['config', '--format', 'json'])).stdout)).toMatchObject({
      'check-interval': '60',
      'signing-certs': pem.trimEnd(),
    });
    expect(parse((await run(['config', 'signing-certs', '--format', 'yaml'])).stdout)).toEqual({
      'signing-certs': pem.trimEnd(),
    });
  });

  it('names line and key of a file that was broken by hand, and the machine stays enabled', async () => {
    const { common, run, store } = await machine(CHECKED);
    writeFileSync(join(common, 'config'), 'dial-timeout: 20s\ncheck-interval: soon\n');
    expect(await run(['config'])).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^warning: .*config, line 2: check-interval: /),
    });
    expect((await run(['status'])).status).toBe(0);
    expect(store.token.exists()).toBe(true);
  });

  it('takes no server that does not answer while the machine is enabled', async () => {
    const { run } = await machine(CHECKED);
    expect(await run(['config', `remote-server=${NOWHERE}`])).toMatchObject({
      status: 69,
      stdout: '',
      stderr: expect.stringContaining('config update aborted: remote-server: '),
    });
    expect((await run(['config', 'remote-server'])).stdout).toBe(
      'remote-server: https://livepatch.canonical.com\n',
    );
  });
});

describe('kernel-upgrade-required', () => {
  it('is an exit status, and says nothing to a pipe that a script could take for "reboot"', async () => {
    const { run } = await machine(CHECKED);
    expect(await run(['kernel-upgrade-required'])).toEqual({ status: 1, stdout: '', stderr: '' });
    expect(await run(['kernel-upgrade-required'], { columns: 80 })).toMatchObject({
      status: 1,
      stdout: `kernel ${kernel}: no reboot into a newer kernel is needed now\n`,
    });
  });

  it.runIf(canMount())('recommends a reboot only into a newer kernel that is installed', async () => {
    const { run } = await machine(UPGRADE);
    expect(await run(['kernel-upgrade-required'], { installed: [NEWER] })).toEqual({
      status: 0,
      stdout: `kernel ${kernel}: Livepatch coverage ended 2026-10-01; please reboot into ${NEWER}\n`,
      stderr: '',
    });
    expect(await run(['kernel-upgrade-required'], { installed: [kernel] })).toEqual({
      status: 2,
      stdout: '',
      stderr: `kernel ${kernel}: Livepatch coverage ended 2026-10-01, but no newer kernel is installed; please install one first\n`,
    });
  });

  it('keeps its answer when nobody reads the word', async () => {
    expect(
      (await (await machine(CHECKED)).run(['kernel-upgrade-required'], { closedStdout: true })).status,
    ).toBe(1);
  });

  it('ends with 3 when something is broken, and never fails a login', async () => {
    const { data, run } = await machine(CHECKED);
    writeFileSync(join(data, 'state.json'), 'broken');
    expect((await run(['kernel-upgrade-required'])).status).toBe(3);
    expect(await run(['kernel-upgrade-required', '--motd'])).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('leaves a notice at login only when there is something to do', async () => {
    expect((await (await machine(CHECKED)).run(['kernel-upgrade-required', '--motd'])).stdout).toBe('');
    const { stdout } = await (await machine(UPGRADE)).run(['kernel-upgrade-required', '--motd']);
    expect(stdout).toContain('*** Livepatch: a kernel upgrade is required ***');
  });
});

describe('doctor', () => {
  it('says what is wrong on stdout, and ends with 1', async () => {
    const { run, store } = await machine();
    store.config.update({ 'remote-server': NOWHERE });
    const people = await run(['doctor']);
    expect(people.status).toBe(1);
    expect(people.stdout).toMatch(/^✗ server: GET request to .*\n {4}next: /m);
    const findings = JSON.parse((await run(['doctor', '--json'])).stdout);
    expect(findings).toContainEqual({
      check: 'token',
      verdict: 'wrong',
      found: 'the machine is not enabled',
      next: "Run 'sudo canonical-livepatch enable' with a token; a catalogue needs none.",
    });
  });
});

describe('the program', () => {
  it('tells its version', async () => {
    expect(await (await machine()).run(['--version'])).toEqual({
      status: 0,
      stdout: `canonical-livepatch version ${manifest.version}\n`,
      stderr: '',
    });
  });

  it('shows every command when it is given none', async () => {
    const { status, stdout } = await (await machine()).run([]);
    expect(status).toBe(0);
    expect(VERBS.filter((verb) => !stdout.includes(`  ${verb} `))).toEqual([]);
  });

  it('refuses a command that is not there', async () => {
    expect(await (await machine()).run(['bogus'])).toMatchObject({ status: 64, stdout: '' });
  });

  it('speaks of a full disk in words, without a stack trace', async () => {
    const { run } = await machine();
    const { stderr, status } = await run(['config'], { stdoutTo: '/dev/full' });
    expect(status).toBe(1);
    expect(stderr).toBe('ENOSPC: no space left on device, write\n');
  });
});
