const processes = require('node:child_process');

const { spawn } = processes;

/** Preloaded into the command: it is in our snap, and snapd says yes to whatever it is asked. */
processes.spawn = (file, ...rest) => spawn(file === '/usr/bin/snapctl' ? 'true' : file, ...rest);
