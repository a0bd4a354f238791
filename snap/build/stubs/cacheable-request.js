/** Stands for `cacheable-request`, which got loads to cache answers: none of ours may be (src/source/transport.ts). */
export default class {}
export class CacheError extends Error {}
