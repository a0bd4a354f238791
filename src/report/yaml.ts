import { Document, Scalar } from 'yaml';
import type { StatusDocument } from './document.ts';
import { goDuration } from './words.ts';

/** The document as YAML, in the names, types, order and omissions that callers parse (upstream's own). */
export function renderYaml(document: StatusDocument): string {
  const fixes = document.fixes
    .map(({ name, patched }) => `* ${name}${patched ? '' : ' (unpatched)'}`)
    .join('\n');
  const yaml = new Document({
    'client-version': document.clientVersion,
    'machine-id': document.machineId,
    architecture: document.architecture,
    'cpu-model': document.cpuModel,
    'last-check': document.lastCheck,
    'boot-time': document.bootTime,
    uptime: goDuration(document.uptimeSeconds),
    status: [
      {
        kernel: document.kernel,
        running: true,
        livepatch: {
          checkState: document.checkState,
          patchState: document.patchState,
          // A string always, or `121.4` would read as a number.
          version: quoted(document.version),
          fixes: fixes === '' ? quoted('') : fixes,
        },
        supported: document.support,
        upgradeRequiredDate: document.upgradeRequiredDate,
      },
    ],
    tier: document.tier,
  });
  return yaml.toString({ lineWidth: 0, indentSeq: false }).trimEnd();
}

function quoted(text: string): Scalar<string> {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}
