import packageJson from '../../package.json' with { type: 'json' };

/** What oclif takes from a package.json, for the second program of this package. */
export const PACKAGE = {
  name: 'livepatch-publish',
  type: 'module',
  version: packageJson.version,
  description: 'Makes patch files of modules that somebody built',
  oclif: {
    bin: 'livepatch-publish',
    commands: {
      strategy: 'explicit',
      target: './snap/build/publish-command-classes.ts',
      identifier: 'COMMAND_CLASSES',
    },
  },
};
