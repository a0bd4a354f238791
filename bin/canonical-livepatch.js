#!/usr/bin/env node
// CommonJS, as the bundle: Node need not start its loader of ES modules.
const { load } = require('./load.js');

load('main.cjs').main(process.argv.slice(2));
