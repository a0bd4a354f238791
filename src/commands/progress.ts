import { fstatSync } from 'node:fs';
import type { LogLevel } from '../types.ts';

/**
 * How the program speaks while it works: on stderr, for what goes to stdout is for programs. On a terminal the present
 * step stands on a line of its own that shows what is going on; elsewhere each step is one line; in the journal each
 * line has its priority, and only what the log-level lets through is said.
 */
export interface ProgressReporter {
  /** What is being done now. */
  step(text: string): void;
  /** How much of a download has come; belongs to the present step. */
  transferred(received: number, total: number): void;
  log(level: LogLevel, text: string): void;
  /** Ends the line of the present step; called before anything else is printed. */
  end(): void;
}

export interface ReporterOptions {
  write(text: string): void;
  /** Columns of the terminal; undefined when there is none, or it knows no cursor motion. */
  columns: number | undefined;
  /** Lines go to the journal, which reads priorities (sd-daemon(3)). */
  journal: boolean;
  /** Whether what is of this level is said at all. */
  says(level: LogLevel): boolean;
  /** Milliseconds of a clock that only goes forward. */
  clock(): number;
}

/** From syslog(3), as the journal reads them. */
export const PRIORITY: Record<LogLevel, number> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 };

/** Below this a bar says less than the numbers beside it. */
const NARROW = 60;
const BAR = 20;
/** A step that takes less is not worth its time. */
const WORTH_TELLING = 1000;

export function openReporter(options: ReporterOptions): ProgressReporter {
  const { clock, columns, journal, write } = options;
  /** The step that stands on the terminal's last line, and since when. */
  let live: { text: string; began: number; timer: NodeJS.Timeout; bar: string } | undefined;

  const draw = () => {
    if (live === undefined || columns === undefined) return;
    const line = `${live.text}${live.bar}${lasted(clock() - live.began)}`;
    write(`\r\x1b[K${line.length < columns ? line : line.slice(0, columns - 1)}`);
  };
  const end = () => {
    if (live === undefined) return;
    clearInterval(live.timer);
    write(`\r\x1b[K${live.text}${lasted(clock() - live.began)}\n`);
    live = undefined;
  };
  const log: ProgressReporter['log'] = (level, text) => {
    end();
    if (!options.says(level)) return;
    const prefix = journal ? `<${PRIORITY[level]}>` : '';
    // One record of the journal is one line; every line needs the priority.
    write(`${text.trimEnd().replaceAll(/^/gm, prefix)}\n`);
  };
  return {
    end,
    log,
    step(text) {
      if (columns === undefined) return log('info', text);
      end();
      // Unref'd: a clock on the screen keeps no process alive.
      live = { text, began: clock(), timer: setInterval(draw, 1000).unref(), bar: '' };
      draw();
    },
    transferred(received, total) {
      if (live === undefined || columns === undefined || total === 0) return;
      const percent = Math.floor((received / total) * 100);
      const bar = columns < NARROW ? ` ${percent} %` : ` [${filled(received / total)}] ${percent} %`;
      // A chunk is a few KiB; a screen need not be drawn for each.
      if (bar === live.bar) return;
      live.bar = bar;
      draw();
    },
  };
}

function filled(part: number): string {
  return '#'.repeat(Math.floor(part * BAR)).padEnd(BAR, '.');
}

function lasted(milliseconds: number): string {
  return milliseconds < WORTH_TELLING ? '' : ` (${Math.floor(milliseconds / 1000)} s)`;
}

/**
 * Whether a descriptor is the journal's: systemd names its device and inode in JOURNAL_STREAM (systemd.exec(5)). The
 * variable alone says nothing, for a child's stderr may have been redirected.
 */
export function isJournal(fd: number, env: NodeJS.ProcessEnv): boolean {
  if (env.JOURNAL_STREAM === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd);
    return env.JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
