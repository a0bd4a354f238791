import { PC } from './hardware.ts';
import type { KernelSpec } from './kernel.ts';

/** Linux 6.1, what the suites run on unless another is named. */
export default {
  architecture: 'amd64',
  from: { suites: ['bookworm', 'bookworm-security'], release: /^6\.1\.0-\d+-amd64$/ },
  hardware: PC,
} satisfies KernelSpec;
