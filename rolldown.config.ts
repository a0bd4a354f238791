import { basename, join } from 'node:path';
import { defineConfig, type OutputOptions, type Plugin, type RolldownOptions } from 'rolldown';

/** Modules that oclif needs inside asynchronous functions only, and so can be chunks of their own, by importer. */
const LATE: Record<string, string[]> = {
  'command.js': ['./config'],
  'flags.js': ['./help'],
  'handle.js': ['../help/index'],
};

/**
 * oclif is CommonJS, compiled by TypeScript: `const ejs_1 = require("ejs")` at the top, `ejs_1.default.render` where it
 * is used. Moving each `require` to where it is used changes nothing but when, and whether at all, a module is
 * evaluated: a command that prints no help and draws no spinner never evaluates the templates and the colours.
 */
const lazyOclif: Plugin = {
  name: 'lazy-oclif',
  transform: {
    filter: { id: /@oclif\/core\/lib\/.*\.js$/ },
    handler(code, id) {
      const late = LATE[basename(id)] ?? [];
      let text = code;
      for (const [line, name, value, path] of code.matchAll(TOP_REQUIRE)) {
        const now = late.includes(path as string) ? `(await import("${path}"))` : `(${value})`;
        text = text.replace(line, '').replace(new RegExp(`\\b${name}\\b`, 'g'), now);
      }
      return { code: text, map: null };
    },
  },
};
const TOP_REQUIRE = /^(?:const|var) (\w+_\d+) = (\w*\(?require\("([^"]+)"\)\)?);$/gm;

/**
 * `@sindresorhus/is`, in got, makes two formatters of lists for error messages as it is loaded: the first word of Intl
 * reads the locales, 12 ms of every refresh. Made when they are used, they cost nothing.
 */
const lazyFormatters: Plugin = {
  name: 'lazy-formatters',
  transform: {
    filter: { id: /@sindresorhus\/is\/.*\.js$/ },
    handler: (code) => ({
      code: code.replaceAll(TOP_FORMATTER, 'const $1 = { format: (list) => $2.format(list) };'),
      map: null,
    }),
  },
};
const TOP_FORMATTER = /^const (\w+) = (new Intl\.ListFormat\(.*\));$/gm;

function stub(file: string): string {
  return join(process.cwd(), 'snap/build/stubs', file);
}

const shared = {
  platform: 'node',
  plugins: [lazyOclif, lazyFormatters],
  resolve: {
    alias: {
      './utils/decompress-response.js': stub('decompress-response.js'),
      debug: stub('debug.cjs'),
      'node:http2': stub('http2.js'),
      'wsl-utils': stub('wsl-utils.js'),
    },
  },
} satisfies RolldownOptions;

// CommonJS: an ES module's import of a builtin reads all its getters, and so loads streams and WebCrypto for `fs` and
// `crypto`.
const output = {
  format: 'cjs',
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
  sourcemap: true,
  minify: true,
} satisfies OutputOptions;

// Two bundles: with common chunks, what one program needs would be what the other has to load.
export default defineConfig([
  { ...shared, input: { main: 'src/main.ts' }, output: { ...output, dir: 'dist', cleanDir: true } },
  { ...shared, input: { publish: 'src/publish/main.ts' }, output: { ...output, dir: 'dist/publish' } },
]);
