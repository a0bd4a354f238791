import { accessSync, constants, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openLog, readLog } from '../../src/kernel/log.ts';

/** The log of the kernel that runs this: there is nothing like it. */
const mayWrite = (() => {
  try {
    accessSync('/dev/kmsg', constants.W_OK | constants.R_OK);
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!mayWrite)('the real log', () => {
  it('tells what a process wrote from what the kernel said, whatever the process asks for', () => {
    using log = openLog('/');
    const text = `canonical-livepatch test ${process.pid}`;
    // Facility 0 is the kernel's; devkmsg_write gives it to nobody.
    writeFileSync('/dev/kmsg', `<4>${text} BUG: a\nRIP: 0010:f+0x1/0x2 [x]\n`);
    const mine = (log.read() ?? []).filter((record) => record.text.startsWith(text));
    expect(mine).toMatchObject([
      { facility: 1, level: 4, text: `${text} BUG: a\\x0aRIP: 0010:f+0x1/0x2 [x]` },
    ]);
    expect(readLog('/')?.some((record) => record.text.startsWith(text))).toBe(true);
  });
});
