import { main } from '../../src/publish/main.ts';

/** livepatch-publish from its sources, as bin/livepatch-publish.js runs the bundle. */
await main(process.argv.slice(2));
