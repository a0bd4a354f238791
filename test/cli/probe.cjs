const { writeFileSync } = require('node:fs');

/** Preloaded into the command: writes down at its end what it has loaded. */
process.on('exit', () => {
  const builtins = process.moduleLoadList
    .filter((line) => line.startsWith('NativeModule '))
    .map((line) => line.slice('NativeModule '.length));
  const { chunks } = require('../../bin/load.js');
  writeFileSync(process.env.LOADED_LIST, JSON.stringify({ builtins, chunks: [...chunks.keys()] }));
});
