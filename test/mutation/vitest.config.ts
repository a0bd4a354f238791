import { defineConfig } from 'vitest/config';

/** The tests of src/patch/ alone, but for those that judge others (openssl) or take long (compression). */
export default defineConfig({
  test: {
    include: ['test/patch/*.test.ts'],
    exclude: ['test/patch/{openssl,compression,compression.limits,bzip2,archive,tar}.test.ts'],
  },
});
