/**
 * Orders two patch versions such as `121.4`, number by number: negative when `a` is older, 0 when they are the same,
 * positive when it is newer. A part that is missing counts as 0. Both must match the protocol's version pattern.
 */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
