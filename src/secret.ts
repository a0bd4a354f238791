import { inspect } from 'node:util';

/**
 * A token. It leaves this object only by `reveal()`, so that no log line, error, JSON or template string can hold
 * it by accident: everything else shows the first 4 characters and masks the rest.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The token itself. Callers: the Authorization header, the token's file, and `status --show-secrets`. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return this.#value.slice(0, 4) + '*'.repeat(Math.max(this.#value.length - 4, 0));
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
