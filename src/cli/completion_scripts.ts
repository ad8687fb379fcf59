/**
 * Scripts by which a shell completes `wick`, from the declarations of commands.
 *
 * @module
 */

import { type Command, HELP_OPTION, type OptionSpec, type ValueKind } from "./command.ts";

/** Shells there is a script for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** The script for a shell. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case "bash":
      return bashScript(commands);
    case "zsh":
      return zshScript(commands);
    case "fish":
      return fishScript(commands);
  }
}

function optionsOf(command: Command): readonly (readonly [string, OptionSpec])[] {
  return Object.entries({ ...command.options, help: HELP_OPTION });
}

/** What is offered where an operand stands: what can be done, or its values. */
function operandKind({ operand }: Command): ValueKind | undefined {
  return operand?.verbs ?? operand?.value;
}

function names(commands: readonly Command[]): string[] {
  return [...commands.map(({ name }) => name), "help"];
}

// ---- bash ---------------------------------------------------------------------------------------

function bashScript(commands: readonly Command[]): string {
  return `# bash completion for wick: source <(wick completions bash)
_wick() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${names(commands).join(" ")} --help --version" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${commands.map(bashCommand).join("\n")}
    help)
      COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$word"))
      ;;
  esac
}
complete -o filenames -F _wick wick
`;
}

function bashCommand(command: Command): string {
  const options = optionsOf(command);
  const values = options.filter(([, { value }]) => value !== undefined).map(
    ([name, { value, short }]) => {
      const pattern = short === undefined ? `--${name}` : `--${name}|-${short}`;
      return `        ${pattern}) ${bashValue(value)}return ;;`;
    },
  );
  const words = options.map(([name]) => `--${name}`).join(" ");
  return `    ${command.name})
      case "$before" in
${values.join("\n")}
      esac
      if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "${words}" -- "$word"))
      else
        ${bashValue(operandKind(command))}return
      fi
      ;;`;
}

function bashValue(value: ValueKind | undefined): string {
  if (value === "file") return `COMPREPLY=($(compgen -f -- "$word")); `;
  if (typeof value !== "object") return "";
  return `COMPREPLY=($(compgen -W "${value.join(" ")}" -- "$word")); `;
}

// ---- zsh ----------------------------------------------------------------------------------------

function zshScript(commands: readonly Command[]): string {
  const list = [...commands, { name: "help", about: "show help on a command" }];
  return `#compdef wick
# zsh completion for wick: wick completions zsh > "\${fpath[1]}/_wick"
_wick() {
  local -a commands=(
${list.map(({ name, about }) => `    ${quoted(`${name}:${about}`)}`).join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${commands.map(zshCommand).join("\n")}
    help) _describe command commands ;;
  esac
}
if [[ $funcstack[1] == _wick ]]; then _wick "$@"; else compdef _wick wick; fi
`;
}

function zshCommand(command: Command): string {
  const specs = optionsOf(command).map(([name, spec]) => {
    const about = spec.about.replace(/[[\]:\\]/g, "\\$&");
    const value = spec.value === undefined
      ? ""
      : `:${zshWord(spec.called ?? "value")}:${zshAction(spec.value)}`;
    const repeated = spec.isRepeated === true ? "*" : "";
    return quoted(`${repeated}--${name}${spec.value === undefined ? "" : "="}[${about}]${value}`);
  });
  const { operand } = command;
  if (operand !== null) {
    specs.push(quoted(`*:${zshWord(operand.called)}:${zshAction(operandKind(command) ?? "text")}`));
  }
  return `    ${command.name})
      _arguments ${specs.join(" \\\n        ")}
      ;;`;
}

function zshWord(text: string): string {
  return text.replace(/[:|]/g, " ");
}

function zshAction(value: ValueKind): string {
  if (value === "file") return "_files";
  return typeof value === "object" ? `(${value.join(" ")})` : " ";
}

// ---- fish ---------------------------------------------------------------------------------------

function fishScript(commands: readonly Command[]): string {
  const lines = [
    "# fish completion for wick: wick completions fish | source",
    "complete -c wick -f",
    ...commands.map(({ name, about }) =>
      `complete -c wick -n __fish_use_subcommand -a ${name} -d ${quoted(about)}`
    ),
    "complete -c wick -n __fish_use_subcommand -a help -d 'show help on a command'",
    `complete -c wick -n '__fish_seen_subcommand_from help' -a '${
      commands.map(({ name }) => name).join(" ")
    }'`,
    "complete -c wick -n __fish_use_subcommand -l version -s V -d 'show the version'",
    ...commands.flatMap(fishCommand),
  ];
  return `${lines.join("\n")}\n`;
}

function fishCommand(command: Command): string[] {
  const when = `complete -c wick -n '__fish_seen_subcommand_from ${command.name}'`;
  const options = optionsOf(command).map(([name, { value, about, short }]) => {
    const letter = short === undefined ? "" : ` -s ${short}`;
    return `${when} -l ${name}${letter}${fishValue(value)} -d ${quoted(about)}`;
  });
  const operand = operandKind(command);
  if (operand === "file") options.push(`${when} -F`);
  else if (typeof operand === "object") options.push(`${when} -a '${operand.join(" ")}'`);
  return options;
}

function fishValue(value: ValueKind | undefined): string {
  if (value === undefined) return "";
  if (value === "file") return " -r -F";
  return typeof value === "object" ? ` -x -a '${value.join(" ")}'` : " -x";
}

/** A text for a shell, in single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
