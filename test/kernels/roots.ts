import type { Architecture } from './apt.ts';
import type { RootSpec } from './root.ts';

/** Debian 13, to build in what Debian 12 cannot: its kernels' own tools want a newer libc, and other architectures. */
export const BUILDER: RootSpec = {
  name: 'builder',
  suites: ['trixie'],
  architecture: 'amd64',
  packages: [
    ...['bash', 'bc', 'bison', 'coreutils', 'cpio', 'dash', 'diffutils', 'findutils', 'flex', 'gawk', 'grep'],
    ...['gzip', 'kmod', 'make', 'openssl', 'patch', 'perl', 'sed', 'tar', 'xz-utils'],
    ...['gcc', 'gcc-aarch64-linux-gnu', 'gcc-s390x-linux-gnu', 'libelf-dev', 'libssl-dev'],
    // klp-build wants these, too.
    ...['libxxhash-dev', 'patchutils', 'python3-minimal'],
  ],
};

/** The same for klp-build, of which there is one for amd64 alone. */
export const KLP_BUILDER: RootSpec = {
  ...BUILDER,
  name: 'klp',
  packages: [...BUILDER.packages.filter((name) => !name.startsWith('gcc-')), 'libc-bin', 'util-linux'],
};

/** Debian for a guest of another architecture: what the agent, the scripts and the tests of ours call. */
export function userland(architecture: Architecture, suite: string, ...more: string[]): RootSpec {
  return {
    name: `userland-${architecture}`,
    suites: [suite],
    architecture,
    packages: [
      ...['bash', 'busybox-static', 'ca-certificates', 'coreutils', 'dash', 'findutils', 'grep', 'kmod'],
      // libc-bin has getent, which doctor calls.
      ...['libc-bin', 'libstdc++6', 'mount', 'procps', 'sed', 'util-linux', ...more],
    ],
  };
}
