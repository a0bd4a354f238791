import { CONFIG_KEYS } from '../../src/store/config-keys.ts';
import { BIN, type Entry } from './catalogue.ts';

/** Shell completion, for bash, zsh and fish: commands, their flags, what a flag may be, the keys of config. */

export function completions(entries: readonly Entry[]): Map<string, string> {
  return new Map([
    [`${BIN}.bash`, bash(entries)],
    [`_${BIN}`, zsh(entries)],
    [`${BIN}.fish`, fish(entries)],
  ]);
}

const keys = Object.keys(CONFIG_KEYS);

function bash(entries: readonly Entry[]): string {
  const words = (list: readonly string[]) => list.join(' ');
  const perCommand = entries.map(
    ({ flags, name }) =>
      `    ${name}) words='${words([...flags.map((flag) => `--${flag.name}`), '--help'])}' ;;`,
  );
  const perOption = entries.flatMap(({ flags, name }) =>
    flags.flatMap((flag) =>
      flag.options.length > 0 ? `    '${name} --${flag.name}') words='${words(flag.options)}' ;;` : [],
    ),
  );
  return `# bash completion for ${BIN}; generated from its commands
_canonical_livepatch() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${words([...entries.map(({ name }) => name), 'help', '--version'])}' -- "$current"))
    return
  fi
  case "$command $previous" in
${perOption.join('\n')}
  esac
  [[ -z $words ]] && case $command in
${perCommand.join('\n')}
  esac
  if [[ $command == config && $current != -* ]]; then
    compopt -o nospace 2>/dev/null
    words+=' ${words(keys.map((key) => `${key}=`))}'
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _canonical_livepatch ${BIN}
`;
}

function zsh(entries: readonly Entry[]): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const plain = (text: string) => text.replaceAll(/[[\]:]/g, '\\$&');
  const commands = entries.map(({ name, summary }) => `    ${quoted(`${name}:${plain(summary)}`)}`);
  const cases = entries.map(({ args, flags, name }) => {
    const specs = flags.map(({ name: flag, options, summary }) =>
      quoted(`--${flag}[${plain(summary)}]${options.length > 0 ? `:value:(${options.join(' ')})` : ''}`),
    );
    const rest =
      name === 'config'
        ? [quoted(`*:key:(${keys.map((key) => `${key}=`).join(' ')})`)]
        : args.some((arg) => arg.name === 'files')
          ? [quoted('*:file:_files')]
          : [];
    return `    ${name}) _arguments ${[...specs, ...rest].join(' ')} ;;`;
  });
  return `#compdef ${BIN}
# generated from the commands of ${BIN}
_canonical_livepatch() {
  local -a commands=(
${commands.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
_canonical_livepatch "$@"
`;
}

function fish(entries: readonly Entry[]): string {
  const quoted = (text: string) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
  const lines = entries.flatMap(({ flags, name, summary }) => [
    `complete -c ${BIN} -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...flags.map(
      ({ name: flag, options, summary: about }) =>
        `complete -c ${BIN} -n '__fish_seen_subcommand_from ${name}' -l ${flag}${options.length > 0 ? ` -x -a ${quoted(options.join(' '))}` : ''} -d ${quoted(about)}`,
    ),
  ]);
  const files = entries
    .filter(({ args }) => args.some(({ name }) => name === 'files'))
    .map(({ name }) => `complete -c ${BIN} -n '__fish_seen_subcommand_from ${name}' -F`);
  const settings = `complete -c ${BIN} -n '__fish_seen_subcommand_from config' -a ${quoted(keys.map((key) => `${key}=`).join(' '))}`;
  return `# generated from the commands of ${BIN}\ncomplete -c ${BIN} -f\n${[...lines, ...files, settings].join('\n')}\n`;
}
