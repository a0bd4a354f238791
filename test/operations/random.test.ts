import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { apply } from '../../src/operations/apply.ts';
import type { Context } from '../../src/operations/context.ts';
import { disable } from '../../src/operations/disable.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { revert } from '../../src/operations/revert.ts';
import { status } from '../../src/operations/status.ts';
import { Secret } from '../../src/secret.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { broken } from './invariants.ts';
import { type Sandbox, STACKED, startSandbox, UNTRUSTED } from './sandbox.ts';

const TOKEN = new Secret('an-auth-token');
const COMMANDS = {
  enable: (context: Context) => enable(context, TOKEN),
  refresh: (context: Context) => refresh(context),
  'refresh --boot': (context: Context) => refresh(context, { occasion: 'boot' }),
  'refresh --retry-blocked': (context: Context) => refresh(context, { retryBlocked: true }),
  revert: (context: Context) => revert(context),
  'revert --all': (context: Context) => revert(context, { all: true }),
  apply: (context: Context) => apply(context, ['122.1']),
  disable: (context: Context) => disable(context, { unpatch: false }),
  'disable --unpatch': (context: Context) => disable(context, { unpatch: true }),
};
type Command = keyof typeof COMMANDS;

/** What can happen while a run is at work. */
type Trouble =
  | { kind: 'none' }
  /** The process dies, or the whole machine does, at the nth call that leaves the operations. */
  | { kind: 'kill' | 'crash'; call: number; after: boolean }
  | { kind: 'refusal' | 'stall' | 'bug' | 'module in use' | 'no network' };

type Event =
  | { kind: 'run'; command: Command; trouble: Trouble }
  | { kind: 'publish' | 'drop' | 'withdraw'; version: string }
  | { kind: 'reboot'; otherKernel: boolean }
  | { kind: 'time passes' | 'another vendor' | 'state spoiled' | 'state lost' | 'payloads lost' };

const version = fc.constantFrom('121.1', '121.2', '122.1', '123.1', '124.1', '124.2', UNTRUSTED, ...STACKED);
const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ kind: 'none' as const }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('kill' as const, 'crash' as const),
      call: fc.integer({ min: 1, max: 70 }),
      after: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('refusal' as const, 'stall', 'bug', 'module in use', 'no network'),
    }),
  },
);
const command = fc.constantFrom<Command>(
  ...(['refresh', 'refresh', 'refresh', 'refresh --boot', 'refresh --boot'] as const),
  ...(Object.keys(COMMANDS) as Command[]),
);
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('run' as const), command, trouble }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('publish' as const, 'publish', 'drop', 'withdraw'),
      version,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reboot' as const),
      otherKernel: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'time passes' as const,
        'time passes',
        'another vendor',
        'state spoiled',
        'state lost',
        'payloads lost',
      ),
    }),
  },
);

/** What refresh returns, as far as it is looked at. */
interface Result {
  kind?: string;
  patches?: { version: string }[];
}

/** A machine, and what its administrator knows of it. */
interface Model {
  sandbox: Sandbox;
  enabled: boolean | undefined;
  spoiled: boolean;
  /** The state was lost at some time: a module that was already out of use is then nobody's that we know. */
  forgot: boolean;
}

/** Runs a command, under whatever trouble. @returns the invariants that do not hold after it. */
async function run(model: Model, name: Command, trouble: Trouble): Promise<string[]> {
  const { sandbox } = model;
  const { kernel, server, store, context } = sandbox;
  const pendingBefore = store.pending.all();
  const { sleep } = context;
  arrange(sandbox, trouble);
  let failure: unknown;
  const result: unknown = await COMMANDS[name](context).catch((error: unknown) => {
    failure = error ?? 'nothing';
  });
  const died = sandbox.settle();
  server.unreachable = false;
  kernel.calm();
  context.sleep = sleep;
  if (died && trouble.kind === 'crash') kernel.reboot();
  const known = !died && (name.startsWith('disable') || name === 'enable');
  if (died && (name === 'enable' || name.startsWith('disable'))) model.enabled = undefined;
  else if (known && failure === undefined) model.enabled = name === 'enable';
  // Only runs that take the lock set a record right.
  if (!died && failure === undefined) model.spoiled = false;
  const ended = died ? 'killed' : failure === undefined ? 'well' : 'with an error';
  const retried = name === 'refresh --retry-blocked';
  // What died beside its work, at a ping say, got to its end here; in earnest it says nothing any more.
  const { kind, patches } = (result ?? {}) as Result;
  const applied = died || kind !== 'applied' ? undefined : patches?.at(-1)?.version;
  return broken({ ...model, ended, applied, retried, pendingBefore, deeds: sandbox.deeds() });
}

