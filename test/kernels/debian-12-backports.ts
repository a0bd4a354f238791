import { PC } from './hardware.ts';
import type { KernelSpec } from './kernel.ts';

/** Linux 6.12, built for Debian 12: its headers need nothing newer. */
export default {
  architecture: 'amd64',
  from: { suites: ['bookworm-backports'], release: /^6\.12\.\d+\+deb12-amd64$/ },
  hardware: PC,
} satisfies KernelSpec;
