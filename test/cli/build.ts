import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** What is tested here is what is shipped: the bundle, made of the sources as they are now. */
export function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: 'ignore',
  });
}
