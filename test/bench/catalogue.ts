import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue } from '../../src/source/catalogue/catalogue.ts';
import { inMemory } from '../../src/source/catalogue/metadata-store.ts';
import type { Advice, Machine } from '../../src/types.ts';
import { indexOf, KERNEL, listed, makeCatalogue, type TestCatalogue } from '../catalogue/make.ts';
import { type StaticHost, serveFiles } from '../catalogue/serve-files.ts';
import { table } from './table.ts';

/** Kernels in a catalogue; the last is the size that it is made for. */
const SIZES = (process.env.CATALOGUE_SIZES ?? '10,100,1000,5000').split(',').map(Number);
const VERSIONS = 40;
/** Each patch fixes all that the ones before it fix, and so many more. */
const FIXES = 4;
/** What a check that finds nothing new, and the metadata of a new patch, may take. */
const BOUNDS = { nothing: 2 * 1024, patch: 64 * 1024 };

const MACHINE: Machine = {
  id: '0123456789abcdef0123456789abcdef',
  architecture: 'amd64',
  cpuModel: '',
  release: '6.8.0-1047-aws',
  kernel: KERNEL,
  bootId: '',
  bootTime: '2026-11-01T00:00:00Z',
  uptimeSeconds: 0,
};

interface Cost {
  bytes: number;
  requests: number;
  milliseconds: number;
}

type Step = 'first check' | 'nothing new' | 'another kernel has a new patch' | 'a new patch';

/** What a check takes a machine, against the size of the catalogue; draws bytes over kernels. */
export async function benchCatalogue(): Promise<string> {
  const results: [number, Record<Step, Cost>][] = [];
  for (const size of SIZES) results.push([size, await measure(size)]);
  const file = join(import.meta.dirname, 'catalogue.svg');
  writeFileSync(file, draw(results));
  const rows = results.flatMap(([size, costs]) =>
    Object.entries(costs).map(([step, { bytes, milliseconds, requests }]) => [
      String(size),
      step,
      String(bytes),
      String(requests),
      milliseconds.toFixed(1),
    ]),
  );
  for (const [size, costs] of results) {
    if (costs['nothing new'].bytes > BOUNDS.nothing || costs['a new patch'].bytes > BOUNDS.patch) {
      process.stderr.write(`with ${size} kernels a check takes more than it may\n`);
      process.exitCode = 1;
    }
  }
  return `${table([['kernels', 'check', 'bytes', 'requests', 'ms'], ...rows])}\n\n${file}`;
}

async function measure(kernels: number): Promise<Record<Step, Cost>> {
  const made = makeCatalogue();
  made.change((repository) => {
    // Of one patch each: no machine of ours ever fetches these, and to write 200,000 patches takes minutes.
    for (let n = 1; n < kernels; n += 1) repository.putIndex(indexAt(`6.1.0-${n}-amd64`, 1));
    repository.putIndex(indexAt(KERNEL, VERSIONS));
  });
  const host = await serveFiles(made.files);
  try {
    return await steps(made, host);
  } finally {
    host.close();
  }
}

async function steps(made: TestCatalogue, host: StaticHost): Promise<Record<Step, Cost>> {
  const store = inMemory();
  let advice: Advice | 'unchanged' = 'unchanged';
  const check = async (): Promise<Cost> => {
    const known = advice === 'unchanged' ? undefined : advice.tag;
    host.served.length = 0;
    const began = performance.now();
    const source = catalogue(
      {
        httpProxy: '',
        httpsProxy: '',
        noProxy: '',
        caCerts: '',
        dialTimeout: 5000,
        remoteServer: host.url,
        tlsPatchDownload: false,
        tier: 'stable',
      },
      { clientVersion: '1.0', root: made.root, metadata: store },
    );
    const report = { machine: MACHINE, known, cutoffDate: false, patchDelay: false };
    const answer = await source.checkIn(report, undefined);
    if (answer.advice !== 'unchanged') advice = answer.advice;
    const bytes = host.served.reduce((sum, one) => sum + one.bytes, 0);
    return { bytes, requests: host.served.length, milliseconds: performance.now() - began };
  };
  const first = await check();
  const nothing = await check();
  made.change((repository) => repository.putIndex(indexAt('6.1.0-1-amd64', 2)));
  const other = await check();
  made.change((repository) => repository.putIndex(indexAt(KERNEL, VERSIONS + 1)));
  return {
    'first check': first,
    'nothing new': nothing,
    'another kernel has a new patch': other,
    'a new patch': await check(),
  };
}

