import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../../src/limits.ts';
import { isCheckDue } from '../../src/policy/schedule.ts';
import { pauseAfter } from '../../src/source/retry.ts';
import { parseConfig } from '../../src/store/config-keys.ts';
import { type Plot, plotSvg } from './plot.ts';
import { table } from './table.ts';

/** Times are seconds; a day begins at 0, and the hours before it let the fleet settle. */
const MACHINES = 1_000_000;
const HOUR = 3600;
const DAY = 24 * HOUR;
const SETTLING = 6 * HOUR;
const NOON = 12 * HOUR;

/** What befalls the fleet or its server. */
interface Scenario {
  name: string;
  aim: number;
  /** When the server cannot be reached. */
  outage?: { from: number; to: number };
  /** When all machines lose power; each is up again after its own time. */
  reboot?: number;
  /** When a patch for all of them is released. */
  release?: number;
}

const SCENARIOS: Scenario[] = [
  { name: 'steady state', aim: 1.2 },
  { name: 'all machines reboot at 12:00', aim: 2, reboot: NOON },
  { name: 'no server from 12:00 to 13:00', aim: 2, outage: { from: NOON, to: NOON + HOUR } },
  { name: 'a patch is released at 12:00', aim: 2, release: NOON },
];
/** From the loss of power to the boot service: firmware, kernel, systemd. */
const BOOT = { shortest: 20, longest: 120 };

/** Requests that reach the server, or would, in each second of the day. */
interface Load {
  checkIns: Uint32Array;
  downloads: Uint32Array;
  /** Tries that nobody answered. */
  inVain: Uint32Array;
}

/**
 * A day of a million machines on a simulated clock: the snap's timer and the program's own rules of when to check and
 * when to try again, with the default configuration.
 */
export function benchFleet(): string {
  const loads = SCENARIOS.map((scenario) => ({ scenario, load: simulate(scenario) }));
  const mean = total((loads[0] as (typeof loads)[0]).load.checkIns) / DAY;
  const plots = loads.map(
    ({ scenario, load }): Plot => ({ title: scenario.name, values: perMinute(load.checkIns) }),
  );
  writeFileSync(join(import.meta.dirname, 'fleet.svg'), plotSvg(plots, 'check-ins a second'));
  const rows = loads.map(({ scenario, load }) => [
    scenario.name,
    (total(load.checkIns) / DAY).toFixed(0),
    Math.max(...perMinute(load.checkIns)).toFixed(0),
    (Math.max(...perMinute(load.checkIns)) / mean).toFixed(2),
    `≤ ${scenario.aim}`,
    Math.max(...load.checkIns).toFixed(0),
    Math.max(...perMinute(load.downloads)).toFixed(0),
    Math.max(...perMinute(load.inVain)).toFixed(0),
  ]);
  const head = [
    '',
    'check-ins/s, mean',
    'highest minute',
    '× steady mean',
    'aim',
    'highest second',
    'downloads/s, highest minute',
    'in vain/s, highest minute',
  ];
  return `${MACHINES.toLocaleString('en')} machines, one day, check-interval 60\n\n${table([head, ...rows])}\n\nPlot: test/bench/fleet.svg`;
}

function simulate(scenario: Scenario): Load {
  const random = seeded(1);
  const load: Load = {
    checkIns: new Uint32Array(DAY),
    downloads: new Uint32Array(DAY),
    inVain: new Uint32Array(DAY),
  };
  for (let machine = 0; machine < MACHINES; machine += 1) live(scenario, load, random);
  return load;
}

const { checkInterval } = parseConfig({});

/** One machine's day. */
function live({ outage, reboot, release }: Scenario, load: Load, random: () => number): void {
  const minutes = Array.from({ length: 24 }, () => Math.floor(random() * 60));
  // systemd lets a timer elapse anywhere in its AccuracySec, a minute, at a place of the machine's own.
  const second = random() * 60;
  const upAgain = reboot === undefined ? -Infinity : reboot + between(BOOT, random);
  let lastGoodCheck: number | undefined;
  let isPatched = false;

  const run = (occasion: 'timer' | 'boot', from: number) => {
    const age = lastGoodCheck === undefined ? undefined : (from - lastGoodCheck) * 1000;
    if (!isCheckDue(occasion, age, checkInterval)) return;
    const deps = { limits: LIMITS.network, random, uptime: () => (from - upAgain) * 1000 };
    for (let failures = 0, now = from; ; ) {
      if (outage === undefined || now < outage.from || now >= outage.to) {
        count(load.checkIns, now);
        lastGoodCheck = now;
        if (release !== undefined && now >= release && !isPatched) {
          isPatched = true;
          count(load.downloads, now);
        }
        return;
      }
      count(load.inVain, now);
      failures += 1;
      const pause = pauseAfter({ kind: 'unreachable' }, { failures, elapsed: (now - from) * 1000 }, deps);
      if (pause === undefined) return;
      now += pause / 1000;
    }
  };

  let booted = reboot === undefined;
  for (let hour = -SETTLING; hour < DAY; hour += HOUR) {
    const elapse = hour + (minutes[((hour + DAY) % DAY) / HOUR] as number) * 60 + second;
    if (!booted && elapse >= upAgain) {
      run('boot', upAgain);
      booted = true;
    }
    // A timer does not make up for what it missed while the machine was down.
    if (reboot === undefined || elapse < reboot || elapse >= upAgain) run('timer', elapse);
  }
}

function count(seconds: Uint32Array, at: number): void {
  const second = Math.floor(at);
  if (second >= 0 && second < DAY) seconds[second] = (seconds[second] as number) + 1;
}

/** Requests a second, in each minute. */
function perMinute(seconds: Uint32Array): number[] {
  return Array.from(
    { length: DAY / 60 },
    (_, minute) => total(seconds.subarray(minute * 60, (minute + 1) * 60)) / 60,
  );
}

function total(counts: Uint32Array): number {
  return counts.reduce((sum, value) => sum + value, 0);
}

function between({ shortest, longest }: typeof BOOT, random: () => number): number {
  return shortest + random() * (longest - shortest);
}

/** Mulberry32: the same fleet each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
