/**
 * Help texts, from the declarations of commands.
 *
 * @module
 */

import { type Command, HELP_OPTION, type OperandSpec, type OptionSpec } from "./command.ts";
import { EXIT_MEANINGS } from "./exit_code.ts";
import type { Palette } from "./text.ts";

/** Lines of help are no longer than this, also on wide terminals: longer ones are hard to read. */
const WIDTH_MAX = 100;

/** Space before the second column of a list. */
const GAP = 2;

/** How help is laid out. */
export interface HelpStyle {
  /** Width of the terminal in characters. */
  readonly columns: number;
  readonly paint: Palette;
}

/** Help on the program: its commands and exit codes. */
export function programHelp(commands: readonly Command[], style: HelpStyle): string {
  const { bold } = style.paint;
  const list = [...commands.map(({ name, about }): Row => [name, about]), HELP_ROW];
  return [
    "Wick keeps market data fresh, warm and labelled.",
    "",
    `${bold("Usage:")} wick COMMAND [OPTION…] [OPERAND…]`,
    "",
    bold("Commands:"),
    ...table(list, style),
    "",
    bold("Options:"),
    ...table([["-h, --help", "show this help"], ["-V, --version", "show the version"]], style),
    "",
    bold("Environment:"),
    ...table(ENVIRONMENT, style),
    "",
    bold("Exit codes:"),
    ...table(EXIT_MEANINGS.map(([code, meaning]): Row => [String(code), meaning]), style),
    "",
    bold("Examples:"),
    // The first example of each command is its simplest.
    ...commands.flatMap(({ examples }) => examples.slice(0, 1).map(({ line }) => `  ${line}`)),
    "",
  ].join("\n");
}

const HELP_ROW: Row = ["help", "show help on a command: wick help COMMAND"];

const ENVIRONMENT: readonly Row[] = [
  ["NO_COLOR", "if set, no colours"],
  ["WICK_TOKEN", "token of the service; or WICK_TOKEN_FILE, a file that holds it"],
  ["WICK_CONFIG", "configuration file, as --config"],
  ["WICK_…", "every setting: wick config --names"],
];

/** Help on one command. */
export function commandHelp(command: Command, style: HelpStyle): string {
  const { bold } = style.paint;
  const options = Object.entries({ ...command.options, help: HELP_OPTION });
  const [usage = "", ...moreUsage] = wrapped(usageOf(command), " ".repeat(7), style);
  return [
    `${bold("Usage:")} ${usage.trimStart()}`,
    ...moreUsage,
    ...actionLines(command, style),
    "",
    ...wrapped(`${capital(command.about)}.`, "", style),
    ...command.details.flatMap((text) => ["", ...wrapped(text, "", style)]),
    "",
    bold("Options:"),
    ...table(options.map(([name, spec]): Row => [optionText(name, spec), aboutText(spec)]), style),
    "",
    bold("Examples:"),
    ...exampleLines(command, style),
    "",
  ].join("\n");
}

function usageOf({ name, operand, options }: Command): string {
  const words = ["wick", name];
  if (Object.keys(options).length > 0) words.push("[OPTION…]");
  if (operand !== null) {
    words.push(operandText(operand));
  }
  return words.join(" ");
}

function operandText({ value, called, countMax, verbs }: OperandSpec): string {
  // What is called several things says itself how many there are.
  if (called.includes(" ")) {
    return verbs === undefined || isLongList(verbs)
      ? called
      : called.replace(/^\S+/, verbs.join("|"));
  }
  const list = typeof value === "object" ? value.join("|") : called;
  return countMax > 1 ? `${list}…` : list;
}

/** Longest list of actions that stands in the usage, characters. */
const ACTIONS_MAX = 72;

function isLongList(verbs: readonly string[]): boolean {
  return verbs.join("|").length > ACTIONS_MAX;
}

/** What can be done, where there is no room for it in the usage. */
function actionLines({ operand }: Command, style: HelpStyle): string[] {
  const verbs = operand?.verbs ?? [];
  if (!isLongList(verbs)) return [];
  const [first = "", ...more] = wrapped(verbs.join(", "), " ".repeat(9), style);
  return ["", `${style.paint.bold("Actions:")} ${first.trimStart()}`, ...more];
}

/** How an option is written: `-o, --out FILE|DIR`. */
export function optionText(name: string, option: OptionSpec): string {
  const { value, called, short, isRepeated = false } = option;
  const one = typeof value === "object" ? value.join("|") : called;
  const words = isRepeated ? `${one}…` : one;
  const letter = short === undefined ? "    " : `-${short}, `;
  // Names of volatility estimators are many: the list goes into the text.
  const isLong = typeof value === "object" && (words?.length ?? 0) > LIST_MAX;
  return `${letter}--${name}${words === undefined ? "" : ` ${isLong ? "NAME" : words}`}`;
}

/** Longest list of words that stands in the first column. */
const LIST_MAX = 16;

function aboutText({ about, byDefault, value }: OptionSpec): string {
  const list = typeof value === "object" && value.join("|").length > LIST_MAX
    ? `: ${value.join(", ")}`
    : "";
  return `${about}${list}${byDefault === undefined ? "" : ` (default ${byDefault})`}`;
}

function exampleLines({ examples }: Command, style: HelpStyle): string[] {
  return examples.flatMap(({ line, about }) => [
    ...(about === "" ? [] : [style.paint.dim(`  # ${about}`)]),
    `  ${line}`,
  ]);
}

type Row = readonly [left: string, right: string];

/** Two columns, the second wrapped. */
function table(rows: readonly Row[], style: HelpStyle): string[] {
  const left = Math.max(...rows.map(([text]) => text.length));
  const indent = " ".repeat(2 + left + GAP);
  return rows.flatMap(([text, about]) => {
    const [first = "", ...more] = wrapped(about, indent, style);
    return [`  ${text.padEnd(left + GAP)}${first.trimStart()}`, ...more];
  });
}

/** Lines of at most the width, each indented. */
function wrapped(text: string, indent: string, style: HelpStyle): string[] {
  const width = Math.max(40, Math.min(WIDTH_MAX, style.columns));
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    const isFirst = line === indent;
    if (!isFirst && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line += isFirst ? word : ` ${word}`;
  }
  return [...lines, line];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
