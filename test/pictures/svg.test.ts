import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { svgOf } from './svg.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

describe('a screen as a picture', () => {
  it('has a line for each line, in its colours', () => {
    const svg = svgOf('state: \x1b[32m✓\x1b[0m good\n\n\x1b[1;31m✗\x1b[39m bad\n\n', 'a state');
    expect(svg).toContain('<title>a state</title>');
    expect(svg.match(/<text .*<\/text>/g)).toEqual([
      '<text x="16" y="30">state: <tspan fill="#56d364">✓</tspan> good</text>',
      '<text x="16" y="70"><tspan fill="#ff7b72">✗</tspan> bad</text>',
    ]);
    expect(svg).toContain('height="92"');
  });

  it('is no markup, whatever is on the screen', () => {
    const svg = svgOf('enable - < token && <script>', 'a & b');
    expect(svg).toContain('>enable - &lt; token &amp;&amp; &lt;script&gt;</text>');
    expect(svg).toContain('<title>a &amp; b</title>');
  });
});

describe('the pictures of the README', () => {
  /** Without what differs from one run to the next. */
  const plain = (text: string) =>
    text
      .replaceAll(/ \(\d+ s\)$/gm, '')
      .replaceAll(/\d+ seconds? ago|just now/g, 'a moment ago')
      .replaceAll(/:\d{5}\b/g, ':port')
      .replaceAll(/\d+ bytes/g, 'n bytes')
      .replaceAll(/[0-9a-f]{4}\*{28}/g, 'token');
  const linesIn = (path: string) =>
    [...read(path).matchAll(/<text [^>]*>(.*)<\/text>/g)].map(([, line = '']) =>
      plain(line.replaceAll(/<[^>]*>/g, '').replaceAll('&lt;', '<')),
    );
  const readme = plain(read('README.md'));

  it.each(['session', 'status'])('show what it shows of npm start: %s', (name) => {
    expect(readme).toContain(`(docs/pictures/${name}.svg)`);
    const printed = linesIn(`docs/pictures/${name}.svg`).filter((line) => !line.startsWith('root@'));
    expect(printed.length).toBeGreaterThan(5);
    // status is asked after 122.1 in the picture, and after 121.1 in the text.
    const lines = printed.map((line) => line.replace('patch version: 122.1', 'patch version: 121.1'));
    for (const line of lines.filter((one) => !/version 122\)$/.test(one))) expect(readme).toContain(line);
  });
});
