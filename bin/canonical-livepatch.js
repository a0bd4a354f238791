#!/usr/bin/env node
// CommonJS, as the bundle: Node need not start its loader of ES modules.
const { join } = require('node:path');
const { enableCompileCache } = require('node:module');

// Filled when the package is built. It lies beside the code that it holds: who could write the one could write the other.
enableCompileCache({ directory: join(__dirname, '../dist/compile-cache'), portable: true });

require('../dist/main.cjs').main(process.argv.slice(2));
