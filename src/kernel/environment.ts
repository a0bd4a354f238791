/**
 * What kmod and dmesg are run with. Nothing of our own environment: no proxy password and no token reaches a child, and
 * what root runs is never looked for on the caller's PATH. In a snap its own programs come first.
 */
export const ENVIRONMENT = {
  PATH: [process.env.SNAP, '/usr', '']
    .filter((root) => root !== undefined)
    .flatMap((root) => [`${root}/sbin`, `${root}/bin`])
    .join(':'),
  LC_ALL: 'C',
};
