/** A day of one value a minute. */
export interface Plot {
  title: string;
  values: number[];
}

const WIDTH = 720;
const HEIGHT = 110;
const LEFT = 60;
const TOP = 28;
const GAP = 44;

/** Plots of one scale below each other, as SVG that reads on light and dark ground. */
export function plotSvg(plots: Plot[], unit: string): string {
  const highest = Math.max(...plots.flatMap(({ values }) => values));
  const parts = plots.map((plot, index) => panel(plot, TOP + index * (HEIGHT + GAP), highest));
  const height = TOP + plots.length * (HEIGHT + GAP);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 20} ${height}" font-family="sans-serif" font-size="12" fill="#888">
<title>${unit}: ${plots.map(({ title }) => title).join('; ')}</title>
<text x="0" y="12">${unit}</text>
${parts.join('\n')}
</svg>
`;
}

function panel({ title, values }: Plot, top: number, highest: number): string {
  const x = (index: number) => (LEFT + (index / values.length) * WIDTH).toFixed(0);
  const y = (value: number) => (top + HEIGHT - (value / highest) * HEIGHT).toFixed(1);
  const line = values.map((value, index) => `${x(index)},${y(value)}`).filter((_, index) => index % 2 === 0);
  const hours = [0, 6, 12, 18, 24].map(
    (hour) =>
      `<text x="${LEFT + (hour / 24) * WIDTH}" y="${top + HEIGHT + 15}" text-anchor="middle">${hour}:00</text>`,
  );
  return `<text x="${LEFT}" y="${top - 6}">${title}</text>
<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${highest.toFixed(0)}</text>
<text x="${LEFT - 6}" y="${top + HEIGHT}" text-anchor="end">0</text>
<path d="M${LEFT},${top}V${top + HEIGHT}H${LEFT + WIDTH}" fill="none" stroke="#888"/>
<polyline points="${line.join(' ')}" fill="none" stroke="#d33682"/>
${hours.join('\n')}`;
}
