import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { StatusDocument } from '../../src/report/document.ts';
import { renderFindings } from '../../src/report/findings.ts';
import { renderHistory } from '../../src/report/history.ts';
import { renderHumane, renderSummary } from '../../src/report/humane.ts';
import { renderJson } from '../../src/report/json.ts';
import { jsonText } from '../../src/report/json-text.ts';
import { kernelUpgradeOutput } from '../../src/report/kernel-upgrade.ts';
import { renderPrometheus } from '../../src/report/prometheus.ts';
import { renderSettings } from '../../src/report/settings.ts';
import { renderYaml } from '../../src/report/yaml.ts';
import { yamlText } from '../../src/report/yaml-text.ts';
import { Secret } from '../../src/secret.ts';
import { documentOf, hold, P122, scenario } from './scenarios.ts';

/** Whatever others may have written reaches a person and a parser as data, in every field of every format. */

const RUNS = Number(process.env.RUNS ?? 100);

/** What forges lines and keys, drives terminals, turns text around, or looks like another type. */
const NASTY = [
  ...['\n', '\r\n', '\u0085', '\u2028', '\u2029', '\v', '\f', '\x1c', '\x1e'],
  ...[
    '\x00',
    '\x07',
    '\x1b[2J',
    '\x1b]0;x\x07',
    '\x7f',
    '\x9b31m',
    '\u00ad',
    '\ufeff',
    '\ufffe',
    '\u{1fffe}',
  ],
  ...['\u200e', '\u202e', '\u2066', '\u2069', '\u200b', '\ud800', '\udfff', '\u{e0001}', '\u{f0000}'],
  ...['\nrunning: false', '\n- kernel: x', ': ', ' #', '- ', '? ', '& ', '*x', '!!', '%', '@', '`', '|', '>'],
  ...['{', '}', '[', ']', ',', '"', "'", '\\', '\t', ' ', '  ', '✓', 'é', '😀', '\u00a0', '---', '...', '<<'],
  ...[
    'no',
    'on',
    'y',
    'null',
    '~',
    '1e3',
    '12e3',
    '0x1f',
    '0b01',
    '017',
    '1_000',
    '12:30:45',
    '.inf',
    '.nan',
  ],
  ...['2027-03-19', '=', '121.1', '1.', '+1', '-', '', 'x', 'CVE-2026-0001', '6.1.0-56-amd64'],
];

