/** Characters are drawn this wide and lines this high, in pixels, at a font of 14 pixels. */
const [WIDTH, HEIGHT, FONT] = [8.43, 20, 14];
const MARGIN = 16;

/** ECMA-48 SGR, as far as the command and the shell's prompt use it. */
const COLOURS: Record<string, string> = { 31: '#ff7b72', 32: '#56d364', 33: '#e3b341', 36: '#79c0ff' };

/**
 * A terminal's screen as an SVG picture. It is text, so it can be read aloud, searched and copied.
 *
 * @param screen lines with SGR colours, as `tmux capture-pane -e` prints them.
 * @param title what the picture shows, for those who do not see it.
 */
export function svgOf(screen: string, title: string): string {
  const lines = screen.replace(/\n+$/, '').split('\n');
  const columns = Math.max(...lines.map((line) => withoutColours(line).length));
  const [width, height] = [Math.ceil(columns * WIDTH) + 2 * MARGIN, lines.length * HEIGHT + 2 * MARGIN];
  const rows = lines.map((line, index) => {
    const y = MARGIN + index * HEIGHT + FONT;
    return withoutColours(line) === '' ? '' : `  <text x="${MARGIN}" y="${y}">${spansOf(line)}</text>\n`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" role="img">
  <title>${escaped(title)}</title>
  <style>
    text { font: ${FONT}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #e6edf3; white-space: pre }
  </style>
  <rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${rows.join('')}</svg>
`;
}

const withoutColours = (line: string) => line.replaceAll(SGR, '');

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what a terminal is told its colours by.
const SGR = /\x1b\[([\d;]*)m/g;

function spansOf(line: string): string {
  const [first = '', ...rest] = line.split(SGR);
  let spans = escaped(first);
  for (let at = 0; at < rest.length; at += 2) {
    const colour = COLOURS[(rest[at] ?? '').split(';').at(-1) ?? ''];
    const text = escaped(rest[at + 1] ?? '');
    spans += colour === undefined || text === '' ? text : `<tspan fill="${colour}">${text}</tspan>`;
  }
  return spans;
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
