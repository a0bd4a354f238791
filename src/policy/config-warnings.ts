import type { Config } from '../types.ts';

/**
 * What is allowed in a configuration but should be known to the administrator: for enable, config and status
 * to show. Loads no network code.
 */
export function warningsOf({ catalogueRoot, remoteServer, tlsPatchDownload }: Config): string[] {
  if (['https:', 'file:'].includes(remoteServer.protocol)) return [];
  // A catalogue is trusted by its signatures, and nobody can hold it back unnoticed for longer than until it expires.
  const isSigned = catalogueRoot !== '';
  const warnings = isSigned
    ? []
    : [
        `remote-server ${remoteServer.origin} is not https: anybody on the network path can take the machine token and hold patches back`,
      ];
  if (tlsPatchDownload) {
    warnings.push(
      'tls-patch-download is set: a server that is not https, and does not redirect there, cannot serve patches itself',
    );
  }
  return warnings;
}
