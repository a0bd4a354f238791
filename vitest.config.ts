import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**/*.vm.test.ts', 'test/snap/**'],
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.vm.test.ts'],
          // One virtual machine at a time: two cores, no KVM.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
      {
        // Not part of `npm test`: it takes its own packages and, the first time, some minutes to make its machine.
        test: {
          name: 'snap',
          include: ['test/snap/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 1_200_000,
        },
      },
    ],
  },
});
