import { withoutUnprintable } from '../text.ts';

/**
 * The filter that all text passes on its way to a person, our own included: as one line, that can neither drive the
 * terminal, nor begin a line of its own, nor turn the direction of what follows (https://trojansource.codes). What is
 * replaced stays visible, as `\u{1b}`.
 */
export function plain(text: string): string {
  return withoutUnprintable(text, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
