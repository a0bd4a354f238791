/** Preloaded into the command: it then runs in a Node that says it is an old one. */
Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });
