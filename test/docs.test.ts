import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import type { Entry } from '../snap/generate/catalogue.ts';
import { PROGRAMS } from '../snap/generate/docs.ts';
import { commandReference } from '../snap/generate/reference.ts';
import { EXIT_STATUS } from '../src/errors.ts';
import { UP_TO_DATE } from '../src/report/up-to-date.ts';
import { CONFIG_KEYS } from '../src/store/config-keys.ts';
import { INVARIANTS } from './operations/invariants.ts';
import {
  anchorsOf,
  codeIn,
  commandLines,
  linksOf,
  PAGES,
  ROOT,
  read,
  rowsIn,
  section,
  withoutBlocks,
} from './pages.ts';

/** The manual is held to the code: what it shows is there, and what has to be in it is in it. */

it('docs/commands.md is what `npm run docs` writes', () => {
  expect(read('docs/commands.md')).toBe(commandReference(PROGRAMS));
});

it('docs/README.md lists every page of the manual', () => {
  const listed = linksOf('docs/README.md').map(({ path }) => path);
  const pages = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
  expect(pages.filter((page) => !listed.includes(page))).toEqual([]);
});

describe.each(PAGES)('%s', (page) => {
  it('links to what is there', () => {
    const broken = linksOf(page).filter(
      ({ anchor, path }) =>
        !existsSync(join(ROOT, path)) ||
        (anchor !== undefined && path.endsWith('.md') && !anchorsOf(path).includes(anchor)),
    );
    expect(broken).toEqual([]);
  });

  it('names files of the repository that are there', () => {
    const named = codeIn(read(page)).filter((code) =>
      /^(src|test|snap|bin|docs|\.github|\.ci)\/[\w./-]+$/.test(code),
    );
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('shows commands and options that there are', () => {
    expect(commandLines(page).flatMap((line) => mistakesIn(line))).toEqual([]);
  });

  it('names scripts of package.json that there are', () => {
    const text = read(page);
    const scripts = [...text.matchAll(/\bnpm run (?:--silent )?([a-z:]+)/g)].map(([, script = '']) => script);
    expect(scripts.filter((script) => !(script in packageJson.scripts))).toEqual([]);
  });

  it('is written as one would say it', () => {
    const text = withoutBlocks(read(page)).replaceAll(/\s+/g, ' ');
    expect(DIALECT.filter((words) => words.test(text))).toEqual([]);
  });
});

/** Words that nobody uses when they talk to a colleague. */
const DIALECT = [
  /\blest\b/i,
  /\bslip of the pen\b/i,
  /\bcomes? to nothing\b/i,
  /\bworth a word\b|\ba word worth\b/i,
  /\bwithout a word\b/i,
  /\bmend that\b/i,
  /\bthe one that reads? it\b/i,
  /\bno package on the machine is looked at\b/i,
  /\bthe server has taken\b/i,
  /\bis at work\b/i,
  /\bput aside\b/i,
  /\bthat they can read\b/i,
  /\bstands neither\b/i,
  /\bmay grow before\b/i,
];

/** What is wrong with a line of shell: a command of ours that there is not, an option that it does not have. */
function mistakesIn(line: string): string[] {
  return PROGRAMS.flatMap(({ bin, entries }) => {
    const calls = [
      ...line.matchAll(new RegExp(`(?:^|[(;&|'/] ?|\\bsudo |\\bexec )${bin}(?:\\.js)? ([^|;&)'<>#]*)`, 'g')),
    ];
    return calls.flatMap(([, words = '']) => mistakesOf(words.trim().split(/\s+/), entries, line));
  });
}

function mistakesOf([verb = '', ...words]: string[], entries: readonly Entry[], line: string): string[] {
  if (['help', '--help', '--version', '…', 'COMMAND', 'version'].includes(verb) || verb.startsWith('$'))
    return [];
  const entry = entries.find(({ name }) => name === verb);
  if (entry === undefined) return [`no command ${verb}: ${line}`];
  const flags = [...entry.flags.map(({ name }) => name), 'help'];
  const unknown = words
    .filter((word) => word.startsWith('--'))
    .map((word) => word.slice(2).replace(/=.*/, ''))
    .filter((flag) => !flags.includes(flag));
  const keys = verb === 'config' ? words.filter((word) => /^[a-z-]+(=|$)/.test(word)) : [];
  const noKeys = keys
    .map((word) => word.replace(/=.*/, ''))
    .filter((key) => !Object.hasOwn(CONFIG_KEYS, key) && !['key', 'humane', 'json', 'yaml'].includes(key));
  return [
    ...unknown.map((flag) => `no option --${flag}: ${line}`),
    ...noKeys.map((key) => `no key ${key}: ${line}`),
  ];
}

describe('docs/configuration.md', () => {
  const page = read('docs/configuration.md');
  const rows = rowsIn(section(page, 'Keys'));

  it('has a row for every key, and no other', () => {
    expect(rows.map(([key]) => key).sort()).toEqual(
      Object.keys(CONFIG_KEYS)
        .map((key) => `\`${key}\``)
        .sort(),
    );
  });

  it.each(Object.entries(CONFIG_KEYS))('has the default of %s', (key, rule) => {
    const [, shown] = rows.find(([name]) => name === `\`${key}\``) ?? [];
    expect(shown?.trim() ?? '').toBe(rule.default === '' ? '' : `\`${rule.default}\``);
  });
});

describe('docs/status-and-exit-codes.md', () => {
  const page = read('docs/status-and-exit-codes.md');

  it('has every exit status, and no other', () => {
    const statuses = [...new Set([0, ...Object.values(EXIT_STATUS)])].sort((one, other) => one - other);
    expect(rowsIn(section(page, 'Exit statuses')).map(([status]) => Number(status))).toEqual(statuses);
  });

  it('has every answer of status --exit-status', () => {
    const [first = ''] = section(page, 'Answers for scripts').split('`kernel-upgrade-required`');
    const answers = new Set<number>([...Object.values(UP_TO_DATE), EXIT_STATUS['not-enabled']]);
    expect(rowsIn(first).map(([status]) => Number(status))).toEqual([...answers].sort());
  });

  it('leads from every status that is a failure to what to do', () => {
    const index = read('docs/troubleshooting.md').split('\n## ')[0] ?? '';
    const failures = new Set(Object.values(EXIT_STATUS).filter((status) => status !== EXIT_STATUS.usage));
    for (const status of failures) expect(index).toContain(`[${status}`);
  });
});

describe('docs/troubleshooting.md', () => {
  const sources = globSync(['src/**/*.ts', 'bin/*.js', 'test/server/*.ts'], { cwd: ROOT })
    .map((path) => readFileSync(join(ROOT, path), 'utf8').replaceAll("\\'", "'"))
    .join('\n');
  const seen = rowsIn(read('docs/troubleshooting.md')).flatMap(([cell = '']) => codeIn(cell));
  const pieces = seen
    .flatMap((text) => text.split(/…|: |\b\d+\b/))
    .map((piece) => piece.trim())
    .filter((piece) => piece.length > 5);

  it('quotes a good deal', () => {
    expect(pieces.length).toBeGreaterThan(50);
  });

  it('quotes what the program says', () => {
    expect(pieces.filter((piece) => !sources.includes(piece))).toEqual([]);
  });
});

describe('ARCHITECTURE.md', () => {
  const page = read('ARCHITECTURE.md');
  const loop = read('src/policy/loop.ts');
  const rows = rowsIn(section(page, 'Actions and events'));
  const ticked = (cell = '') => codeIn(cell).sort();

  it('has every action, and no other', () => {
    const [union = ''] = /^export type Action =\n.*?^\n/ms.exec(loop) ?? [];
    const actions = [...union.matchAll(/\{ do: '([a-z-]+)'/g)].map(([, action = '']) => action);
    expect(actions.length).toBeGreaterThan(15);
    expect(rows.map(([action]) => ticked(action)[0]).sort()).toEqual(actions.sort());
  });

  it('has every event, and no other', () => {
    const [union = ''] = /^export type Event =\n.*?^\n/ms.exec(loop) ?? [];
    const events = [...union.matchAll(/\bkind: '([a-z-]+)'/g)].map(([, event = '']) => event);
    const named = new Set([...rows.flatMap(([, , cell]) => ticked(cell)), 'failed']);
    expect([...named].sort()).toEqual([...new Set(events)].sort());
  });

  it('names functions of policy that there are', () => {
    const policy = globSync('src/policy/**/*.ts', { cwd: ROOT }).map(read).join('\n');
    const named = rowsIn(section(page, 'A refresh, line by line')).flatMap(([, cell]) => ticked(cell));
    expect(named.filter((name) => !policy.includes(`function ${name}(`))).toEqual([]);
  });

  it('has every invariant by its name, and no other', () => {
    const listed = [...section(page, 'Invariants').matchAll(/^- (.+)$/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual(Object.keys(INVARIANTS).sort());
  });

  it('has every room', () => {
    const rooms = new Set(
      globSync('*/*.ts', { cwd: join(ROOT, 'src') }).map((path) => path.replace(/\/.*/, '/')),
    );
    expect(
      rowsIn(section(page, 'Rooms and walls'))
        .flatMap(([room]) => ticked(room))
        .sort(),
    ).toEqual([...rooms].sort());
  });
});
