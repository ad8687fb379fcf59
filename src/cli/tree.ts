/**
 * `wick tree`: the supervision tree.
 *
 * @module
 */

import { treeNode } from "../http/schemas.ts";
import type { Command } from "./command.ts";
import { Exit } from "./exit_code.ts";
import { actorsPath, NODE_OPTION, SERVICE_OPTIONS, withService } from "./service_call.ts";
import { failureLines, treeText } from "./tree_text.ts";

/** `wick tree`. */
export const TREE: Command = {
  name: "tree",
  about: "print the supervision tree",
  details: ["Every actor with its queue, rate, times and restarts; then what failed last."],
  operand: null,
  options: { json: { about: "the tree as JSON" }, ...NODE_OPTION, ...SERVICE_OPTIONS },
  examples: [
    { line: "wick tree", about: "" },
    { line: "wick tree --node node-b", about: "that of another node" },
    { line: "wick tree --json | jq '.. | .path? // empty'", about: "all paths" },
  ],
  run: (call, io) =>
    withService(call, io, async (client) => {
      const root = await client.ask(actorsPath(call.values.text("node")), treeNode);
      if (call.values.flag("json")) {
        io.out(`${JSON.stringify(root)}\n`);
        return Exit.ok;
      }
      io.out(treeText(root, io));
      const failures = failureLines(root);
      if (failures.length > 0) io.out(`\n${failures.map((line) => `${line}\n`).join("")}`);
      return Exit.ok;
    }),
};
