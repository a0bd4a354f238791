const processes = require('node:child_process');

const { spawn } = processes;

/** Preloaded into the command: it is in our snap, whose plugs are connected, and which snapd has no settings of. */
processes.spawn = (file, args, ...rest) =>
  file === '/usr/bin/snapctl' ? spawn('/bin/echo', ['{}'], ...rest) : spawn(file, args, ...rest);
