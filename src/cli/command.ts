/**
 * How a command is declared. Parsing, help and completions all follow from the declaration.
 *
 * @module
 */

import type { ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import type { CliParts } from "./parts.ts";

/** What a value is, which is also how it is checked and completed. */
export type ValueKind = "text" | "number" | "file" | readonly string[];

/** One option. */
export interface OptionSpec {
  /** What the value is; absent for a flag. A list names all values allowed. */
  readonly value?: ValueKind;
  /** How help calls the value: `N`, `FILE`. Needed for all but flags and lists. */
  readonly called?: string;
  /** One line for help. */
  readonly about: string;
  /** Shown in help as the default. */
  readonly byDefault?: string;
  /** One letter. */
  readonly short?: string;
  /** May be given several times, each with a text. */
  readonly isRepeated?: true;
}

/** What stands after the options. */
export interface OperandSpec {
  /** How help calls it: `FILE…`. */
  readonly called: string;
  /** How it is completed and, for a list, checked. */
  readonly value: ValueKind;
  readonly countMin: number;
  readonly countMax: number;
  /** Words of which the first operand is one: what is to be done. */
  readonly verbs?: readonly string[];
}

/** One line that works, and what it does. */
export interface Example {
  readonly line: string;
  readonly about: string;
}

/** One command. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly about: string;
  /** Paragraphs under the usage, each one line of text that help wraps. */
  readonly details: readonly string[];
  readonly operand: OperandSpec | null;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** What `--help` ends with. */
  readonly examples: readonly Example[];
  run(call: CommandCall, io: CliIo, parts: CliParts): Promise<ExitCode>;
}

/** A command as it was called: options checked against their declaration. */
export interface CommandCall {
  readonly command: Command;
  readonly operands: readonly string[];
  readonly values: OptionValues;
}

/** Value of an option: true for a flag, several texts for one that may be repeated. */
export type OptionValue = string | number | true | readonly string[];

/** Values of options by name. Asking for an option of another kind is a defect and throws. */
export class OptionValues {
  readonly #values: ReadonlyMap<string, OptionValue>;

  constructor(values: ReadonlyMap<string, OptionValue>) {
    this.#values = values;
  }

  /** These options alone, for commands that have others with the same names as settings. */
  only(names: readonly string[]): OptionValues {
    return new OptionValues(new Map([...this.#values].filter(([name]) => names.includes(name))));
  }

  /** Whether the option was given, whatever its kind. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Whether the flag was given. */
  flag(name: string): boolean {
    return this.#values.has(name);
  }

  /** Value of a text, a file or a word of a list; undefined when it was not given. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value === undefined || typeof value === "string") return value;
    throw new TypeError(`Cannot read option ${name}: expected a text: current value is ${value}`);
  }

  /** Values of an option that may be repeated, in their order; none when it was not given. */
  texts(name: string): readonly string[] {
    const value = this.#values.get(name) ?? [];
    if (typeof value === "object") return value;
    throw new TypeError(`Cannot read option ${name}: expected texts: current value is ${value}`);
  }

  /** Value of a number; undefined when it was not given. */
  number(name: string): number | undefined {
    const value = this.#values.get(name);
    if (value === undefined || typeof value === "number") return value;
    throw new TypeError(`Cannot read option ${name}: expected a number: current value is ${value}`);
  }
}

/** An option that every command has. */
export const HELP_OPTION: OptionSpec = { about: "show this help", short: "h" };
