import type { Blocked, StatusDocument } from './document.ts';
import { wholeSeconds } from './format.ts';

/**
 * The document as JSON, in the names, types, order and omissions that callers parse (upstream's own). What is
 * undefined is left out.
 */
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
      'Machine-Token': document.machineToken?.reveal(),
      Architecture: document.architecture,
      'CPU-Model': document.cpuModel,
      'Last-Check': wholeSeconds(document.lastCheck),
      'Boot-Time': wholeSeconds(document.bootTime),
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
      'Fixed-CVEs': fixedCves(document),
      ...blockedByConfig(document.blocked),
    },
    null,
    2,
  );
}

/** What newer kernel packages fix, beside what the live patch closes already. */
function fixedCves({ cves, fixes }: StatusDocument): object | undefined {
  if (cves === undefined) return undefined;
  return {
    Timestamp: wholeSeconds(cves.timestamp),
    'Kernel-Package-Fixes': cves.kernelPackageFixes,
    'Installed-Kernels': cves.installedKernels,
    'Patched-CVEs': fixes.filter(({ patched }) => patched).map(({ name }) => name),
    Digest: cves.digest,
  };
}

function blockedByConfig(blocked: Blocked | undefined): object {
  if (blocked === undefined) return {};
  return {
    'Excluded-LSNs': blocked.notice === undefined ? [] : [blocked.notice],
    'Blocking-Options': [blocked.option],
    'Using-Cutoff-Date': blocked.option === 'cutoff-date',
  };
}
