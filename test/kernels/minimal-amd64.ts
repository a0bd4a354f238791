import { PC } from './hardware.ts';
import type { KernelSpec } from './kernel.ts';
import { KLP_BUILDER } from './roots.ts';

/** The one that klp-build makes patches for: it wants the tree that the kernel was built in. */
export default {
  architecture: 'amd64',
  from: {
    suites: ['trixie-backports'],
    source: 'linux-source-7.3',
    flavour: 'minimal-amd64',
    fragments: ['common', 'amd64'],
    make: [],
    image: { target: 'bzImage', file: 'x86/boot/bzImage' },
    klp: true,
  },
  builder: KLP_BUILDER,
  // All is in the image, but for UEFI.
  hardware: { ...PC, modules: [], uefi: false },
} satisfies KernelSpec;
