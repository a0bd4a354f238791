import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';

/** What the shell shows when a command has ended: its exit status. */
const PROMPT = /^\[\d+\] #/gm;
/** Other tests, and virtual machines, run beside this one. */
const PATIENCE = { timeout: 60_000, interval: 50 };

/** A shell in a terminal, and a person before it. */
export interface Terminal {
  /** Types a command and waits until the shell asks for the next. */
  type(command: string): Promise<void>;
  /** All that was ever on the screen. A line that the terminal wrapped is one again: what wraps varies. */
  screen(): Promise<string>;
}

interface TerminalOptions {
  columns: number;
  rows: number;
  cwd: string;
  env: Record<string, string>;
  /** Shell commands that are run first, in a mount namespace of the terminal's own. */
  prepare: string;
}

/** Starts a tmux server of the test's own, with a shell in it. */
export async function openTerminal({ columns, rows, cwd, env, prepare }: TerminalOptions): Promise<Terminal> {
  const tmux = ['tmux', '-u', '-f', '/dev/null', '-S', join(temporaryDirectory(), 'socket')];
  const ask = (...words: string[]) => execa('tmux', [...tmux.slice(1), ...words]);
  const size = ['-x', String(columns), '-y', String(rows)];
  // PS1 not by the environment: sh, on the way, has one of its own.
  const session = ['new-session', '-d', ...size, '-e', 'PS1=[$?] # ', 'bash', '--norc'];
  await execa('unshare', ['--mount', 'sh', '-euc', `${prepare}\nexec "$@"`, 'sh', ...tmux, ...session], {
    cwd,
    env: { ...env, LC_ALL: 'C.UTF-8', TERM: 'screen', HISTFILE: '/dev/null' },
    extendEnv: false,
  });
  onTestFinished(async () => void (await ask('kill-server')));

  const screen = async () => (await ask('capture-pane', '-p', '-J', '-S', '-')).stdout;
  const prompted = (times: number) =>
    expect.poll(async () => (await screen()).match(PROMPT)?.length, PATIENCE).toBe(times);
  let typed = 0;
  await prompted(1);
  return {
    screen,
    async type(command) {
      typed += 1;
      await ask('send-keys', '-l', command);
      await ask('send-keys', 'Enter');
      await prompted(typed + 1);
    },
  };
}
