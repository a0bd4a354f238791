#!/usr/bin/env node
// CommonJS, as the bundle: Node need not start its loader of ES modules. And of ES5 alone, so that a Node that is too old
// for the bundle can read at least this file, and say so.
var needed = 24;
var version = process.versions.node;
var what = ['Node.js', version, 'is too old: version', needed, 'or newer is needed'].join(' ');
var hint = 'Install that, or the snap, which brings its own.';

if (parseInt(version, 10) < needed) {
  process.stderr.write([what, hint, ''].join('\n'));
  // EX_CONFIG: to try again will not help.
  process.exitCode = 78;
} else {
  require('./load.js').load('main.cjs').main(process.argv.slice(2));
}
