import { expect, it } from 'vitest';
import lock from '../../package-lock.json' with { type: 'json' };

interface Locked {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

// `npm install` beside a node_modules writes down only the builds for its own platform, and `npm ci` then refuses the
// lock. Make it anew where there is none: npm install --package-lock-only.
it('has an entry in the lock for everything that npm ci looks for, whatever the platform', () => {
  const packages = lock.packages as Record<string, Locked>;
  const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies }).filter(
      (name) => !resolves(packages, path, name),
    ),
  );
  expect(missing).toEqual([]);
});

/** As Node looks: in the package's own node_modules, then in that of each package around it. */
function resolves(packages: Record<string, Locked>, path: string, name: string): boolean {
  if (`${path === '' ? '' : `${path}/`}node_modules/${name}` in packages) return true;
  const around = path.lastIndexOf('node_modules/');
  return around !== -1 && resolves(packages, path.slice(0, Math.max(0, around - 1)), name);
}
