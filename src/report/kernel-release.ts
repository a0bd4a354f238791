/**
 * The newest of the installed kernels, when it is newer than the one that runs: what a reboot leads to. The same one in
 * another flavour is not: it has the same faults.
 */
export function newerKernel(running: string, installed: readonly string[]): string | undefined {
  const newest = installed.toSorted(compareReleases).at(-1);
  if (newest === undefined) return undefined;
  return compareReleases(withoutFlavour(newest), withoutFlavour(running)) > 0 ? newest : undefined;
}

/** `6.8.0-31-lowlatency` is `6.8.0-31`; a release candidate, `6.10.0-rc3`, is no flavour. */
function withoutFlavour(release: string): string {
  return release.replace(/-(?!rc\d)[a-z][a-z0-9-]*$/, '');
}

/**
 * Orders two kernel releases as dpkg orders versions, which is how boot loaders sort them: digits as numbers, letters
 * before other characters, `~` before everything, the end included (deb-version(7)).
 */
export function compareReleases(a: string, b: string): number {
  const left = partsOf(a);
  const right = partsOf(b);
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = compareParts(left[index], right[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Numbers and single characters. */
function partsOf(release: string): string[] {
  return release.match(/\d+|\D/g) ?? [];
}

function compareParts(a = '', b = ''): number {
  return rank(a) - rank(b) || (isNumber(a) ? Number(a) - Number(b) : a < b ? -1 : Number(a > b));
}

/** A number ends the characters before it, so it ranks like the end. */
function rank(part: string): number {
  if (part === '~') return -1;
  if (part === '' || isNumber(part)) return 0;
  return /[A-Za-z]/.test(part) ? 1 : 2;
}

function isNumber(part: string): boolean {
  return /^\d/.test(part);
}
