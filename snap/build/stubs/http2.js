/**
 * Stands for Node's `http2` in got, which loads it whether or not a request wants HTTP/2; none of ours does. To load it
 * takes longer than HTTPS.
 */
export class Http2ServerResponse {}
export const constants = {};
export default { constants };
