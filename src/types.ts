import type { KeyObject } from 'node:crypto';
import type { ErrorCode } from './errors.ts';

/**
 * The nouns of the house: the values that cross from room to room. A room's private types stay in the room.
 * Times are RFC 3339 strings in UTC, as they travel and as they are stored; sizes are bytes.
 */

/** Debian's names for the architectures that patches are built for. */
export type Architecture = 'amd64' | 'arm64' | 's390x';

/** Whether the vendor stands behind a kernel; reference names of the status document. */
export type Support =
  | 'supported'
  | 'kernel-upgrade-required'
  | 'kernel-end-of-life'
  | 'unsupported'
  | 'unknown';

/** How far a patch got; reference names of the status document. */
export type PatchState =
  | 'unapplied'
  | 'applying'
  | 'applied'
  | 'applied-with-bug'
  | 'apply-failed'
  | 'nothing-to-apply'
  | 'kernel-upgrade-required'
  | 'unknown';

/** The machine and its running kernel, as kernel/ reads them. */
export interface Machine {
  /** /etc/machine-id: 32 lower-case hex digits. */
  id: string;
  architecture: Architecture;
  cpuModel: string;
  /** `uname -r`; a module's vermagic must begin with it. */
  release: string;
  /** `ABI.BUILDNO-FLAVOUR` from /proc/version_signature where the kernel has one, else the release. */
  kernel: string;
  /** Changes at every boot. */
  bootId: string;
  bootTime: string;
  uptimeSeconds: number;
}

/** One entry of /sys/kernel/livepatch. */
export interface LivePatch {
  name: string;
  enabled: boolean;
  inTransition: boolean;
  /** Whether it replaces all others, as the kernel says it (since 6.11). */
  cumulative?: boolean | undefined;
}

/** What the kernel holds at one moment. */
export interface KernelState {
  /** Undefined when this kernel cannot be live-patched at all. */
  livePatches: LivePatch[] | undefined;
  loaded: LoadedModule[];
}

export interface LoadedModule {
  name: string;
  /** The build id note that the kernel shows of it, lower-case hex: its name may be that of another version's code. */
  buildId?: string | undefined;
}

/** A vulnerability that a patch deals with. */
export interface Fix {
  /** `CVE-2016-0001` */
  name: string;
  description: string;
  /** Address of the bug report, or empty. */
  bug: string;
  /** False when this patch cannot remedy it. */
  patched: boolean;
}

/**
 * Which patch it is: kernel, version and the SHA-512 of the module's signed part, as its signed metadata says. Nothing
 * that somebody else may write identifies a patch.
 */
interface PatchId {
  /** As `Machine.kernel`. */
  kernel: string;
  /** Canonical: `121.4`, never `121.4.0` or `0121.4`. */
  version: string;
  /** SHA-512 over the signed part of the module, lower-case hex. */
  digest: string;
}

/**
 * A patch that a source names for this kernel: not fetched, so not believed. The signed metadata of its file has to
 * agree with every field.
 */
export interface Candidate {
  version: string;
  digest: string;
  /** The module's name, as the kernel will list it. */
  module: string;
  /** Replaces every patch before it; otherwise it is stacked on them. */
  cumulative: boolean;
  releasedAt: string;
  fixes: Fix[];
  /** SHA-256 of the patch file, lower-case hex, and its size. */
  sha256: string;
  size: number;
  /** Per cent of machines that are to have it already; absent is all of them. */
  phase?: number | undefined;
}

/** A patch whose file has been proven, as plain data: what is remembered of it. */
export interface Patch extends PatchId {
  module: string;
  /** The build id note of its module, where the linker wrote one; the kernel shows it of what is loaded. */
  buildId?: string | undefined;
  cumulative: boolean;
  releasedAt: string;
  fixes: Fix[];
  /** Names its file on disk. */
  sha256: string;
  /** Given by an administrator (`apply FILE`), and not by a source. */
  byHand?: boolean | undefined;
}

/** A patch that was put into a kernel. */
export interface AppliedPatch extends Patch {
  bootId: string;
  appliedAt: string;
  /** From the insertion to the end of the transition, by the monotonic clock. */
  transitionSeconds?: number | undefined;
  /** The kernel found a bug in it; it is not applied again. */
  bug?: boolean | undefined;
}

/**
 * An insertion that has not settled. It is on disk before the kernel is touched and cleared when the patch was watched
 * to the end, so one of another boot means that the machine went down in between.
 */
export interface PendingInsertion {
  patch: Patch;
  /** The boot that the insertion was tried in. */
  bootId: string;
  at: string;
  /** 1 for the first try, 2 for the one more after a crash. */
  attempt: number;
  /** What the kernel said when it found a bug. */
  trace?: string[] | undefined;
  /** The try that the machine went down with, which this one repeats; it counts again if this one is abandoned. */
  earlier?: { bootId: string; at: string; attempt: number; trace?: string[] | undefined } | undefined;
}

