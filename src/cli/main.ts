/**
 * The `wick` command.
 *
 * @module
 */

import { COMMANDS } from "./commands.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { CliIo } from "./io.ts";
import { parseCommandLine } from "./parse.ts";
import type { CliParts } from "./parts.ts";
import { palette } from "./text.ts";

/**
 * Runs the command line given by the words after the program's name; its exit code. Whatever goes
 * wrong is said on standard error: nothing is thrown.
 */
export async function runCommand(
  words: readonly string[],
  parts: CliParts,
  io: CliIo,
): Promise<ExitCode> {
  try {
    const request = parseCommandLine(words, COMMANDS);
    if (request.kind === "call") return await request.call.command.run(request.call, io, parts);
    io.out(request.kind === "version" ? `wick ${parts.version}\n` : help(request.command, io));
    return Exit.ok;
  } catch (error) {
    const name = COMMANDS.find(({ name }) => name === words[0])?.name;
    const program = name === undefined ? "wick" : `wick ${name}`;
    if (error instanceof UsageError) {
      io.err(`${program}: ${error.message}\n`);
      return Exit.usage;
    }
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    io.err(`${program}: a defect in wick: ${text}\n`);
    return Exit.failed;
  }
}

function help(command: Parameters<typeof commandHelp>[0] | null, io: CliIo): string {
  const style = { columns: io.columns(), paint: palette(io.hasColour.stdout) };
  return command === null ? programHelp(COMMANDS, style) : commandHelp(command, style);
}
