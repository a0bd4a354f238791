import { PC } from './hardware.ts';
import type { KernelSpec } from './kernel.ts';
import { BUILDER } from './roots.ts';

/** Linux 7.x, the newest that a stable Debian offers. */
export default {
  architecture: 'amd64',
  from: { suites: ['trixie-backports'], release: /^7\.\d+\.\d+\+deb13-amd64$/ },
  builder: BUILDER,
  hardware: PC,
} satisfies KernelSpec;
