/**
 * Orders two patch versions such as `121.4` as pairs of numbers: negative when `a` is older, 0 when they are the same,
 * positive when it is newer. Both must match `Version` of schemas.ts, which has one spelling a version.
 */
export function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}
