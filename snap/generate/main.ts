import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { catalogue } from './catalogue.ts';
import { completions } from './completion.ts';
import { manualPages } from './manual.ts';

/** Writes what packages install beside the program: dist/man/*.1 and dist/completion/*. */
const dist = join(import.meta.dirname, '../../dist');
const entries = catalogue();
write('man', manualPages(entries, manifest.version));
write('completion', completions(entries));

function write(directory: string, files: Map<string, string>): void {
  mkdirSync(join(dist, directory), { recursive: true });
  for (const [name, content] of files) writeFileSync(join(dist, directory, name), content);
}
