import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FILE = join(import.meta.dirname, '../../snap/packaging/program/environment');

/** What a launcher with this caller would hand on. */
function handedOn(env: NodeJS.ProcessEnv): Record<string, string> {
  const script = `. ${FILE} && exec ${process.execPath} -p 'JSON.stringify(process.env)'`;
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', script], { env, encoding: 'utf8' });
  expect(stderr).toBe('');
  // The shell's own, of every program that it starts.
  const { PWD: _, UV_USE_IO_URING: __, ...rest } = JSON.parse(stdout);
  return rest;
}

describe('the environment that a launcher hands on', () => {
  it('holds nothing that Node or OpenSSL would obey, nor anything else that was not named', () => {
    expect(
      handedOn({
        PATH: '/usr/bin',
        NODE_OPTIONS: '--no-such-option',
        NODE_EXTRA_CA_CERTS: '/tmp/ca.pem',
        NODE_USE_ENV_PROXY: '1',
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
        NODE_V8_COVERAGE: '/tmp',
        SSLKEYLOGFILE: '/tmp/keys',
        OPENSSL_CONF: '/tmp/openssl.cnf',
        LIVEPATCH_TOKEN: 'secret',
        a: 'b',
      }),
    ).toEqual({ PATH: '/usr/bin' });
  });

  it('holds proxies and what a terminal can show, to the letter', () => {
    const wanted = {
      PATH: '/usr/bin',
      HTTPS_PROXY: `http://user:"$(id)'\`\\\n*@proxy:3128`,
      no_proxy: 'a, b',
      LC_ALL: 'C',
      TERM: 'xterm',
      JOURNAL_STREAM: '8:1',
    };
    expect(handedOn(wanted)).toEqual(wanted);
  });

  it.each(['x\nexport PATH=/tmp', "x'\nexport HTTPS_PROXY='y", 'x\nexport SNAP', '-n', '*'])(
    'is not confused by the value %j',
    (value) => {
      expect(handedOn({ PATH: '/usr/bin', NODE_OPTIONS_: value, TERM: value })).toEqual({
        PATH: '/usr/bin',
        TERM: value,
      });
    },
  );

  it('takes what snapd says for our own snap, not for another', () => {
    const ours = { PATH: '/usr/bin', SNAP: '/snap/x', SNAP_COMMON: '/c', SNAP_NAME: 'canonical-livepatch' };
    expect(handedOn(ours)).toEqual(ours);
    expect(handedOn({ ...ours, SNAP_NAME: 'code' })).toEqual({ PATH: '/usr/bin' });
    expect(handedOn({ PATH: '/usr/bin', SNAP: '/x' })).toEqual({ PATH: '/usr/bin' });
  });
});
