const { readFileSync, writeFileSync } = require('node:fs');

/** As much of snapctl as the client asks, on a file of settings. */
const [file, verb, _option, ...words] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(file, 'utf8'));
if (verb === 'get') {
  process.stdout.write(
    JSON.stringify(Object.fromEntries(Object.entries(settings).filter(([key]) => words.includes(key)))),
  );
}
if (verb === 'set') {
  for (const word of words) {
    const at = word.indexOf('=');
    settings[word.slice(0, at)] = word.slice(at + 1);
  }
  writeFileSync(file, JSON.stringify(settings));
}
