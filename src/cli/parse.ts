/**
 * From the words of a command line to a call of a command.
 *
 * @module
 */

import { parseArgs } from "node:util";
import {
  type Command,
  type CommandCall,
  HELP_OPTION,
  type OptionSpec,
  type OptionValue,
  OptionValues,
} from "./command.ts";
import { UsageError } from "./exit_code.ts";
import { nearest } from "../std/suggest.ts";

/** What the words ask for. */
export type Request =
  | { readonly kind: "call"; readonly call: CommandCall }
  | { readonly kind: "help"; readonly command: Command | null }
  | { readonly kind: "version" };

/**
 * Reads the words after the program's name.
 *
 * @throws {UsageError} with the nearest word there is, for words that ask for nothing there is.
 */
export function parseCommandLine(words: readonly string[], commands: readonly Command[]): Request {
  const [first, ...rest] = words;
  if (first === undefined) throw new UsageError("no command given; see wick --help");
  if (first === "--help" || first === "-h") return { kind: "help", command: null };
  if (first === "--version" || first === "-V") return { kind: "version" };
  if (first === "help") return parseHelp(rest, commands);
  if (first.startsWith("-")) {
    throw unknown("option", first, ["--help", "--version"], "see wick --help");
  }
  const command = commandNamed(first, commands);
  return parseCall(command, rest);
}

function parseHelp(words: readonly string[], commands: readonly Command[]): Request {
  const name = words.find((word) => !word.startsWith("-"));
  return { kind: "help", command: name === undefined ? null : commandNamed(name, commands) };
}

function commandNamed(name: string, commands: readonly Command[]): Command {
  const command = commands.find((one) => one.name === name);
  if (command !== undefined) return command;
  throw unknown("command", name, [...commands.map((one) => one.name), "help"], "see wick --help");
}

function parseCall(command: Command, words: readonly string[]): Request {
  const specs: Record<string, OptionSpec> = { ...command.options, help: HELP_OPTION };
  const { values: found, positionals } = parseWords(command, specs, words);
  if (found.help === true) return { kind: "help", command };
  const values = new Map<string, OptionValue>();
  for (const [name, value] of Object.entries(found)) {
    // Only declared options are found.
    const spec = specs[name] as OptionSpec;
    if (typeof value === "string") values.set(name, checked(`--${name}`, value, spec));
    else if (!Array.isArray(value)) values.set(name, true);
    else values.set(name, value.map((text) => String(checked(`--${name}`, String(text), spec))));
  }
  checkOperands(command, positionals);
  const call = { command, operands: positionals, values: new OptionValues(values) };
  return { kind: "call", call };
}

function parseWords(
  command: Command,
  specs: Readonly<Record<string, OptionSpec>>,
  words: readonly string[],
) {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value, short, isRepeated = false }]) => [
      name,
      {
        type: value === undefined ? "boolean" as const : "string" as const,
        multiple: isRepeated,
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw parseError(command, Object.keys(specs), error);
  }
}

/** The texts of parseArgs are for programmers, and some have several lines. */
function parseError(command: Command, names: readonly string[], error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const [, option = ""] = /'(-[^ '=]*)/.exec(error.message) ?? [];
  if (error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const known = names.map((name) => `--${name}`);
    return unknown("option", option, known, `see wick ${command.name} --help`);
  }
  if (error.code !== "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") return error;
  const why = error.message.includes("does not take")
    ? "takes no value"
    : error.message.includes("ambiguous")
    ? `needs a value; one that begins with a dash is given as ${option}=-X`
    : "needs a value";
  return new UsageError(`option ${longName(option, error.message)} ${why}`);
}

/** `-h, --help` is how parseArgs names an option that has a letter. */
function longName(option: string, message: string): string {
  return /--[\w-]+/.exec(message)?.[0] ?? option;
}

function unknown(what: string, word: string, known: readonly string[], hint: string): UsageError {
  const near = nearest(word, known);
  const guess = near === null ? hint : `did you mean ${near}?`;
  return new UsageError(`unknown ${what} ${shown(word)}; ${guess}`);
}

const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;

function checked(name: string, text: string, { value }: OptionSpec): string | number {
  if (value === "number") {
    const number = Number(text);
    if (NUMBER.test(text) && Number.isFinite(number)) return number;
    throw new UsageError(`Cannot use ${name}: expected a number: current value is ${shown(text)}`);
  }
  if (text === "") {
    throw new UsageError(`Cannot use ${name}: expected a value: current value is ""`);
  }
  if (typeof value === "object") checkWord(name, text, value);
  return text;
}

function checkWord(name: string, word: string, allowed: readonly string[]): void {
  if (allowed.includes(word)) return;
  const near = nearest(word, allowed);
  throw new UsageError(
    `Cannot use ${name}: expected ${allowed.join(", ")}: current value is ${shown(word)}` +
      (near === null ? "" : `; did you mean ${near}?`),
  );
}

function checkOperands(command: Command, operands: readonly string[]): void {
  const { operand, name } = command;
  const max = operand?.countMax ?? 0;
  const extra = operands[max];
  if (extra !== undefined) {
    const expected = max === 0 ? "nothing" : `at most ${max} ${operand?.called}`;
    throw new UsageError(`expected ${expected} after ${name}: current value is ${shown(extra)}`);
  }
  if (operand === null) return;
  if (operands.length < operand.countMin) {
    throw new UsageError(`no ${operand.called} given; see wick ${name} --help`);
  }
  const [first] = operands;
  if (operand.verbs !== undefined && first !== undefined) {
    checkWord(operand.called.split(" ")[0] ?? "", first, operand.verbs);
  }
  for (const word of operands) {
    if (word === "") throw new UsageError(`expected ${operand.called}: current value is ""`);
    if (typeof operand.value === "object") checkWord(operand.called, word, operand.value);
  }
}

/** A word as typed, on one line. */
function shown(word: string): string {
  return JSON.stringify(word.length > 64 ? `${word.slice(0, 64)}…` : word);
}
