import { defineConfig } from 'vitest/config';

/** The tests of src/patch/ alone, but for those that judge others (openssl). */
export default defineConfig({
  test: {
    include: ['test/patch/*.test.ts'],
    exclude: ['test/patch/openssl.test.ts'],
    // Code that counts every branch is several times slower.
    testTimeout: 60_000,
  },
});
