import type { PastEvent } from '../types.ts';
import { wholeSeconds } from './format.ts';
import { plain } from './plain.ts';

/** The history for people: one greppable line an event, the newest first. */
export function renderHistory(history: readonly PastEvent[]): string {
  return history.map((event) => plain(`${wholeSeconds(event.at)}  ${told(event)}`)).join('\n');
}

function told({ message, replaced = [], version, what }: PastEvent): string {
  const patch = `patch ${version}`;
  switch (what) {
    case 'enabled':
      return 'enabled: this machine was registered with the server';
    case 'disabled':
      return 'disabled: the machine token was removed';
    case 'applied':
      return `applied: ${patch}${replaced.length === 0 ? '' : `, in place of ${replaced.join(', ')}`}`;
    case 'reverted':
      return `reverted: ${patch} was taken out of the kernel`;
    case 'held':
      return `held back: ${message}`;
    case 'refused':
    case 'failed':
      return `${what}: ${patch}: ${message}`;
    case 'denied':
      return `denied: the server refuses this machine: ${message}`;
    case 'expired':
      return `not up to date: ${message}`;
    case 'configured':
      return 'configured: settings were changed';
  }
}
