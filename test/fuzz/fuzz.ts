import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { TARGETS } from './targets.ts';

/** What a fuzzing thread is told. */
export interface Order {
  seed: number;
  milliseconds: number;
  /** The input that is being run: the target's index, the length, then the bytes. */
  current: SharedArrayBuffer;
}

/** How far it is. */
export interface Progress {
  kind: 'progress';
  targets: Record<string, { executions: number; accepted: number; corpus: number }>;
  /** Bytes of the readers' sources that were reached. */
  reached: number;
  /** Resident bytes of the whole process. */
  memory: number;
}

/** A promise that was broken. */
export interface Finding {
  kind: 'finding';
  target: string;
  seed: number;
  error: string;
  input: Uint8Array;
}

/** The longest silence of a thread that is not hanging: it reports after each target's turn of 200 ms. */
const SILENCE = 30_000;

/**
 * Fuzzes every target in turn, in a thread of its own, so that one that hangs can be told, and ended. Gives what was
 * found, and the last progress; `onProgress` is called after each turn.
 */
export async function fuzz(order: {
  seed: number;
  milliseconds: number;
  onProgress?: (progress: Progress) => void;
}): Promise<{ findings: Finding[]; progress: Progress | undefined }> {
  const current = new SharedArrayBuffer(8 + 64 * 1024);
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { seed: order.seed, milliseconds: order.milliseconds, current } satisfies Order,
  });
  const findings: Finding[] = [];
  let progress: Progress | undefined;
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const watchdog = setTimeout(() => {
    findings.push(hanging(order.seed, current));
    void worker.terminate();
  }, SILENCE);
  worker.on('message', (message: Progress | Finding) => {
    watchdog.refresh();
    if (message.kind === 'finding') findings.push(message);
    else {
      progress = message;
      order.onProgress?.(message);
    }
  });
  worker.on('error', reject);
  worker.on('exit', () => resolve());
  try {
    await ended;
  } finally {
    clearTimeout(watchdog);
  }
  return { findings, progress };
}

function hanging(seed: number, current: SharedArrayBuffer): Finding {
  const [index = 0, length = 0] = new Uint32Array(current, 0, 2);
  const input = Uint8Array.from(new Uint8Array(current, 8, length));
  return { kind: 'finding', target: TARGETS[index]?.name ?? '', seed, error: 'hangs', input };
}

/** Writes the input of a finding beside this file. Gives what to tell of it. */
export function keep({ target, seed, error, input }: Finding): string {
  const directory = join(import.meta.dirname, 'findings', target);
  const file = join(directory, createHash('sha256').update(input).digest('hex').slice(0, 16));
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, input);
  return `${target}, seed ${seed}: ${error}\n  input: ${file}`;
}
