/** What the kernel prints when something has gone wrong in it (lib/bug.c, kernel/panic.c, arch/x86/kernel/dumpstack.c). */
const BUG =
  /\b(BUG:|kernel BUG at|Oops\b|WARNING:|general protection fault|soft lockup|Unable to handle kernel)/;
const END_OF_TRACE = /---\[ end trace/;

/**
 * The trace of a bug that points at our module or at a function that it replaces.
 * @param lines what the kernel said since the insertion.
 * @returns undefined when there is none.
 */
export function findBug(
  lines: readonly string[],
  module: string,
  functions: readonly string[],
): string[] | undefined {
  // A kernel may print a module's build id beside its name (CONFIG_STACKTRACE_BUILD_ID).
  const culprits = [`[${module}]`, `[${module} `, ...functions.map((name) => `${name}+0x`)];
  for (const [index, line] of lines.entries()) {
    if (!BUG.test(line)) continue;
    const rest = lines.slice(index);
    const end = rest.findIndex((other) => END_OF_TRACE.test(other));
    const trace = end === -1 ? rest : rest.slice(0, end + 1);
    // This line lists every module there is, guilty or not.
    const pointing = trace.filter((other) => !other.startsWith('Modules linked in:'));
    if (pointing.some((other) => culprits.some((name) => other.includes(name)))) return trace;
  }
  return undefined;
}
