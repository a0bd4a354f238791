import type { Blocked, StatusDocument } from './document.ts';
import { wholeSeconds } from './format.ts';
import { jsonText } from './json-text.ts';

/**
 * The document as JSON, in the names, types, order and omissions that callers parse (upstream's own). What is
 * undefined is left out.
 */
export function renderJson(document: StatusDocument): string {
  return jsonText({
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
          Stack: document.stack.length > 1 ? document.stack : undefined,
          Fixes: document.fixes.length > 0 ? fixesOf(document) : undefined,
        },
        Supported: document.support,
        UpgradeRequiredDate: document.upgradeRequiredDate,
      },
    ],
    tier: document.tier,
    Catalogue: document.freshness && {
      Renewed: wholeSeconds(document.freshness.renewedAt),
      Expires: wholeSeconds(document.freshness.expiresAt),
    },
    'Fixed-CVEs': fixedCves(document),
    ...blockedByConfig(document.blocked),
  });
}

/** Lower case: `pro fix` compares the name with the vulnerability that it was asked about, so written. */
function fixesOf({ fixes }: StatusDocument): object[] {
  return fixes.map(({ bug, description, name, patched }) => ({
    Name: name.toLowerCase(),
    Description: description,
    Bug: bug,
    Patched: patched,
  }));
}

/** What newer kernel packages fix, beside what the live patches close already. A time that is not known is Go's zero. */
function fixedCves({ cves, fixes, installedKernels }: StatusDocument): object {
  return {
    Timestamp: wholeSeconds(cves?.timestamp) ?? '0001-01-01T00:00:00Z',
    'Kernel-Package-Fixes': cves?.kernelPackageFixes ?? [],
    'Installed-Kernels': installedKernels,
    'Patched-CVEs': fixes.filter(({ patched }) => patched).map(({ name }) => name),
    Digest: cves?.digest ?? '',
  };
}

function blockedByConfig(blocked: readonly Blocked[]): object {
  if (blocked.length === 0) return {};
  const options = [...new Set(blocked.map(({ option }) => option))];
  return {
    'Excluded-LSNs': blocked.flatMap(({ notice }) => notice ?? []),
    'Blocking-Options': options,
    'Using-Cutoff-Date': options.includes('cutoff-date'),
  };
}
