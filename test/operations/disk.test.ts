import { describe, expect, it } from 'vitest';
import { EXIT_STATUS, LivepatchError } from '../../src/errors.ts';
import { disable } from '../../src/operations/disable.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { status } from '../../src/operations/status.ts';
import { Secret } from '../../src/secret.ts';
import { gateDisk, systemError } from '../fakes/disk.ts';
import { broken, type Subject } from './invariants.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

const TOKEN = new Secret('an-auth-token');

const COMMANDS = {
  /** Registers, and applies 122.1. */
  enable: {
    prepare: ({ server }: Sandbox) => server.publish('122.1'),
    act: ({ context }: Sandbox) => enable(context, TOKEN),
  },
  /** Goes on from 121.1 to 122.1. */
  refresh: { prepare: withNews, act: ({ context }: Sandbox) => refresh(context) },
  /** Applies 121.1 again, then goes on to 122.1. */
  'refresh --boot': {
    async prepare(sandbox: Sandbox) {
      await withNews(sandbox);
      sandbox.kernel.reboot();
    },
    act: ({ context }: Sandbox) => refresh(context, { occasion: 'boot' }),
  },
  'disable --unpatch': {
    prepare: withNews,
    act: ({ context }: Sandbox) => disable(context, { unpatch: true }),
  },
};
type Command = keyof typeof COMMANDS;

async function withNews({ server, context }: Sandbox): Promise<void> {
  server.publish('121.1');
  await enable(context, TOKEN);
  server.publish('122.1');
}

/** What the disk does from the nth change on: fails that once, fails ever after, or is not reached any more. */
type Fault =
  | { call: number; code: 'EIO' | 'EMFILE' | 'ENOSPC' | 'EROFS'; forGood: boolean }
  | { call: number; death: true };

/**
 * Runs a command on a machine whose disk has a fault, and checks what is left of it, then and after a good run.
 * @returns whether the fault came to be: the command may be over before.
 */
async function suffer(command: Command, fault: Fault): Promise<boolean> {
  using sandbox = startSandbox();
  const { prepare, act } = COMMANDS[command];
  await prepare(sandbox);
  sandbox.deeds();
  const pendingBefore = sandbox.store.pending.all();

  let calls = 0;
  let over = false;
  const reached = () => calls >= fault.call;
  const gate = () => {
    if (sandbox.isLooking()) return;
    calls += 1;
    if (over || !reached()) return;
    if ('death' in fault) throw new Error('killed');
    if (fault.forGood || calls === fault.call) throw systemError(fault.code);
  };
  using _gate = gateDisk(sandbox.directory, gate, { reads: 'code' in fault && fault.code === 'EMFILE' });
  // A process that is dead does nothing to the kernel either; and it is not only its disk that it loses.
  if ('death' in fault) sandbox.dieWhen(reached);
  const failure = await act(sandbox).then(
    () => undefined,
    (error: unknown) => error,
  );
  over = true;
  sandbox.settle();

  const what = `${command}, ${JSON.stringify(fault)}: ${failure}`;
  const subject: Subject = {
    ...{ sandbox, pendingBefore, retried: false, enabled: undefined, spoiled: false },
    ended: failure === undefined ? 'with an error' : 'killed',
    deeds: sandbox.deeds(),
  };
  expect(broken(subject), what).toEqual([]);
  if (failure !== undefined && !('death' in fault)) {
    expect(failure, what).toBeInstanceOf(LivepatchError);
    expect(EXIT_STATUS, what).toHaveProperty((failure as LivepatchError).code);
  }

  await mend(sandbox, what);
  return reached();
}

/** The next good run comes to what the command was there for. */
async function mend(sandbox: Sandbox, what: string): Promise<void> {
  const { kernel, store, context } = sandbox;
  const pendingBefore = store.pending.all();
  if (!store.token.exists()) await enable(context, TOKEN);
  await refresh(context);
  const subject: Subject = {
    ...{ sandbox, pendingBefore, retried: false, enabled: true, spoiled: false, ended: 'well' },
    deeds: sandbox.deeds(),
  };
  expect(broken(subject), what).toEqual([]);
  expect(status(context), what).toMatchObject({ patchState: 'applied', version: '122.1' });
  expect(kernel.modules(), what).toHaveLength(1);
}

/** Once for every change that the command makes on disk. */
async function everywhere(command: Command, fault: (call: number) => Fault): Promise<void> {
  let call = 1;
  while (await suffer(command, fault(call))) call += 1;
  expect(call).toBeGreaterThan(10);
}

const commands = Object.keys(COMMANDS) as Command[];

describe('a disk', () => {
  it.each([
    { code: 'ENOSPC', forGood: false },
    { code: 'EIO', forGood: false },
    { code: 'EROFS', forGood: true },
    { code: 'EMFILE', forGood: false },
  ] as const)(
    'that says $code to any change (ever after: $forGood) leaves a machine that the next run brings on',
    (fault) => everywhere('refresh', (call) => ({ call, ...fault })),
    60_000,
  );

  it.each(commands)(
    'that is full from any change of %s on leaves a machine that the next run brings on',
    (command) => everywhere(command, (call) => ({ call, code: 'ENOSPC', forGood: true })),
    60_000,
  );
});

describe('kill -9', () => {
  it.each(commands)(
    'before any change on disk of %s leaves a machine that the next run brings on',
    (command) => everywhere(command, (call) => ({ call, death: true })),
    60_000,
  );
});
