/**
 * Text that somebody else chose, such as the name of a task, as it may be shown to a person and to a parser: on one line,
 * without anything that a terminal or a reader of YAML would act on. Each such character becomes a `?`.
 */
export function plainName(text: string, mostCharacters = 64): string {
  return text.slice(0, mostCharacters).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
