import { defineConfig } from 'vitest/config';

/** The tests of src/patch/ and src/policy/ alone, but for those that judge others (openssl) and those of any situation. */
export default defineConfig({
  test: {
    include: ['test/patch/*.test.ts', 'test/policy/**/*.test.ts'],
    exclude: ['test/patch/openssl.test.ts', 'test/policy/*.property.test.ts'],
    // Code that counts every branch is several times slower.
    testTimeout: 60_000,
  },
});
