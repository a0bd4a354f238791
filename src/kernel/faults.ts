import { join } from 'node:path';
import { LIMITS } from '../limits.ts';
import { END, FAULT_FORMS, type FaultForm, FRAME } from './fault-forms.ts';
import { type ReplacedFunction, replacedFunctions } from './livepatches.ts';
import { type LogRecord, openLog } from './log.ts';
import { moduleBuildId } from './modules.ts';
import { numberOf } from './read.ts';

/** What the kernel says from a moment on. */
export interface FaultWatch extends Disposable {
  /**
   * The report of a fault, since the watch began, that points at this module or at a function that it replaces.
   * @returns undefined when there is none, or the log may not be read.
   */
  faultOf(module: string): string[] | undefined;
}

/** What a report has to point at. */
export interface Suspect {
  module: string;
  /** Its build id, lower-case hex, where it is known: another module may have had the name. */
  buildId?: string | undefined;
  /** The functions that it replaces. */
  functions: readonly ReplacedFunction[];
}

/** The mark that the kernel bears of its faults, as /proc/sys/kernel/tainted has it, then and now. */
export interface Taint {
  before: number | undefined;
  now: number | undefined;
}

/** Listens to what the kernel says from now on. */
export function watchFaults(root: string): FaultWatch {
  const tainted = () => numberOf(join(root, 'proc/sys/kernel/tainted'));
  const before = tainted();
  const log = openLog(root);
  let records: LogRecord[] = [];
  return {
    faultOf(module) {
      // Kept, because a fault is reported before its mark is set.
      records = [...records, ...(log.read() ?? [])].slice(-LIMITS.kernel.logRecords);
      const suspect = {
        module,
        buildId: moduleBuildId(root, module),
        functions: replacedFunctions(root, module),
      };
      return findFault(records, suspect, { before, now: tainted() });
    },
    [Symbol.dispose]: () => log[Symbol.dispose](),
  };
}

/**
 * The report of a fault that points at the suspect. Others can write to the kernel's log, too, or choose words in it,
 * so that only its own records count, by the forms they have, and only when the mark of such a fault has come since,
 * wherever that can be seen.
 */
export function findFault(
  records: readonly LogRecord[],
  suspect: Suspect,
  taint: Taint = { before: undefined, now: undefined },
): string[] | undefined {
  const report = reports(records).find(
    ({ forms, texts }) =>
      forms.some((form) => hasLeftItsMark(form, taint)) && texts.some((text) => pointsAt(suspect, text)),
  );
  return report?.texts;
}

/** A fault that leaves no mark, and one whose mark was there before, has the log alone to speak for it. */
function hasLeftItsMark({ taint }: FaultForm, { before, now }: Taint): boolean {
  if (taint === undefined || before === undefined || now === undefined) return true;
  const has = (tainted: number) => Math.floor(tainted / 2 ** taint) % 2 === 1;
  return has(before) || has(now);
}

interface Report {
  forms: FaultForm[];
  texts: string[];
  /** Has said where the kernel was. */
  placed: boolean;
  at: number;
}

/** Errors and warnings; what is said of processes that died by themselves is of a lower level. */
const LOWEST_LEVEL = 4;
/** The longest report of a single fault, many times over; and the longest pause in one. */
const MOST_RECORDS = 300;
const LONGEST_PAUSE = 5;

function reports(records: readonly LogRecord[]): Report[] {
  const found: Report[] = [];
  let open: Report | undefined;
  for (const { facility, level, seconds, text } of records) {
    if (facility !== 0) continue;
    const form = level <= LOWEST_LEVEL ? FAULT_FORMS.find(({ head }) => head.test(text)) : undefined;
    if (open !== undefined && (open.texts.length === MOST_RECORDS || seconds - open.at > LONGEST_PAUSE)) {
      open = undefined;
    }
    // The same fault may have several heads: first what the processor met, then what came of it.
    if (form !== undefined && (open === undefined || open.placed)) {
      open = { forms: [], texts: [], placed: false, at: seconds };
      found.push(open);
    }
    if (open === undefined) continue;
    if (form !== undefined) open.forms.push(form);
    open.texts.push(text);
    open.placed ||= FRAME.test(text);
    open.at = seconds;
    if (END.test(text)) open = undefined;
  }
  return found;
}

function pointsAt({ buildId, functions, module }: Suspect, text: string): boolean {
  const frame = FRAME.exec(text)?.groups;
  if (frame?.symbol === undefined) return false;
  const { build, module: object = 'vmlinux', symbol } = frame;
  if (functions.some((replaced) => replaced.object === object && replaced.name === symbol)) return true;
  // The kernel prints the identifier alone; we know the note that it is in.
  return object === module && (build === undefined || buildId?.includes(build) !== false);
}