/** What a source says of this machine's kernel. */
export interface Advice {
  /** The kernel that all of this is about. */
  kernel: string;
  support: Support;
  /** Plain date `2027-03-19`, when known. */
  upgradeRequiredDate?: string | undefined;
  tier: string;
  /** Every patch that this machine may have, newest first. */
  candidates: Candidate[];
  /** Patches that no machine is to apply any more. */
  withdrawn: WithdrawnPatch[];
  /** SHA-256 of the public keys (DER, SubjectPublicKeyInfo) that no longer sign for anything, lower-case hex. */
  revokedKeys: string[];
  /** The digest of the CVE data for this kernel; absent when there is none. */
  cves?: string | undefined;
  /** The server's own name for this very advice; sent back so that it can answer "as before". */
  tag?: string | undefined;
}

export interface WithdrawnPatch {
  version: string;
  digest: string;
}

/** One answer to a check-in; `unchanged` confirms the advice that is remembered. */
export interface Answer {
  /** The source's clock, where it tells it. */
  issuedAt?: string | undefined;
  /** Of a catalogue. */
  freshness?: Freshness | undefined;
  advice: Advice | 'unchanged';
}

/** A catalogue is signed anew before it expires, so that nobody can hold an old one up for ever. */
export interface Freshness {
  /** When it was last signed, where it says so. */
  renewedAt?: string | undefined;
  /** From when on it would be refused. */
  expiresAt: string;
}

/** `metadata.json` of a patch file, whose detached signature is beside it. */
export interface Metadata {
  /** The kernel it is built for, as `Machine.kernel` names it. */
  kernel: string;
  architecture: Architecture;
  version: string;
  /** The module's name, as the kernel will list it. */
  module: string;
  /** SHA-512 over the signed part of the module, lower-case hex. */
  digest: string;
  /** The module's, whole. */
  vermagic: string;
  cumulative: boolean;
  releasedAt: string;
  fixes: Fix[];
}

/** A pinned module-signing certificate. */
export interface TrustAnchor {
  /** Where it was read, for messages. */
  source: string;
  subject: string;
  /** SHA-256 of the certificate, lower-case hex. */
  fingerprint: string;
  /** SHA-256 of its public key (DER, SubjectPublicKeyInfo), lower-case hex: revocation goes by this. */
  keyId: string;
  notAfter: string;
  /** DER of the issuer's Name, the serial number's content octets, and the subject key identifier. */
  issuer: Uint8Array;
  serial: Uint8Array;
  subjectKeyId?: Uint8Array | undefined;
  /** RSA, 2048 bits or more. */
  publicKey: KeyObject;
}

/** A patch file whose every check has passed. Only patch/ makes one, and only this is ever handed to the kernel. */
export interface ProvenFile {
  metadata: Metadata;
  /** The signed module, byte for byte as it was verified. */
  module: Uint8Array;
  /** The build id note of the module, where the linker wrote one. */
  buildId: string | undefined;
  signer: TrustAnchor;
}

/** Why a patch is held back. */
export type HoldReason =
  | 'withdrawn'
  | 'cutoff-date'
  | 'patch-delay'
  | 'phase'
  | 'rollback'
  | 'reverted'
  | 'crashed'
  | 'kernel-bug'
  | 'not-yet'
  | 'mode';

/** A patch that is held back, and what is missed because of it. */
export interface Hold {
  version: string;
  why: HoldReason;
  /** For a person: why, and what would change it. */
  message: string;
  /** Names of the vulnerabilities that stay open. */
  missed: string[];
  releasedAt: string;
}

export type ModeName = 'normal' | 'no-apply' | 'no-refresh' | 'stop';

/** The kill switch: what the modes that are set let us do, and where they were read. */
export interface Mode {
  contact: boolean;
  apply: boolean;
  sources: string[];
}

/** What is remembered between runs. Holds no secret, no address and no machine id: everybody may read it. */
export interface State {
  /** The last check-in, good or not. */
  lastCheck?: { at: string; error?: string | undefined } | undefined;
  /** The last answer that was accepted. */
  lastGoodCheck?: ({ at: string } & Pick<Answer, 'issuedAt' | 'freshness'>) | undefined;
  advice?: Advice | undefined;
  /** What the administrator should know of the configuration, as of the last check-in. */
  warnings: string[];
  /** What is to be in the kernel, oldest first: one cumulative patch, or a stack. All of them are for one kernel. */
  applied: AppliedPatch[];
  /** Replaced by a newer one in this boot, their modules not yet unloaded. */
  replaced: AppliedPatch[];
  /** Made room for another patch whose module has the same name; put back when that one fails. */
  displaced?: AppliedPatch | undefined;
  /** What an administrator took out of the kernel, not to come back by itself; oldest first. */
  reverted: Patch[];
  /** What is due and held back, newest first, as of the last decision. */
  held: Hold[];
  /** Why the last patch that was due is not in the kernel. Gone with the next success, or when nobody names it any more. */
  failure?:
    | { at: string; version: string; code: string; message: string; hint?: string | undefined }
    | undefined;
}