function arrange({ dieAt, kernel, server, context }: Sandbox, trouble: Trouble): void {
  switch (trouble.kind) {
    case 'kill':
    case 'crash':
      dieAt(trouble.call, trouble.after);
      break;
    case 'refusal':
      kernel.refuseNextInsert('Cannot allocate memory');
      break;
    case 'stall':
      kernel.stallNextTransition();
      break;
    case 'module in use':
      kernel.refuseNextRemove();
      break;
    case 'no network':
      server.unreachable = true;
      break;
    case 'bug': {
      const { sleep } = context;
      context.sleep = async (milliseconds) => {
        const patch = kernel.look([]).livePatches?.at(-1);
        if (patch !== undefined) kernel.fault(patch.name);
        await sleep(milliseconds);
      };
    }
  }
}

function happen(model: Model, what: Exclude<Event, { kind: 'run' }>): string[] {
  const { kernel, server, store, data } = model.sandbox;
  switch (what.kind) {
    case 'publish':
    case 'drop':
    case 'withdraw':
      server[what.kind](what.version);
      break;
    case 'reboot':
      kernel.reboot(10, what.otherKernel ? '6.1.0-57-amd64' : MACHINE.release);
      break;
    case 'time passes':
      kernel.stayUp(3600);
      break;
    case 'another vendor':
      if (!kernel.modules().includes('kpatch_x')) kernel.hold('kpatch_x');
      break;
    case 'state spoiled':
      writeFileSync(join(data, 'state.json'), '{"schema": 1, "patch": {');
      model.spoiled = true;
      model.forgot = true;
      break;
    case 'state lost':
      rmSync(join(data, 'state.json'), { force: true });
      model.spoiled = true;
      model.forgot = true;
      break;
    case 'payloads lost':
      store.payloads.keepOnly(new Set());
  }
  const pendingBefore = store.pending.all();
  return broken({ ...model, ended: undefined, retried: false, pendingBefore, deeds: model.sandbox.deeds() });
}

/** When the trouble is over, a good patch that nothing speaks against gets into the kernel. */
async function converges(model: Model): Promise<string[]> {
  const { kernel, server, store, context } = model.sandbox;
  if (kernel.modules().includes('kpatch_x') || kernel.machine().release !== MACHINE.release)
    kernel.reboot(10, MACHINE.release);
  server.publish('200.1');
  const wrong: string[] = [];
  if (!store.token.exists()) wrong.push(...(await run(model, 'enable', { kind: 'none' })));
  // What is said to do about a live patch that nothing is known of.
  if (isForeign(await refresh(context).catch((error: Error) => error))) {
    wrong.push(...(await run(model, 'revert --all', { kind: 'none' })));
  }
  wrong.push(...(await run(model, 'refresh', { kind: 'none' })));
  const document = status(context);
  if (document.patchState !== 'applied' || document.version !== '200.1') {
    wrong.push(`does not converge: ${document.patchState} ${document.version} ${document.failure?.message}`);
  }
  const stuck = kernel.modules().filter((name) => name !== 'lkp_Debian_6_1_0_56_amd64_200');
  if (stuck.length > 0 && !model.forgot) wrong.push(`left over: ${stuck}`);
  return wrong;
}

function isForeign(result: unknown): boolean {
  return result instanceof LivepatchError && result.hint?.includes('revert --all') === true;
}

/** How many random lives; more of them find rarer faults: `RUNS=5000 npx vitest run --project unit …/random.test.ts`. */
const RUNS = Number(process.env.RUNS ?? 100);

describe('whatever happens to a machine', () => {
  it(
    'the invariants hold after each run, and it converges when the trouble is over',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 25 }), async (events) => {
          using sandbox = startSandbox();
          const model: Model = { sandbox, enabled: true, spoiled: false, forgot: false };
          // Most of what can go wrong takes a machine that is enabled, and patched.
          sandbox.server.publish('121.1');
          await enable(sandbox.context, TOKEN);
          sandbox.deeds();
          for (const one of events) {
            const wrong =
              one.kind === 'run' ? await run(model, one.command, one.trouble) : happen(model, one);
            if (wrong.length > 0) throw new Error(`after ${JSON.stringify(one)}: ${wrong.join('; ')}`);
          }
          const wrong = await converges(model);
          if (wrong.length > 0) throw new Error(`at the end: ${wrong.join('; ')}`);
        }),
        { numRuns: RUNS },
      );
      // On a machine that does much else, too.
    },
    300_000 + RUNS * 2000,
  );
});
