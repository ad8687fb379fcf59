/**
 * `wick completions`: the script by which a shell completes `wick`.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { completionScript, SHELLS } from "./completion_scripts.ts";
import { Exit } from "./exit_code.ts";

/** The command; the commands to complete come from the table it stands in. */
export function completionsCommand(commands: () => readonly Command[]): Command {
  return {
    name: "completions",
    about: "print the script that completes wick in a shell",
    details: ["Write it where the shell looks for completions, or read it at the shell's start."],
    operand: { called: "SHELL", value: SHELLS, countMin: 1, countMax: 1 },
    options: {},
    examples: [
      { line: "source <(wick completions bash)", about: "in ~/.bashrc" },
      { line: 'wick completions zsh > "${fpath[1]}/_wick"', about: "once" },
      { line: "wick completions fish | source", about: "in ~/.config/fish/config.fish" },
    ],
    run({ operands }, io) {
      const shell = SHELLS.find((one) => one === operands[0]);
      if (shell !== undefined) io.out(completionScript(shell, commands()));
      return Promise.resolve(Exit.ok);
    },
  };
}
