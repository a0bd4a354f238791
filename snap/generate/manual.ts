import { BIN, type Entry } from './catalogue.ts';

/** What each exit status means, in short; docs/status-and-exit-codes.md says more. */
export const EXIT_MEANINGS: Record<number, string> = {
  0: 'done',
  1: 'a general failure; status and refresh: the machine is not enabled; enable: it is already; doctor: something is wrong',
  64: 'the command line was wrong',
  65: 'what was downloaded or given is not an intact, signed patch for this kernel; nothing was inserted',
  66: 'the source does not cover this kernel, or it cannot be live-patched',
  69: 'the source could not be reached, or its TLS certificate is not trusted',
  71: 'the kernel refused the module, did not finish its transition, or found a bug in the patch',
  74: 'our own files could not be read or written',
  75: 'another canonical-livepatch is running',
  76: 'the source refused, answered something that cannot be used, or was not renewed in time',
  77: 'must be root, or the snap lacks a permission',
  78: "the configuration, a certificate in it, or this machine's clock cannot be used",
  79: 'apply: the patch is held back, by what happened before or by what its source says',
};

const FILES: Record<string, string> = {
  '$SNAP_COMMON/config': 'the configuration; YAML',
  '$SNAP_COMMON/machine-token': 'exists exactly while the machine is enabled',
  '$SNAP_COMMON/last-check': 'time of the last check-in',
  '$SNAP_COMMON/locks/': 'a file for each patch that was inserted and has not settled',
  '$SNAP_COMMON/logs/security.log': 'security events, one JSON line each',
  '/var/local/canonical_livepatch_mode': 'the kill switch: normal, no-apply, no-refresh or stop',
};

/** The manual, in roff with the man macros (groff_man(7)): a page for the program and one for each command. */
export function manualPages(entries: readonly Entry[], version: string): Map<string, string> {
  const pages = new Map([[`${BIN}.1`, programPage(entries, version)]]);
  for (const entry of entries) pages.set(`${BIN}-${entry.name}.1`, commandPage(entry, version));
  return pages;
}

function programPage(entries: readonly Entry[], version: string): string {
  return page(BIN, 'keeps a running Linux kernel patched without a reboot', version, [
    section('SYNOPSIS', `.B ${text(BIN)}\n.I COMMAND\n[...]`),
    section(
      'DESCRIPTION',
      text(
        'Applies the live patches for the running kernel, from a server, a catalogue of static files, or a file on disk. Only modules built for the running kernel and signed by a pinned certificate are ever loaded. There is no daemon; a timer calls refresh.',
      ),
    ),
    section('COMMANDS', entries.map(({ name, summary }) => item(`${BIN}-${name}(1)`, summary)).join('\n')),
    section('EXIT STATUS', definitions(EXIT_MEANINGS)),
    section(
      'FILES',
      `${definitions(FILES)}\n.PP\n${text('Outside a snap, $SNAP_COMMON is /var/lib/canonical-livepatch/common.')}`,
    ),
  ]);
}

function commandPage(entry: Entry, version: string): string {
  const { args, description, examples, flags, name, summary, usage } = entry;
  const options = [
    ...args.map((arg) => item(arg.name.toUpperCase(), arg.description)),
    ...flags.map((flag) =>
      item(`--${flag.name}${flag.options.length > 0 ? ` ${flag.options.join('|')}` : ''}`, flag.summary),
    ),
  ];
  const lines = usage.map((line) => `.B ${text(`${BIN} ${line}`)}`).join('\n.br\n');
  return page(`${BIN}-${name}`, lowerFirst(summary), version, [
    section('SYNOPSIS', lines),
    section('DESCRIPTION', paragraphs(description === '' ? `${summary}.` : description)),
    section('OPTIONS', options.join('\n')),
    section(
      'EXAMPLES',
      examples
        .map(
          (example) => `.PP\n${text(upperFirst(example.description))}\n.EX\n  ${text(example.command)}\n.EE`,
        )
        .join('\n'),
    ),
    section('SEE ALSO', `.BR ${text(BIN)} (1)`),
  ]);
}

function page(name: string, summary: string, version: string, sections: string[]): string {
  const head = `.TH ${name.toUpperCase()} 1 "" "${BIN} ${version}"\n.SH NAME\n${text(name)} \\- ${text(summary)}`;
  return `${[head, ...sections]
    .join('\n')
    .replaceAll(/\n{2,}/g, '\n')
    .replaceAll(/^(\.SH .*)\n\.PP$/gm, '$1')}\n`;
}

function section(title: string, body: string): string {
  return `.SH ${title}\n${body}`;
}

function paragraphs(prose: string): string {
  return prose
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `.PP\n${text(line)}`)
    .join('\n');
}

function definitions(entries: Record<string, string>): string {
  return Object.entries(entries)
    .map(([term, meaning]) => item(term, meaning))
    .join('\n');
}

function item(term: string, meaning: string): string {
  return `.TP\n.B ${text(term)}\n${text(upperFirst(meaning))}`;
}

/** Plain text in roff: no escape, no request, and hyphens that can be copied into a shell. */
function text(plain: string): string {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replace(/^(?=[.'])/, '\\&');
}

function lowerFirst(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}

function upperFirst(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
