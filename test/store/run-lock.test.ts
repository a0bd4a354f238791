import { once } from 'node:events';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { lockHolder, takeRunLock } from '../../src/store/run-lock.ts';
import { temporaryDirectory } from '../temporary.ts';
import { OBSTACLES } from './obstacles.ts';

describe('the run lock', () => {
  it('is held by one run at a time, and names who holds it', () => {
    const path = join(temporaryDirectory(), 'run-lock');
    using _held = takeRunLock(path, 'refresh');
    expect(() => takeRunLock(path, 'disable', 0)).toThrow(
      expect.objectContaining({
        code: 'busy',
        message: `another canonical-livepatch is running (refresh, pid ${process.pid})`,
      }),
    );
  });

  it.each(Object.entries(OBSTACLES))('is taken where %s is in its place, by one run', (_what, obstruct) => {
    const path = join(temporaryDirectory(), 'run-lock');
    obstruct(path);
    using _lock = takeRunLock(path, 'refresh', 0);
    expect(lstatSync(path).isFile()).toBe(true);
    expect(lockHolder(path)).toBe(`refresh, pid ${process.pid}`);
    expect(() => takeRunLock(path, 'revert', 0)).toThrow(expect.objectContaining({ code: 'busy' }));
  });

  it('is free again at the end of the block', () => {
    const path = join(temporaryDirectory(), 'run-lock');
    {
      using _held = takeRunLock(path, 'refresh');
    }
    using _again = takeRunLock(path, 'disable', 0);
  });

  it('is free again when its holder is killed', async () => {
    const path = join(temporaryDirectory(), 'run-lock');
    const lock = join(import.meta.dirname, '../../src/store/run-lock.ts');
    const script = `const { takeRunLock } = await import(${JSON.stringify(lock)});
      globalThis.held = takeRunLock(${JSON.stringify(path)}, 'refresh');
      console.log('held');
      setInterval(() => {}, 1000);`;
    const holder = execa(process.execPath, ['--input-type=module', '--eval', script], { reject: false });
    await once(holder.stdout, 'data');
    expect(() => takeRunLock(path, 'disable', 0)).toThrow(expect.objectContaining({ code: 'busy' }));
    holder.kill('SIGKILL');
    await holder;
    using _free = takeRunLock(path, 'disable', 0);
  });
});
