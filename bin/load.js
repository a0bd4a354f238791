// @ts-check
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script, constants } = require('node:vm');

const dist = join(__dirname, '../dist');

/**
 * Every chunk of the bundle that has been loaded, by file name.
 * @type {Map<string, { module: { exports: any }, script: Script }>}
 */
const chunks = new Map();

/**
 * Loads a chunk of the bundle, as `require` would, with V8's code cache of it (snap/build/code-cache.ts). That holds its
 * functions compiled; Node's own compile cache holds only what is around them, and Node's `require` looks in more places
 * than a bundle needs. A cache that is missing, or that another V8 made, costs time and nothing else. It lies beside the
 * code that it holds: who could write the one could write the other. That it is of this very code V8 tells by the length
 * alone: whoever changes a chunk by hand has to remove its cache, as the build does.
 * @param {string} name a file in dist
 */
function load(name) {
  const loaded = chunks.get(name);
  if (loaded !== undefined) return loaded.module.exports;
  const filename = join(dist, name);
  const source = readFileSync(filename, 'utf8');
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename,
    cachedData: cacheOf(filename),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  chunks.set(name, { module, script });
  script.runInThisContext()(module.exports, requireFromChunk, module, filename, dist);
  return module.exports;
}

/** Chunks ask for their neighbours, and else for what comes with Node. @param {string} id */
function requireFromChunk(id) {
  return id.startsWith('./') ? load(id.slice(2)) : require(id);
}

/** @param {string} filename */
function cacheOf(filename) {
  try {
    return readFileSync(`${filename}.cache`);
  } catch {
    return undefined;
  }
}

module.exports = { load, chunks };
