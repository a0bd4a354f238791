import { expect, it } from 'vitest';
import lock from '../../package-lock.json' with { type: 'json' };
import { locate } from '../../snap/packaging/sbom.ts';

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
      (name) => locate(path, name) === undefined,
    ),
  );
  expect(missing).toEqual([]);
});
