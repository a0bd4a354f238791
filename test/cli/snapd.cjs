const processes = require('node:child_process');
const { join } = require('node:path');

const { spawn } = processes;

/** Preloaded into the command: snapd is a file of settings. */
processes.spawn = (file, args, ...rest) =>
  file === '/usr/bin/snapctl'
    ? spawn(process.execPath, [join(__dirname, 'snapctl.cjs'), process.env.SNAPD_SETTINGS, ...args], ...rest)
    : spawn(file, args, ...rest);
