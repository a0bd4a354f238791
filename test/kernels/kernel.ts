import type { Architecture } from './apt.ts';
import type { Hardware } from './hardware.ts';
import type { RootSpec } from './root.ts';

/** A kernel that the suites run on: where it is from, how modules are built for it, and what it boots on. */
export interface KernelSpec {
  architecture: Architecture;
  from: StockKernel | BuiltKernel;
  /** Where its modules are built; without one, on this machine, with its compiler. */
  builder?: RootSpec;
  hardware: Hardware;
  /** What the guest lives in; without one, this machine's own root. */
  userland?: Userland;
}

/** One that Debian built. */
export interface StockKernel {
  suites: readonly string[];
  /** Of `uname -r`. The newest such release is taken, and the one before it as the previous kernel. */
  release: RegExp;
}

/** One that is built here, with no more in it than the suites need: all is in the image, no module is left. */
export interface BuiltKernel {
  suites: readonly string[];
  /** Debian's package of its source, as in `linux-source-7.3`. */
  source: string;
  /** Ends the release: what tells this kernel from another of its version. */
  flavour: string;
  /** Files of ./config that are laid over `allnoconfig`. */
  fragments: readonly string[];
  /** What make has to know, as in `ARCH=arm64`. */
  make: readonly string[];
  /** The target, and the file under `arch` that it makes. */
  image: { target: string; file: string };
  /** Whether klp-build is to make patches for it, which wants a tree of its own, in which the kernel was built. */
  klp?: true;
}

export interface Userland {
  root: RootSpec;
  /** A package of npm, of the version of the project's own Node; without one, the root's /usr/bin/node. */
  node?: string;
}
