import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          testTimeout: 20_000,
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/kernel/**/*.vm.test.ts',
            'test/cli/**',
            'test/snap/life.test.ts',
            'test/package/life.test.ts',
          ],
        },
      },
      {
        // The built command, run as others run it.
        test: {
          name: 'cli',
          include: ['test/cli/**/*.test.ts'],
          globalSetup: 'test/cli/build.ts',
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.vm.test.ts'],
          // One virtual machine at a time: two cores, no KVM.
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 600_000,
        },
      },
      {
        // Not part of `npm test`: it takes its own packages and, the first time, some minutes to make its machine.
        test: {
          name: 'snap',
          include: ['test/snap/life.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 1_200_000,
        },
      },
      {
        test: {
          name: 'package',
          include: ['test/package/life.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 1_200_000,
        },
      },
    ],
  },
});