/** What a server knows of fixes that come with newer kernel packages, for this machine's kernel. */
export interface CveData {
  /** When it was compiled. */
  timestamp: string;
  /** Names of vulnerabilities. */
  kernelPackageFixes: string[];
}

/** The same, as it is kept: with the SHA-256 of the answer that brought it, in lower-case hex, and its kernel. */
export interface KeptCves extends CveData {
  digest: string;
  kernel: string;
}

/** Where a patch is on its way: in the order that a good one takes, then what may come between. */
type PingEvent =
  /** It is about to be inserted. */
  | 'before'
  /** It is inserted. */
  | 'after'
  /** The kernel is changing over to it. */
  | 'transition'
  /** It is applied, for so many minutes at least, and the machine is up. */
  | 'settled'
  /** It could not be obtained, verified or applied, or it made trouble. */
  | 'error'
  /** The machine went down before the patch had settled for good. */
  | 'rebooted';

/** One word about the health of a patch. Nothing in it tells which machine it is from. */
export interface Ping {
  event: PingEvent;
  version: string;
  kernel: string;
  /** Of the machine, as the source last said. */
  tier?: string | undefined;
  /** With `settled`, and with `rebooted` of `settled`. */
  minutes?: 0 | 1 | 5 | 15 | undefined;
  /** As `minutes`: from the insertion to the end of the transition. */
  transitionSeconds?: number | undefined;
  /** With `rebooted`: which ping was due when the machine went down. */
  of?: 'before' | 'after' | 'transition' | 'settled' | undefined;
  /** With `error`. */
  code?: ErrorCode | undefined;
}

/** A ping that goes out when it is due, if the machine is still in the same boot; see policy/pings.ts. */
export interface PendingPing extends Ping {
  due: string;
  bootId: string;
}

/** The settings a person can make, as the program uses them. Times in milliseconds. */
export interface Config {
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
  remoteServer: URL;
  /** PEM, added to the host's CAs; empty for none. */
  caCerts: string;
  dialTimeout: number;
  /** Undefined: automatic checks are off. */
  checkInterval: number | undefined;
  logLevel: LogLevel;
  tlsPatchDownload: boolean;
  cutoffDate: string | undefined;
  patchDelay: number;
  /** PEM, pinned module-signing certificates besides the shipped ones; empty for none. */
  signingCerts: string;
  /** Whether the server is told how patches fare. */
  pings: boolean;
  /** The pinned TUF root of a catalogue, its JSON as it was given; empty for none. */
  catalogueRoot: string;
  /** Which tier's patches to take from a catalogue; undefined leaves it to the source. */
  tier: string | undefined;
  /** Whether a patch that was withdrawn is also taken out of the kernel. */
  revertWithdrawn: boolean;
}

export type LogLevel = 'debug' | 'info' | 'notice' | 'warning' | 'error';

/** What happens to a machine; see store/audit.ts. */
export type EventName =
  | 'enabled'
  | 'disabled'
  | 'applied'
  /** A patch is due and held back. */
  | 'held'
  /** A patch file is not provably what it must be: damaged, forged, or for another kernel. */
  | 'refused'
  /** A patch could not be obtained, or the kernel did not take it. */
  | 'failed'
  /** A patch was taken out of the kernel by an administrator. */
  | 'reverted'
  /** The server refuses this machine or its token. */
  | 'denied'
  /** A catalogue was not renewed in time, or the clock says so: nobody knows what is being missed. */
  | 'expired'
  | 'configured';

/** One of these events. Holds no secret. */
export interface LivepatchEvent {
  what: EventName;
  /** Of the patch that this is about. */
  version?: string | undefined;
  /** Versions of the patches that this one replaced. */
  replaced?: string[] | undefined;
  /** The reason as a name: of errors.ts, or a HoldReason. */
  why?: string | undefined;
  /** The reason for a person. */
  message?: string | undefined;
  /** Names of the settings that were changed. */
  keys?: string[] | undefined;
}

export type PastEvent = LivepatchEvent & { at: string };

/** What a check of this machine found; see operations/doctor.ts. */
export interface Finding {
  check: string;
  verdict: 'ok' | 'wrong' | 'unknown';
  found: string;
  /** What to do next; there whenever something is wrong. */
  next?: string;
}
