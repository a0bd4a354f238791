import { messageOf } from '../../../src/errors.ts';
import { notEnabled } from '../../../src/policy/refusals.ts';
import type { StatusDocument } from '../../../src/report/document.ts';
import { renderHumane } from '../../../src/report/humane.ts';
import { renderJson } from '../../../src/report/json.ts';
import { kernelUpgradeOutput } from '../../../src/report/kernel-upgrade.ts';
import { renderYaml } from '../../../src/report/yaml.ts';

/** What a program sees that runs one of our commands with both streams in pipes. */
export interface Run {
  stdout: string;
  stderr: string;
  exitStatus: number;
}

/** `canonical-livepatch status`; undefined for a machine that is not enabled. */
export function runStatus(
  document: StatusDocument | undefined,
  format: 'humane' | 'json' | 'yaml' = 'yaml',
  { verbose = false } = {},
): Run {
  if (document === undefined) return { stdout: '', stderr: `${messageOf(notEnabled())}\n`, exitStatus: 1 };
  const text = {
    humane: () => renderHumane(document, { verbose }),
    json: () => renderJson(document),
    yaml: () => renderYaml(document),
  };
  return { stdout: `${text[format]()}\n`, stderr: '', exitStatus: 0 };
}

export function runKernelUpgradeRequired(document: StatusDocument | undefined): Run {
  if (document === undefined) return { stdout: '', stderr: `${messageOf(notEnabled())}\n`, exitStatus: 2 };
  const { exitStatus, stderr, stdout } = kernelUpgradeOutput(document, { isTerminal: false, motd: false });
  const line = (text: string | undefined) => (text === undefined ? '' : `${text}\n`);
  return { stdout: line(stdout), stderr: line(stderr), exitStatus };
}
