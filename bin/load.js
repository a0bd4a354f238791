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
 * functions compiled. Node's own compile cache was tried in its place, filled after the commands have run: `refresh`
 * takes 17 % longer, `status` 10 %, since Node's `require` looks in more places than a bundle needs and hashes each
 * source. A cache that is missing, that another V8 made, or that belongs to another source, costs time and nothing else.
 * @param {string} name a file in dist
 */
function load(name) {
  const loaded = chunks.get(name);
  if (loaded !== undefined) return loaded.module.exports;
  const filename = join(dist, name);
  const source = readFileSync(filename);
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    // Not its path, which would be in the cache: a build elsewhere is to give the same bytes.
    filename: name,
    cachedData: cacheOf(filename, source),
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

/**
 * V8 compares only the length of the source with the one that the cache was made of, and would go on running the old code
 * after an edit that keeps the length. So the source itself follows V8's part in the file: to compare it takes
 * microseconds, where a digest would first have to load Node's crypto (8 ms).
 * @param {string} filename
 * @param {Buffer} source
 */
function cacheOf(filename, source) {
  try {
    const file = readFileSync(`${filename}.cache`);
    const end = file.length - source.length;
    return file.subarray(end).equals(source) ? file.subarray(0, end) : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { load, chunks };
