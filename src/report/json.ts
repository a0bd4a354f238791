import type { StatusDocument } from './document.ts';

/** The document as JSON, in the names, types, order and omissions that callers parse (upstream's own). */
export function renderJson(document: StatusDocument): string {
  const fixes = document.fixes.map(({ name, description, bug, patched }) => ({
    name,
    description,
    bug,
    patched,
  }));
  return JSON.stringify(
    {
      'Client-Version': document.clientVersion,
      'Machine-Id': document.machineId,
      Architecture: document.architecture,
      'CPU-Model': document.cpuModel,
      'Last-Check': document.lastCheck,
      'Boot-Time': document.bootTime,
      Uptime: String(document.uptimeSeconds),
      Status: [
        {
          Kernel: document.kernel,
          Running: true,
          Livepatch: {
            CheckState: document.checkState,
            State: document.patchState,
            Version: document.version,
            Fixes: fixes.length > 0 ? fixes : undefined,
          },
          Supported: document.support,
          UpgradeRequiredDate: document.upgradeRequiredDate,
        },
      ],
      tier: document.tier,
    },
    null,
    2,
  );
}
