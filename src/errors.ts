/**
 * Every failure this program knows, and the exit status it ends with. Scripts branch on the status, so a number
 * never changes its meaning; they follow sysexits.h where it has a fitting one. 1 for "not enabled" and "already
 * enabled" is the upstream client's contract.
 */
export const EXIT_STATUS = {
  /** A defect of ours, or a failure that no other code names. */
  general: 1,
  'not-enabled': 1,
  'already-enabled': 1,
  /** EX_USAGE: the command line was wrong. */
  usage: 64,
  /** EX_DATAERR: what was downloaded is not provably an intact, signed patch for this kernel. */
  digest: 65,
  archive: 65,
  metadata: 65,
  module: 65,
  signature: 65,
  'kernel-mismatch': 65,
  /** The server does not cover the running kernel. */
  'unsupported-kernel': 66,
  /** EX_UNAVAILABLE: the server could not be reached or did not answer in time. */
  network: 69,
  /** EX_OSERR: the kernel refused the module or did not finish its transition. */
  'kernel-refused': 71,
  transition: 71,
  'kernel-bug': 71,
  /** EX_IOERR: our own files could not be read or written. */
  storage: 74,
  /** EX_TEMPFAIL: another run holds the lock; trying again later will do. */
  busy: 75,
  /** EX_PROTOCOL: the server answered, and said no or something we cannot take. */
  'server-refused': 76,
  'bad-answer': 76,
  /** A catalogue that nobody has renewed in time, or whose renewal is held back. */
  expired: 76,
  /** EX_NOPERM: must be root. */
  'no-permission': 77,
  /** Beyond sysexits: a patch that was asked for is held back, by what happened before or what its source says. */
  held: 79,
  /** EX_CONFIG: the configuration, or a certificate it names, cannot be used. */
  config: 78,
  'trust-anchors': 78,
  /** This machine's clock is wrong. */
  clock: 78,
} as const;

/** The closed set of things that go wrong. */
export type ErrorCode = keyof typeof EXIT_STATUS;

/** A server's refusal, as far as anything is decided by it. */
export interface Refusal {
  /** Of HTTP. */
  status: number;
  /** The server itself says that it will not have this token or this machine; see PROTOCOL.md, "Errors". */
  denied: boolean;
  /** The header, as it came. */
  retryAfter: string | undefined;
}

/**
 * The one error class. `message` says what happened; `hint` what the person can do next. Neither ever holds a
 * secret, and neither repeats text from the network beyond a bounded, printable status.
 */
export class LivepatchError extends Error {
  override readonly name = 'LivepatchError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  /** With `server-refused`: what the server answered. */
  readonly refusal: Refusal | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown; refusal?: Refusal | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.refusal = options.refusal;
  }

  get exitStatus(): number {
    return EXIT_STATUS[this.code];
  }
}

/** What happened, and under it what to do next. */
export function withHint({ hint, message }: LivepatchError): string {
  return hint === undefined ? message : `${message}\n${hint}`;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same failure, told with what it made fail: `failed to register client: POST request to "…" failed`. */
export function during(what: string, error: unknown): LivepatchError {
  if (!(error instanceof LivepatchError))
    return new LivepatchError('general', `${what}: ${messageOf(error)}`, { cause: error });
  const { cause, hint, refusal } = error;
  return new LivepatchError(error.code, `${what}: ${error.message}`, { cause, hint, refusal });
}

/** Whether a system call failed with this errno name, such as `ENOENT`. */
export function hasErrno(error: unknown, name: string): boolean {
  return error instanceof Error && 'code' in error && error.code === name;
}
