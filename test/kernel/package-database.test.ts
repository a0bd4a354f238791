import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { kernelPackages, kernelsOfDpkg } from '../../src/kernel/package-database.ts';
import { LIMITS } from '../../src/limits.ts';
import { makeTree } from './tree.ts';

/** A paragraph as dpkg writes it. */
const paragraph = (name: string, status = 'install ok installed') => `Package: ${name}
Status: ${status}
Priority: optional
Section: kernel
Maintainer: Debian Kernel Team <debian-kernel@lists.debian.org>
Architecture: amd64
Version: 1-1
Description: Linux 6.1 for 64-bit PCs (signed)
 The Linux kernel 6.1 and modules for use on PCs with AMD64, Intel 64 or VIA
 Nano processors.
 .
 Status: install ok installed
 Package: linux-image-9.9.9-amd64
`;

/** Names of packages as the archives have them, and the kernel in each. */
const REAL: [name: string, release: string | undefined][] = [
  ['linux-image-6.1.0-56-amd64', '6.1.0-56-amd64'],
  ['linux-image-6.1.0-56-amd64-unsigned', '6.1.0-56-amd64'],
  ['linux-image-6.1.0-56-cloud-amd64', '6.1.0-56-cloud-amd64'],
  ['linux-image-6.12.117+deb12-rt-amd64', '6.12.117+deb12-rt-amd64'],
  ['linux-image-6.8.0-1047-aws', '6.8.0-1047-aws'],
  ['linux-image-unsigned-6.8.0-31-generic', '6.8.0-31-generic'],
  ['linux-image-unsigned-6.10.0-061000rc3-generic', '6.10.0-061000rc3-generic'],
  ['linux-image-6.1.0-56-amd64-dbg', undefined],
  ['linux-image-unsigned-6.8.0-31-generic-dbgsym', undefined],
  ['linux-image-6.12-amd64', undefined],
  ['linux-image-amd64', undefined],
  ['linux-image-generic-hwe-22.04', undefined],
  ['linux-image-amd64-signed-template', undefined],
  ['linux-headers-6.1.0-56-amd64', undefined],
  ['linux-modules-6.8.0-31-generic', undefined],
  ['old-linux-image-6.1.0-56-amd64', undefined],
];

describe('the kernels in the package database', () => {
  it.each(REAL)('are named after their release: %s', (name, release) => {
    expect(kernelPackages(Buffer.from(paragraph(name)))).toEqual(release === undefined ? [] : [release]);
  });

  it.each([
    ['install ok installed', true],
    ['hold ok installed', true],
    ['deinstall ok installed', true],
    ['install ok triggers-awaited', true],
    ['install ok triggers-pending', true],
    ['deinstall ok config-files', false],
    ['install ok unpacked', false],
    ['install ok half-configured', false],
    ['install ok half-installed', false],
    ['install reinstreq half-installed', false],
    ['purge ok not-installed', false],
  ])('count in the state "%s": %j', (status, counts) => {
    expect(kernelPackages(Buffer.from(paragraph('linux-image-6.1.0-56-amd64', status)))).toHaveLength(
      Number(counts),
    );
  });

  it('are found among any other packages', () => {
    const kernel = fc.record({
      abi: fc.nat(999),
      isInstalled: fc.boolean(),
      others: fc.array(fc.stringMatching(/^[a-z][a-z0-9+.-]{1,20}$/), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(kernel, { selector: ({ abi }) => abi }), (kernels) => {
        const text = kernels.flatMap(({ abi, isInstalled, others }) => [
          ...others.map((name) => paragraph(`x${name}`)),
          paragraph(
            `linux-image-6.8.0-${abi}-generic`,
            isInstalled ? undefined : 'deinstall ok config-files',
          ),
        ]);
        const expected = kernels
          .filter(({ isInstalled }) => isInstalled)
          .map(({ abi }) => `6.8.0-${abi}-generic`);
        expect(kernelPackages(Buffer.from(text.join('\n')))).toEqual(expected.sort());
      }),
    );
  });

  it('are no more than names, whatever the file holds', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'Package: linux-image-6.1\n\0Status'), maxLength: 200 }),
        (text) => {
          for (const status of [text, paragraph(`linux-image-6.1.0-${text}`)]) {
            for (const release of kernelPackages(Buffer.from(status)))
              expect(release).toMatch(/^\d+\.\d+\.\d+\S*$/);
          }
        },
      ),
    );
  });

  it('are not known without a database, nor with one beyond all bounds', () => {
    const { remove, root, write } = makeTree();
    const file = 'var/lib/dpkg/status';
    expect(kernelsOfDpkg(root)).toBeUndefined();
    write(file, paragraph('linux-image-6.1.0-56-amd64'));
    expect(kernelsOfDpkg(root)).toEqual(['6.1.0-56-amd64']);
    write(file, paragraph('linux-image-6.1.0-56-amd64') + '\n'.repeat(LIMITS.kernel.packagesBytes));
    expect(kernelsOfDpkg(root)).toBeUndefined();
    remove(file);
    write(`${file}/x`, '');
    expect(kernelsOfDpkg(root)).toBeUndefined();
  });

  it("are the host's in a snap, not the base's", () => {
    const { root, write } = makeTree();
    write('var/lib/dpkg/status', paragraph('linux-image-6.1.0-55-amd64'));
    write('var/lib/snapd/hostfs/var/lib/dpkg/status', paragraph('linux-image-6.1.0-56-amd64'));
    vi.stubEnv('SNAP_NAME', 'canonical-livepatch');
    for (const name of ['SNAP', 'SNAP_COMMON', 'SNAP_DATA']) vi.stubEnv(name, '/snap');
    const kernels = kernelsOfDpkg(root);
    vi.unstubAllEnvs();
    expect(kernels).toEqual(['6.1.0-56-amd64']);
  });
});
