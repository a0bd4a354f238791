import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

const NOWHERE = '/nowhere/module.ko';

describe('a file that a person names and that cannot be read', () => {
  it('is said not to be there', async () => {
    const { openInputFile } = await import('../../src/store/input-files.ts');

    expect(() => openInputFile(NOWHERE)).toThrow(`cannot read ${NOWHERE}: ENOENT`);
  });

  it.each(['openInputFile', 'readCertificateFiles'] as const)(
    'is said to be out of sight in a snap, and where it can be seen (%s)',
    async (read) => {
      vi.stubEnv('SNAP', '/snap/canonical-livepatch/x1');
      vi.stubEnv('SNAP_NAME', 'canonical-livepatch');
      vi.stubEnv('SNAP_DATA', '/var/snap/canonical-livepatch/x1');
      vi.stubEnv('SNAP_COMMON', '/var/snap/canonical-livepatch/common');
      vi.resetModules();
      const files = await import('../../src/store/input-files.ts');

      expect(() => files[read](NOWHERE)).toThrow(
        expect.objectContaining({
          code: 'storage',
          message: `cannot read ${NOWHERE}: the snap sees no files but its own; copy it to /var/snap/canonical-livepatch/common and give its whole path`,
        }),
      );
    },
  );
});