function indexAt(kernel: string, versions: number) {
  const fixes = Array.from({ length: versions * FIXES }, (_, n) => ({
    name: `CVE-2026-${10_000 + n}`,
    description: '',
    bug: '',
    patched: true,
  }));
  const patches = Array.from({ length: versions }, (_, n) => {
    const age = versions - n;
    return listed(`${100 + age}.1`, { fixes: fixes.slice(0, age * FIXES) });
  });
  return indexOf(patches, { kernel });
}

const WIDTH = 640;
const HEIGHT = 300;
const MARGIN = { left: 70, top: 30, bottom: 50, right: 190 };
const COLOURS = ['#268bd2', '#859900', '#b58900', '#d33682'];

/** Bytes over kernels, both logarithmic. */
function draw(results: [number, Record<Step, Cost>][]): string {
  const steps = Object.keys(results[0]?.[1] ?? {}) as Step[];
  const sizes = results.map(([size]) => size);
  const [least, most] = [10, 1_000_000];
  const x = (size: number) => {
    const [from, to] = [Math.log(Math.min(...sizes)), Math.log(Math.max(...sizes, Math.min(...sizes) + 1))];
    return MARGIN.left + ((Math.log(size) - from) / (to - from)) * WIDTH;
  };
  const y = (bytes: number) => {
    const share = Math.log(Math.max(bytes, least) / least) / Math.log(most / least);
    return MARGIN.top + HEIGHT * (1 - share);
  };
  const ends = steps.map((step) => y(results.at(-1)?.[1][step].bytes ?? 0));
  const lines = steps.map((step, place) => {
    const points = results.map(([size, costs]) => `${x(size).toFixed(0)},${y(costs[step].bytes).toFixed(1)}`);
    const end = ends[place] ?? 0;
    // Lines that end at the same height have their names below each other.
    const above = ends.slice(0, place).filter((other) => Math.abs(other - end) < 14).length;
    const label = `<text x="${MARGIN.left + WIDTH + 8}" y="${(end + 4 + 14 * above).toFixed(0)}" fill="${COLOURS[place]}">${step}</text>`;
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${COLOURS[place]}" stroke-width="2"/>${label}`;
  });
  const bounds = Object.values(BOUNDS).map(
    (bytes) =>
      `<path d="M${MARGIN.left},${y(bytes).toFixed(1)}h${WIDTH}" stroke="#888" stroke-dasharray="4 4"/><text x="${MARGIN.left - 6}" y="${(y(bytes) + 4).toFixed(0)}" text-anchor="end">${bytes / 1024} KiB</text>`,
  );
  const ticks = sizes.map(
    (size) =>
      `<text x="${x(size).toFixed(0)}" y="${MARGIN.top + HEIGHT + 18}" text-anchor="middle">${size}</text>`,
  );
  const [width, height] = [MARGIN.left + WIDTH + MARGIN.right, MARGIN.top + HEIGHT + MARGIN.bottom];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#888">
<title>Bytes of one check, by the number of kernels in the catalogue</title>
<text x="0" y="14">bytes of one check, bodies only, by kernels in the catalogue; the kernel of the machine has ${VERSIONS} patches</text>
<path d="M${MARGIN.left},${MARGIN.top}v${HEIGHT}h${WIDTH}" fill="none" stroke="#888"/>
${[...bounds, ...lines, ...ticks].join('\n')}
</svg>
`;
}
