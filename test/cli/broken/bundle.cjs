const vm = require('node:vm');

/** Preloaded into the command: whatever part of the bundle the command loads by itself cannot be. */
vm.Script = class extends vm.Script {
  constructor(code, options) {
    super(code, options);
    if (process.listenerCount('uncaughtException') > 0) throw new SyntaxError('this part is broken');
  }
};
