import { release } from 'node:os';
import { beforeEach, describe, expect, it } from 'vitest';
import { readMachine } from '../../src/kernel/machine.ts';
import { makeTree, type Tree } from './tree.ts';

const ID = '0123456789abcdef0123456789abcdef';

let tree: Tree;
beforeEach(() => {
  tree = makeTree();
  tree.write('etc/machine-id', `${ID}\n`);
  tree.write('proc/uptime', '3600.55 7000.00\n');
  tree.write('proc/stat', 'cpu  1 2 3\nbtime 1795000000\n');
  tree.write('proc/sys/kernel/random/boot_id', '6f2a2c1e-0000-4000-8000-000000000000\n');
});

it('is read whole', () => {
  expect(readMachine(tree.root)).toMatchObject({
    id: ID,
    release: release(),
    kernel: release(),
    bootId: '6f2a2c1e-0000-4000-8000-000000000000',
    bootTime: '2026-11-18T11:06:40.000Z',
    uptimeSeconds: 3600,
  });
});

describe('the name of the kernel', () => {
  it.each([
    ['Ubuntu 6.8.0-1047.50-aws 6.8.12', '6.8.0-1047.50-aws'],
    ['Ubuntu 5.15.0-25.25-generic 5.15.30', '5.15.0-25.25-generic'],
    ['Ubuntu 6.5.0-18.18~22.04.1-generic 6.5.8', '6.5.0-18.18~22.04.1-generic'],
    ['Ubuntu 7.0.0-1013.13~24.04.1-aws 7.0.3', '7.0.0-1013.13~24.04.1-aws'],
    ['Ubuntu 4.15.0-20.21-generic 4.15.17', '4.15.0-20.21-generic'],
    ['Ubuntu 6.8.0-11.11-generic 6.8.0-rc4', '6.8.0-11.11-generic'],
    ['Ubuntu 2.6.32-21.32-generic 2.6.32.11+drm33.2', '2.6.32-21.32-generic'],
    ['Ubuntu 5.4.0-1103.110~18.04.1-azure 5.4.233', '5.4.0-1103.110~18.04.1-azure'],
  ])('is in its signature: %s', (signature, kernel) => {
    tree.write('proc/version_signature', `${signature}\n`);
    expect(readMachine(tree.root).kernel).toBe(kernel);
  });

  it.each([
    '',
    'Ubuntu',
    'Ubuntu 6.8.0-1047.50-aws',
    'Debian 6.1.0-56 6.1.192',
    'Ubuntu ../../etc 6.8.12',
    'Ubuntu 6.8.0/x 6.8.12',
    'Ubuntu 6.8.0 6.8.12\nUbuntu 6.9.0 6.9.1',
    `Ubuntu 6${'0'.repeat(100)} 6.8.12`,
    'Ubuntu 6.8.0\u001b[31m 6.8.12',
  ])('is its release when the signature is none: %j', (signature) => {
    tree.write('proc/version_signature', signature);
    expect(readMachine(tree.root).kernel).toBe(release());
  });
});

describe('a machine without a name of its own', () => {
  it.each([
    ['', /is empty/, /^Run 'sudo systemd-machine-id-setup'\.$/],
    // The tool that makes one leaves this as it is.
    ['uninitialized\n', /says "uninitialized"/, /rm \/etc\/machine-id/],
    [`${ID.toUpperCase()}\n`, /hex digits/, /another id/],
    ['00000000000000000000000000000000\n', /hex digits/, /another id/],
    [undefined, /cannot be read/, /if it is missing/],
  ])('is told what helps: %j', (content, message, hint) => {
    if (content === undefined) tree.remove('etc/machine-id');
    else tree.write('etc/machine-id', content);
    expect(() => readMachine(tree.root)).toThrow(
      expect.objectContaining({
        code: 'general',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      }),
    );
  });
});
