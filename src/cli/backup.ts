/**
 * `wick backup`: a consistent copy of the running service's database.
 *
 * @module
 */

import { resolve } from "node:path";
import { backupReply } from "../http/schemas.ts";
import type { Command } from "./command.ts";
import { Exit } from "./exit_code.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import { bytesText } from "./text.ts";

/** Longest wait for the copy unless given, ms: 10 GB at 20 MB/s take 500 s. */
const WAIT_MS = 600_000;

/** The command. */
export const BACKUP: Command = {
  name: "backup",
  about: "copy the service's database while it runs",
  details: [
    "The service itself writes the copy, on its own machine, as it stands at one commit. The file " +
    "must not be there yet; as wick.db in a folder given to wick serve --data it is a working " +
    "database.",
  ],
  operand: { called: "FILE", value: "file", countMin: 1, countMax: 1 },
  options: {
    "timeout-ms": {
      value: "number",
      called: "N",
      about: "longest wait",
      byDefault: String(WAIT_MS),
    },
    json: { about: "file and size as JSON" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick backup backups/monday.db", about: "" },
    { line: "wick backup monday.db --json | jq .bytes", about: "" },
  ],
  run: (call, io) =>
    withService(call, io, async (client) => {
      const { operands, values } = call;
      const made = await client.ask("/api/backup", backupReply, {
        method: "POST",
        // The service may have been started in another folder.
        json: { file: resolve(operands[0] ?? "") },
        timeoutMs: values.number("timeout-ms") ?? WAIT_MS,
      });
      if (values.flag("json")) io.out(`${JSON.stringify(made)}\n`);
      else io.err(`wick backup: ${made.file}, ${bytesText(made.bytes)}\n`);
      return Exit.ok;
    }),
};
