import type { Blocked, StatusDocument } from './document.ts';
import { wholeSeconds } from './words.ts';

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

/**
 * What the live patch closes. Upstream's other fields here are about kernel packages, of which no server told us;
 * an empty list would claim that there is nothing to know.
 */
function fixedCves({ fixes, lastGoodCheck }: StatusDocument): object | undefined {
  if (fixes.length === 0) return undefined;
  return {
    Timestamp: wholeSeconds(lastGoodCheck),
    'Patched-CVEs': fixes.filter(({ patched }) => patched).map(({ name }) => name),
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
