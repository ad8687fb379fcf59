/**
 * All commands, in the order of help.
 *
 * @module
 */

import { CHECK } from "./check.ts";
import type { Command } from "./command.ts";
import { completionsCommand } from "./completions.ts";
import { DEMO } from "./demo.ts";
import { LABEL } from "./label.ts";

/** The table of commands. */
export const COMMANDS: readonly Command[] = [
  LABEL,
  CHECK,
  DEMO,
  completionsCommand(() => COMMANDS),
];