const nasty = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.array(fc.constantFrom(...NASTY), { maxLength: 6 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

/** A document in which every string that came from somewhere is nasty. */
const documents: fc.Arbitrary<StatusDocument> = fc
  .array(nasty, { minLength: 26, maxLength: 26 })
  .map((texts): StatusDocument => {
    const next = () => texts.pop() as string;
    const fix = () => ({ name: next(), description: next(), bug: next(), patched: texts.length % 2 === 0 });
    return {
      ...scenario('several-blocked'),
      clientVersion: next(),
      machineId: next(),
      machineToken: new Secret(next()),
      cpuModel: next(),
      checkError: next(),
      kernel: next(),
      failure: { at: '', version: next(), code: next(), message: next() },
      held: [
        hold({ ...P122, version: next() }, 'crashed', next()),
        { ...hold(P122, 'mode', next()), missed: [next()] },
      ],
      patchState: 'apply-failed',
      version: next(),
      stack: [next(), next()],
      fixes: [fix(), fix()],
      others: [next()],
      stateError: next(),
      tier: next(),
      mode: { apply: false, contact: false, sources: [next()] },
      upgradeRequiredDate: undefined,
    };
  });

/** Nothing but characters that show as themselves, and the line feeds of the layout. */
const UNPRINTABLE = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/u;

/** What Python makes of each of these texts, in one process. */
function execPython(expression: string, texts: readonly string[]): unknown[] {
  const program = `
import json, sys, yaml
def values(text):
    return json.loads(json.dumps(yaml.load(text, Loader=yaml.SafeLoader), default=lambda it: it.isoformat()))
print(json.dumps([${expression} for text in json.load(sys.stdin)]))`;
  const output = execFileSync('python3', ['-c', program], {
    // As they are printed: with a line feed at the end.
    input: JSON.stringify(texts.map((text) => `${text}\n`)),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(output);
}

describe('text that others wrote', () => {
  it('cannot add a line, a key, or anything unprintable, in any text for people', () => {
    fc.assert(
      fc.property(documents, nasty, (document, text) => {
        const humane = renderHumane(document, { verbose: true });
        const { stderr, stdout } = kernelUpgradeOutput(document, { isTerminal: true, motd: false });
        const event = { at: '2026-11-22T11:00:00Z', what: 'failed' as const, version: text, message: text };
        const history = renderHistory([event, { ...event, what: 'applied', replaced: [text, text] }]);
        const findings = renderFindings([{ check: text, verdict: 'wrong', found: text, next: text }]);
        const upgrade = `${stdout ?? ''}${stderr ?? ''}`;
        const all = [humane, renderSummary(document), upgrade, history, findings, renderPrometheus(document)];
        for (const one of all) expect(one).not.toMatch(UNPRINTABLE);
        expect(humane.split('\n').filter((line) => line !== '' && !line.includes(':'))).toEqual([]);
        expect(humane.split('\n').length).toBe(
          renderHumane(scenarioLike(document), { verbose: true }).split('\n').length,
        );
        expect(renderSummary(document)).not.toContain('\n');
        expect(upgrade).not.toContain('\n');
        expect(history.split('\n').length).toBe(2);
        expect(findings.split('\n').length).toBe(2);
      }),
      { numRuns: RUNS },
    );
  });

  it('is the same value in YAML and JSON, to every reader, and nothing beside it', () => {
    const sample = fc.sample(documents, RUNS);
    const inPython = execPython('values(text)', sample.map(renderYaml));
    sample.forEach((document, index) => {
      const text = renderYaml(document);
      expect(text).not.toMatch(UNPRINTABLE);
      const json = JSON.parse(renderJson(document));
      const [status] = json.Status;
      const expected = {
        'client-version': json['Client-Version'],
        'machine-id': json['Machine-Id'],
        'machine-token': json['Machine-Token'],
        architecture: 'amd64',
        'cpu-model': json['CPU-Model'],
        'last-check': expect.anything(),
        'boot-time': expect.anything(),
        uptime: '1h0m0s',
        status: [
          {
            kernel: status.Kernel,
            running: true,
            livepatch: {
              checkState: status.Livepatch.CheckState,
              patchState: status.Livepatch.State,
              version: status.Livepatch.Version,
              stack: status.Livepatch.Stack,
              fixes: document.fixes
                .map(({ name, patched }) => `* ${name.toWellFormed()}${patched ? '' : ' (unpatched)'}`)
                .join('\n'),
            },
            supported: status.Supported,
          },
        ],
        tier: json.tier,
      };
      expect(inPython[index], text).toEqual(expected);
      for (const version of ['1.1', '1.2'] as const)
        expect(parse(`${text}\n`, { version, merge: false }), text).toEqual(expected);
    });
  });

  it('is what it was in the JSON of the status document, and prints as ASCII controls never', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const text = renderJson(document);
        expect(text).not.toMatch(UNPRINTABLE);
        const json = JSON.parse(text);
        expect(json['CPU-Model']).toBe(document.cpuModel.toWellFormed());
        expect(json.Status[0].Livepatch.Fixes[0].Description).toBe(
          document.fixes[0]?.description.toWellFormed(),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('is one label in the metrics, which Python, too, reads as so many lines', () => {
    const sample = fc.sample(documents, RUNS).map(renderPrometheus);
    const lines = renderPrometheus(scenario('several-blocked')).split('\n').length;
    expect(new Set(execPython('len(text.splitlines())', sample))).toEqual(new Set([lines]));
    for (const text of sample)
      expect(
        text
          .split('\n')
          .filter((line) => !/^(#|livepatch_\w+(\{(\w+="([^"\\]|\\.)*",?)+\})? [\d.e+-]+$)/.test(line)),
      ).toEqual([]);
  });

  it('is the same in the settings, in each format', () => {
    const settings = fc.dictionary(fc.constantFrom('no-proxy', 'ca-certs', 'http-proxy', 'tier'), nasty);
    const sample = fc.sample(settings, RUNS).filter((one) => Object.keys(one).length > 0);
    const inPython = execPython(
      'values(text)',
      sample.map((one) => renderSettings(one, 'yaml')),
    );
    sample.forEach((one, index) => {
      const expected = Object.fromEntries(
        Object.entries(one).map(([key, value]) => [key, value.toWellFormed()]),
      );
      expect(inPython[index]).toEqual(expected);
      expect(JSON.parse(renderSettings(one, 'json'))).toEqual(expected);
      const humane = renderSettings(one, 'humane');
      expect(humane).not.toMatch(UNPRINTABLE);
      expect(humane.split('\n').length).toBe(Object.keys(one).length);
    });
  });
});

describe('yamlText', () => {
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      nasty,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        nasty.filter((key) => key.isWellFormed() && key !== '__proto__'),
        tie('value'),
        { maxKeys: 3 },
      ),
    ),
  })).value as fc.Arbitrary<never>;

  it('reads back as what it was, in PyYAML and in both versions of YAML', () => {
    const sample = fc.sample(fc.array(values, { minLength: 1, maxLength: 3 }), RUNS);
    const texts = sample.map((value) => yamlText(value));
    const inPython = execPython('values(text)', texts);
    sample.forEach((value, index) => {
      const expected = JSON.parse(jsonText(value));
      expect(inPython[index], texts[index]).toEqual(expected);
      for (const version of ['1.1', '1.2'] as const)
        expect(parse(`${texts[index]}\n`, { version, merge: false }), texts[index]).toEqual(expected);
    });
  });

  it('keeps lines of printable ASCII as they are', () => {
    expect(yamlText({ a: '-----BEGIN\nx y\n-----END\n', b: 'x\ny', c: ' x\ny' })).toBe(
      'a: |\n  -----BEGIN\n  x y\n  -----END\nb: |-\n  x\n  y\nc: " x\\ny"',
    );
  });

  it.each(['no', 'on', '1_000', '0x1f', '12:30:45', '1e10', '1.5', '2027-03-19', '0b0101', '1.', 'y'])(
    'quotes what some reader takes for another type: %s',
    (text) => {
      expect(yamlText({ text })).toBe(`text: "${text}"`);
    },
  );

  it.each(['6.8.0-1047.50-aws', '1h0m0s', 'Intel(R) Core i7 @ 2.20GHz', 'https://x.example:8443/a', 'a1b2'])(
    'leaves plain what every reader takes for a string: %s',
    (text) => {
      expect(yamlText({ text })).toBe(`text: ${text}`);
    },
  );
});

/** The same document with plain words in it: as many lines as it has to have. */
function scenarioLike(document: StatusDocument): StatusDocument {
  const plain = documentOf({});
  const word = (text: string) => (text === '' ? '' : 'x');
  return {
    ...document,
    ...{
      kernel: 'x',
      checkError: 'x',
      cpuModel: 'x',
      tier: 'x',
      machineId: 'x',
      clientVersion: 'x',
      stateError: 'x',
    },
    machineToken: new Secret('x'),
    version: word(document.version),
    failure: { at: '', version: 'x', code: 'x', message: 'x' },
    held: document.held.map((one) => ({
      ...one,
      message: 'x',
      version: '1.1',
      missed: one.missed.map(() => 'x'),
    })),
    stack: document.stack.map(word),
    others: document.others.map(word),
    fixes: document.fixes.map((fix) => ({ ...fix, name: 'x' })),
    mode: { ...plain.mode, apply: false },
  };
}
