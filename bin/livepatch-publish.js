#!/usr/bin/env node
require('../dist/publish/publish.cjs').main(process.argv.slice(2));
