import type { Secret } from '../secret.ts';
import type { Answer, Candidate, CveData, Machine, PatchState, Ping, Support } from '../types.ts';

/** What a check-in tells of this machine, and nothing else. A catalogue is told none of it. */
export interface MachineReport {
  machine: Machine;
  /** The newest patch that was put into this kernel, and how far it got. */
  patch?: { version: string; state: PatchState } | undefined;
  lastCheck?: string | undefined;
  /** The tag of the remembered advice, when it is about this kernel and nothing of it has to be fetched. */
  known?: string | undefined;
  cutoffDate: boolean;
  patchDelay: boolean;
}

/** What came of asking for CVE data: `none` means that the source has no such data for this kernel. */
export type CvesFetched = 'unchanged' | 'none' | (CveData & { digest: string });

/**
 * Where patches come from, seen by the loop. Every method throws LivepatchError `network` when it cannot be reached,
 * `server-refused` when it says no, `bad-answer` when it says something else than was agreed. What may pass is tried
 * again; see retry.ts.
 */
export interface Source {
  /** Names every patch that this machine may have. */
  checkIn(report: MachineReport, token: Secret | undefined): Promise<Answer>;
  /**
   * The bytes of a candidate's file, to be thrown away when they end in an error: they do unless size and SHA-256 are
   * as declared. Only for what `checkIn` of this very object named, which alone knows the address.
   */
  fetch(candidate: Candidate, token: Secret | undefined): AsyncIterable<Uint8Array>;
  /** Asks once. @param known the digest of what was fetched before. */
  cves(machine: Machine, token: Secret | undefined, known: string | undefined): Promise<CvesFetched>;
  /** What only a server has; a catalogue takes no registrations and no pings. */
  registry?: Registry;
}

/** The part of a server that knows its machines. */
export interface Registry {
  /** Asks, without a token, whether the server covers this machine's kernel. */
  support(machine: Machine): Promise<Support>;
  /** @returns the machine token. */
  register(machine: Machine, authToken: Secret): Promise<Secret>;
  /** Tells the server that this machine's token is done with. Once: nobody who leaves waits at the door. */
  unregister(machineId: string, machineToken: Secret): Promise<void>;
  /** Tells how a patch fares: without a token, once, and not for long. */
  ping(ping: Ping, machine: Pick<Machine, 'architecture'>): Promise<void>;
}
