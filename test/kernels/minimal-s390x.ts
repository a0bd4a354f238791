import { MAINFRAME } from './hardware.ts';
import type { KernelSpec } from './kernel.ts';
import { BUILDER, userland } from './roots.ts';

/** Debian's own kernel for s390x cannot be live-patched, so this one is built. Numbers are big-endian here. */
export default {
  architecture: 's390x',
  from: {
    suites: ['trixie-backports'],
    source: 'linux-source-7.3',
    flavour: 'minimal-s390x',
    fragments: ['common', 's390x'],
    make: ['ARCH=s390', 'CROSS_COMPILE=s390x-linux-gnu-'],
    image: { target: 'bzImage', file: 's390/boot/bzImage' },
  },
  builder: BUILDER,
  hardware: MAINFRAME,
  // npm has no Node for it; Debian's own is in no stable release that is new enough.
  userland: { root: userland('s390x', 'sid', 'nodejs') },
} satisfies KernelSpec;
