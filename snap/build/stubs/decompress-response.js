/** Stands for what unpacks answers in got, and loads all of zlib: we have it unpack nothing (src/source/transport.ts). */
export default (response) => response;
