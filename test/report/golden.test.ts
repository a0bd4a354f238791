import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { StatusDocument } from '../../src/report/document.ts';
import { renderHumane, renderSummary } from '../../src/report/humane.ts';
import { renderJson } from '../../src/report/json.ts';
import { kernelUpgradeOutput } from '../../src/report/kernel-upgrade.ts';
import { renderPrometheus } from '../../src/report/prometheus.ts';
import { UP_TO_DATE, upToDate } from '../../src/report/up-to-date.ts';
import { renderYaml } from '../../src/report/yaml.ts';
import { Secret } from '../../src/secret.ts';
import { NAMES, scenario } from './scenarios.ts';

const directory = join(import.meta.dirname, 'golden');
const golden = (name: string) => readFileSync(join(directory, `${name}.txt`), 'utf8');

/** What every way of asking prints, as one would see it in a terminal. */
function session(document: StatusDocument): string {
  return [
    ['status --format humane', renderHumane(document, { verbose: false })],
    ['status --format humane --verbose', renderHumane(document, { verbose: true })],
    ['status --summary', renderSummary(document)],
    ['status --format yaml', renderYaml(document)],
    ['status --format json', renderJson(document)],
    ['status --format prometheus', renderPrometheus(document)],
    ['status --summary --exit-status > /dev/null; echo $?', String(UP_TO_DATE[upToDate(document)])],
    ['kernel-upgrade-required; echo $?', upgradeSession(document)],
    [
      'kernel-upgrade-required --motd',
      kernelUpgradeOutput(document, { isTerminal: false, motd: true }).stdout,
    ],
  ]
    .map(([words, text]) => `$ canonical-livepatch ${words}\n${text === undefined ? '' : `${text}\n`}`)
    .join('\n');
}

function upgradeSession(document: StatusDocument): string {
  const { exitStatus, stderr, stdout } = kernelUpgradeOutput(document, { isTerminal: true, motd: false });
  return [...(stdout ?? stderr ?? '').split('\n'), exitStatus].join('\n');
}

describe('the status document, in every state and every format', () => {
  it.each(NAMES)('%s', (name) => {
    expect(session(scenario(name))).toBe(golden(name));
  });

  it('has no golden file too many', () => {
    expect(readdirSync(directory).sort()).toEqual(NAMES.map((name) => `${name}.txt`).sort());
  });

  it.each(NAMES)('holds a colon in every line for people (%s)', (name) => {
    const document = scenario(name);
    const lines = `${renderHumane(document, { verbose: true })}\n${renderSummary(document)}`.split('\n');
    expect(lines.filter((line) => line !== '' && !line.includes(':'))).toEqual([]);
  });

  it.each(NAMES)('says in YAML what it says in JSON (%s)', (name) => {
    const json = JSON.parse(renderJson(scenario(name)));
    // As the readers in the field do: YAML 1.1.
    const yaml = parse(renderYaml(scenario(name)), { version: '1.1', customTags: [] });
    const [inJson] = json.Status;
    expect(yaml).toEqual({
      'client-version': json['Client-Version'],
      'machine-id': json['Machine-Id'],
      architecture: json.Architecture,
      'cpu-model': json['CPU-Model'],
      ...(json['Last-Check'] && { 'last-check': new Date(json['Last-Check']) }),
      'boot-time': new Date(json['Boot-Time']),
      uptime: '1h0m0s',
      status: [
        {
          kernel: inJson.Kernel,
          running: inJson.Running,
          livepatch: {
            checkState: inJson.Livepatch.CheckState,
            patchState: inJson.Livepatch.State,
            version: inJson.Livepatch.Version,
            ...(inJson.Livepatch.Stack && { stack: inJson.Livepatch.Stack }),
            fixes: (inJson.Livepatch.Fixes ?? [])
              .map((fix: { Name: string; Patched: boolean }) => {
                return `* ${fix.Name.toUpperCase()}${fix.Patched ? '' : ' (unpatched)'}`;
              })
              .join('\n'),
          },
          supported: inJson.Supported,
          ...(inJson.UpgradeRequiredDate && { upgradeRequiredDate: inJson.UpgradeRequiredDate }),
        },
      ],
      ...(json.tier && { tier: json.tier }),
      ...(json.Catalogue && {
        catalogue: {
          ...(json.Catalogue.Renewed && { renewed: new Date(json.Catalogue.Renewed) }),
          expires: new Date(json.Catalogue.Expires),
        },
      }),
    });
    expect(json.Uptime).toBe('3600');
  });

  it('never changes a type with the state', () => {
    const types = new Map<string, string>();
    const look = (path: string, value: unknown): void => {
      const type = Array.isArray(value) ? 'array' : typeof value;
      expect(types.get(path) ?? type, path).toBe(type);
      types.set(path, type);
      if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
        for (const [key, inner] of Object.entries(value)) {
          look(`${path}.${Array.isArray(value) ? '' : key}`, inner);
        }
      }
    };
    for (const name of NAMES) {
      look('json', JSON.parse(renderJson(scenario(name))));
      look('yaml', parse(renderYaml(scenario(name)), { version: '1.1', customTags: [] }));
    }
    expect(types.get('json.Status..Livepatch.Version')).toBe('string');
  });
});

describe('the machine token', () => {
  const token = '0badc0de0badc0de0badc0de0badc0de';

  it('is nowhere, unless asked for', () => {
    expect(session(scenario('applied'))).not.toMatch(/token/i);
  });

  it('is in every form for people and programs when asked for, and in no metric', () => {
    const document = scenario('applied', new Secret(token));
    expect(renderHumane(document, { verbose: false })).toContain(`machine token: ${token}`);
    expect(JSON.parse(renderJson(document))['Machine-Token']).toBe(token);
    expect(parse(renderYaml(document))['machine-token']).toBe(token);
    expect(renderPrometheus(document)).not.toContain(token);
  });
});

describe('what YAML 1.1 would misread', () => {
  it.each(['no', 'on', '1_000', '0x1f', '12:30:45', '1e10'])('stays a string: %s', (tier) => {
    const text = renderYaml({ ...scenario('applied'), tier });
    expect(parse(text, { version: '1.1' }).tier).toBe(tier);
  });
});
