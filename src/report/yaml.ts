import { Document, Scalar, type ScalarTag } from 'yaml';
import type { StatusDocument } from './document.ts';
import { goDuration, wholeSeconds } from './format.ts';

/** The document as YAML, in the names, types, order and omissions that callers parse (upstream's own). */
export function renderYaml(document: StatusDocument): string {
  const fixes = document.fixes
    .map(({ name, patched }) => `* ${name}${patched ? '' : ' (unpatched)'}`)
    .join('\n');
  const yaml = new Document(
    {
      'client-version': document.clientVersion,
      'machine-id': document.machineId,
      'machine-token': document.machineToken?.reveal(),
      architecture: document.architecture,
      'cpu-model': document.cpuModel,
      'last-check': document.lastCheck && new Date(document.lastCheck),
      'boot-time': new Date(document.bootTime),
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
    },
    // Callers read YAML 1.1 (Python, Go): there `no` is a boolean and `1_000` a number, unless it is quoted.
    { compat: 'yaml-1.1', customTags: [TIME] },
  );
  return yaml.toString({ lineWidth: 0, indentSeq: false }).trimEnd();
}

/** As Go prints a time: plain, so that a reader with timestamps has a timestamp. */
const TIME: ScalarTag = {
  tag: 'tag:yaml.org,2002:timestamp',
  default: true,
  identify: (value) => value instanceof Date,
  resolve: (text) => text,
  stringify: ({ value }) => wholeSeconds((value as Date).toISOString()),
};

function quoted(text: string): Scalar<string> {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}
