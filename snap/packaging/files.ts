import { join } from 'node:path';

/**
 * The one description of what is installed: the snap's part takes it (snap/snapcraft.yaml, `override-build`), and the
 * Debian package (snap/packaging/deb.ts); both through snap/packaging/stage.ts.
 */
export interface FileRule {
  /** Directory that `from` is below; the checkout where it is not said. */
  base?: string;
  /** Glob; each rule must match a file, but for those that the builder may bring or not. */
  from: string;
  /** Where to; a path that ends in `/` is a directory that the file goes to by its own name. */
  to: string;
  /** 0644 where it is not said. */
  mode?: number;
  optional?: boolean;
}

/** Where the builder's certificates are: see snap/local/README.md. */
const LOCAL = process.env.LIVEPATCH_CERTIFICATES ?? join(import.meta.dirname, '../local');

/** The directory of the program in the Debian package; in the snap it is $SNAP itself. */
export const DEBIAN_HOME = 'usr/lib/canonical-livepatch';

/** Below the program's directory, alike in both. */
const PROGRAM: FileRule[] = [
  // Not livepatch-publish: a publisher has a checkout, and machines need none of it.
  { from: 'bin/{canonical-livepatch,load}.js', to: 'bin/' },
  { from: 'bin/package.json', to: 'bin/' },
  { from: 'snap/packaging/program/environment', to: 'bin/' },
  { from: 'snap/packaging/program/{decommission,service}', to: 'bin/', mode: 0o755 },
  { from: 'dist/*.cjs', to: 'dist/' },
  { from: 'dist/*.cache', to: 'dist/' },
  { from: 'dist/oclif.manifest.json', to: 'dist/' },
  { from: 'package.json', to: '' },
  { base: LOCAL, from: '**/keys/*.pem', to: 'keys/', optional: true },
  { base: LOCAL, from: '**/keys/root.json', to: 'keys/', optional: true },
  { base: LOCAL, from: '**/ca/*.pem', to: 'ca/', optional: true },
];

/** Below $SNAP. What comes from packages of the base's distribution is in snapcraft.yaml. */
export const SNAP: FileRule[] = [
  ...PROGRAM,
  { from: 'snap/local/{client,timer}', to: 'bin/', mode: 0o755 },
  { from: 'dist/man/*.1', to: 'man/' },
  { from: 'dist/completion/*', to: 'completion/' },
  { from: 'LICENSE', to: 'licenses/canonical-livepatch' },
];

const UNITS = 'usr/lib/systemd/system/';
const SERVICES = ['canonical-livepatchd', 'canonical-livepatch-refresh'];

/** Below /. */
export const DEB: FileRule[] = [
  ...PROGRAM.map((rule) => ({ ...rule, to: `${DEBIAN_HOME}/${rule.to}` })),
  { from: 'snap/packaging/debian/client', to: `${DEBIAN_HOME}/bin/`, mode: 0o755 },
  { from: 'snap/packaging/debian/client', to: 'usr/bin/canonical-livepatch', mode: 0o755 },
  { from: 'snap/packaging/debian/*.{service,timer}', to: UNITS },
  ...SERVICES.map((service) => ({
    from: 'snap/packaging/debian/hardening.conf',
    to: `${UNITS}${service}.service.d/hardening.conf`,
  })),
  { from: 'dist/man/*.1', to: 'usr/share/man/man1/' },
  { from: 'dist/completion/*.bash', to: 'usr/share/bash-completion/completions/canonical-livepatch' },
  { from: 'dist/completion/_*', to: 'usr/share/zsh/vendor-completions/' },
  { from: 'dist/completion/*.fish', to: 'usr/share/fish/vendor_completions.d/' },
  { from: 'snap/packaging/debian/copyright', to: 'usr/share/doc/canonical-livepatch/' },
  { from: 'CHANGELOG.md', to: 'usr/share/doc/canonical-livepatch/' },
  { from: 'snap/packaging/debian/lintian-overrides', to: 'usr/share/lintian/overrides/canonical-livepatch' },
];
