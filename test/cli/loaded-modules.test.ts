import { describe, expect, it } from 'vitest';
import { canMount, runLoaded } from './loaded.ts';

/** What talks to a network, encrypts, or starts processes. */
const NETWORK = /^(_?https?|http2|net|dns|dgram|_?tls|_tls_.*|internal\/(http2?|tls)\/.*)$/;
const CRYPTO = /^(crypto|internal\/crypto\/.*)$/;
const PROCESSES = /^(child_process|cluster|worker_threads)$/;

/** Packages of ours for that, by what they are for. */
const NETWORK_PACKAGES = ['got', 'socks', 'cacheable-request', 'http2-wrapper'];
const ASN1_PACKAGES = /^(@peculiar\/|asn1js$|pvtsutils$|reflect-metadata$|tsyringe$)/;

describe.runIf(canMount())('what a command loads, as built', () => {
  describe.each([
    { words: ['status'] },
    { words: ['status', '--format', 'json'] },
    { words: ['status', '--format', 'humane'] },
    { words: ['kernel-upgrade-required', '--motd'] },
  ])('$words', ({ words }) => {
    it('holds no network, TLS, cryptography, ASN.1 or starting of processes', () => {
      const loaded = runLoaded(words, { enabled: true });

      expect(loaded.exitCode).toBe(0);
      const heavy = [NETWORK, CRYPTO, PROCESSES];
      expect(loaded.builtins.filter((name) => heavy.some((kind) => kind.test(name)))).toEqual([]);
      const ours = ['execa', 'yaml', ...NETWORK_PACKAGES];
      expect(loaded.packages.filter((name) => ours.includes(name) || ASN1_PACKAGES.test(name))).toEqual([]);
      expect(loaded.files.filter((file) => /^(source|patch|store\/config)/.test(file))).toEqual([]);
    });

    it("holds no other command's code", () => {
      const { files } = runLoaded(words, { enabled: true });

      expect(files.filter((file) => file.startsWith('commands/'))).toEqual([
        'commands/direct.ts',
        'commands/index.ts',
        `commands/${words[0]}.ts`,
        'commands/usage.ts',
      ]);
    });
  });

  it('is no network and no ASN.1 for a refresh of a machine that is not enabled', () => {
    const loaded = runLoaded(['refresh'], { enabled: false });

    expect(loaded.exitCode).toBe(1);
    expect(loaded.builtins.filter((name) => /^(https?|_?tls|internal\/tls\/.*)$/.test(name))).toEqual([]);
    expect(
      loaded.packages.filter((name) => NETWORK_PACKAGES.includes(name) || ASN1_PACKAGES.test(name)),
    ).toEqual([]);
    expect(
      loaded.files.filter((file) => /^(source\/(?!source)|patch\/(signature|trust|der))/.test(file)),
    ).toEqual([]);
  });

  it('is no command for help', () => {
    const loaded = runLoaded(['help'], { enabled: false });

    expect(loaded.exitCode).toBe(0);
    expect(loaded.files).toEqual([
      'commands/index.ts',
      'errors.ts',
      'kernel/core-dumps.ts',
      'main.ts',
      'snapd/environment.ts',
    ]);
    // Node's own `tty`, which tells whether there are colours, brings `net` along.
    const heavy = [NETWORK, CRYPTO, PROCESSES];
    expect(loaded.builtins.filter((name) => heavy.some((kind) => kind.test(name)))).toEqual(['net']);
  });
});
