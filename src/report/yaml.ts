import type { Fix } from '../types.ts';
import type { StatusDocument } from './document.ts';
import { goDuration } from './format.ts';
import { yamlText } from './yaml-text.ts';

/** The document as YAML, in the names, types, order and omissions that callers parse (upstream's own). */
export function renderYaml(document: StatusDocument): string {
  return yamlText({
    'client-version': document.clientVersion,
    'machine-id': document.machineId,
    'machine-token': document.machineToken?.reveal(),
    architecture: document.architecture,
    'cpu-model': document.cpuModel,
    'last-check': document.lastCheck === undefined ? undefined : new Date(document.lastCheck),
    'boot-time': new Date(document.bootTime),
    uptime: goDuration(document.uptimeSeconds),
    status: [
      {
        kernel: document.kernel,
        running: true,
        livepatch: {
          checkState: document.checkState,
          patchState: document.patchState,
          version: document.version,
          stack: document.stack.length > 1 ? document.stack : undefined,
          fixes: document.fixes.map(listed).join('\n'),
        },
        supported: document.support,
        upgradeRequiredDate: document.upgradeRequiredDate,
      },
    ],
    tier: document.tier,
    catalogue: document.freshness && {
      renewed: document.freshness.renewedAt && new Date(document.freshness.renewedAt),
      expires: new Date(document.freshness.expiresAt),
    },
  });
}

function listed({ name, patched }: Fix): string {
  return `* ${name}${patched ? '' : ' (unpatched)'}`;
}
