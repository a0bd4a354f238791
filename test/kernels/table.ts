import debian12 from './debian-12.ts';
import debian12Backports from './debian-12-backports.ts';
import debian13Backports from './debian-13-backports.ts';
import type { KernelSpec } from './kernel.ts';
import minimalAmd64 from './minimal-amd64.ts';
import minimalArm64 from './minimal-arm64.ts';
import minimalS390x from './minimal-s390x.ts';

/** Every kernel that the suites can run on, by the name that LIVEPATCH_KERNEL gives it; the first is the default. */
export const KERNELS: Readonly<Record<string, KernelSpec>> = {
  'debian-12': debian12,
  'debian-12-backports': debian12Backports,
  'debian-13-backports': debian13Backports,
  'minimal-amd64': minimalAmd64,
  'minimal-arm64': minimalArm64,
  'minimal-s390x': minimalS390x,
};

export const DEFAULT_KERNEL = 'debian-12';

/** The kernel of this name. Throws when there is none, and names those that are. */
export function kernelSpec(name: string): KernelSpec {
  const spec = Object.hasOwn(KERNELS, name) ? KERNELS[name] : undefined;
  if (spec === undefined) {
    throw new Error(`no kernel is called ${name}; there are ${Object.keys(KERNELS).join(', ')}`);
  }
  return spec;
}
