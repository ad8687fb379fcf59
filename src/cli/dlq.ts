/**
 * `wick dlq`: messages that were not handled.
 *
 * @module
 */

import type { z } from "zod";
import { deadLetter, LETTERS_MAX, lettersDone, lettersReply } from "../http/schemas.ts";
import type { Command, CommandCall, OptionValues } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import type { Query, ServiceClient } from "./service_client.ts";
import { textTable } from "./table.ts";
import { countOf, timeText } from "./text.ts";

const VERBS = ["list", "show", "replay", "drop"] as const;

type Letters = z.output<typeof lettersReply>;
type Done = z.output<typeof lettersDone>;

/** Letters listed unless told otherwise. */
const LIMIT_DEFAULT = 100;

/** The command. */
export const DLQ: Command = {
  name: "dlq",
  about: "list, show, replay or drop dead letters",
  details: [
    "Every message that no actor handled is kept with the reason: overflow, stopped, crashed, " +
    "unhandled, expired; so is what a source or a backfill could not use. They stay in the store " +
    "over restarts, each under its ID.",
    "replay sends letters to their actor again and forgets those that were sent; one of an earlier " +
    "run is checked like any message from outside, and stays when it is refused. drop forgets " +
    "letters. Either takes an ID, or a filter and --dry-run to see what is meant.",
  ],
  operand: { called: "ACTION [ID]", value: "text", countMin: 1, countMax: 2, verbs: VERBS },
  options: {
    path: { value: "text", called: "PATH", about: "only of this actor, as /wick/core/store" },
    type: { value: "text", called: "TYPE", about: "only of this message" },
    reason: { value: "text", called: "REASON", about: "only for this reason" },
    limit: {
      value: "number",
      called: "N",
      about: `most letters, 1 to ${LETTERS_MAX}`,
      byDefault: `${LIMIT_DEFAULT} for list, ${LETTERS_MAX} otherwise`,
    },
    after: { value: "text", called: "ID", about: "list: only later ones" },
    all: { about: "replay, drop: every letter, when no filter is given" },
    "dry-run": { about: "replay, drop: only say what would come of it" },
    json: { about: "as JSON" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick dlq list --reason crashed", about: "" },
    { line: "wick dlq show 17", about: "with its payload" },
    { line: "wick dlq replay --path /wick/core/store --dry-run", about: "" },
    { line: "wick dlq drop 17", about: "" },
  ],
  run: (call, io) => withService(call, io, (client) => runDlq(call, io, client)),
};

function runDlq(call: CommandCall, io: CliIo, client: ServiceClient): Promise<ExitCode> {
  const [verb, id] = call.operands;
  if (id !== undefined && !/^\d{1,16}$/.test(id)) {
    throw new UsageError(
      `Cannot use ID: expected a number: current value is ${JSON.stringify(id)}`,
    );
  }
  if (verb === "list") return list(call.values, io, client);
  if (verb === "show") return show(id, io, client);
  return act(verb === "replay" ? "replay" : "drop", id, call.values, io, client);
}

function filterOf(values: OptionValues): Query {
  return {
    path: values.text("path"),
    type: values.text("type"),
    reason: values.text("reason"),
  };
}

async function list(
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const limit = values.number("limit") ?? LIMIT_DEFAULT;
  const query = { ...filterOf(values), limit, cursor: values.text("after") };
  const page = await client.ask("/api/dead-letters", lettersReply, { query });
  if (values.flag("json")) io.out(`${JSON.stringify(page)}\n`);
  else io.out(pageText(page, io));
  return Exit.ok;
}

function pageText({ letters, next, counts, kept, evicted }: Letters, io: CliIo): string {
  const rows = letters.map(({ id, at, path, type, reason, error }) => [
    String(id),
    timeText(at),
    reason,
    path,
    type,
    error?.split("\n")[0] ?? "",
  ]);
  const byReason = Object.entries(counts).filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`).join(", ");
  const given = evicted > 0 ? `, ${evicted} given up for room` : "";
  const more = next === null ? "" : `; more with --after ${next}`;
  const table = rows.length === 0
    ? ""
    : textTable(["id", "time", "reason", "actor", "message", "error"], rows, io, [0]);
  return `${table}${countOf(kept, "letter")} kept${given}${more}\n` +
    (byReason === "" ? "" : `since the start: ${byReason}\n`);
}

async function show(
  id: string | undefined,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  if (id === undefined) throw new UsageError("no ID given; see wick dlq --help");
  const letter = await client.ask(`/api/dead-letters/${id}`, deadLetter);
  io.out(`${JSON.stringify(letter, null, 2)}\n`);
  return Exit.ok;
}

async function act(
  verb: "replay" | "drop",
  id: string | undefined,
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const filter = filterOf(values);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (id === undefined && !isFiltered && !values.flag("all") && !values.flag("dry-run")) {
    throw new UsageError(`no ID and no filter given; wick dlq ${verb} --all means every letter`);
  }
  if (id !== undefined && (isFiltered || values.has("limit") || values.flag("dry-run"))) {
    throw new UsageError("an ID stands alone: filters, --limit and --dry-run are for many");
  }
  const query = { ...filter, limit: values.number("limit"), dryRun: values.flag("dry-run") };
  const base = "/api/dead-letters";
  const one = verb === "replay" ? `${base}/${id}/replay` : `${base}/${id}`;
  const many = verb === "replay" ? `${base}/replay` : base;
  const done = await client.ask(id === undefined ? many : one, lettersDone, {
    method: verb === "replay" ? "POST" : "DELETE",
    ...(id === undefined ? { query } : {}),
  });
  if (values.flag("json")) io.out(`${JSON.stringify(done)}\n`);
  else io.err(`wick dlq: ${doneText(verb, done)}\n`);
  return done.refused > 0 ? Exit.tryAgain : Exit.ok;
}

function doneText(
  verb: "replay" | "drop",
  done: Done,
): string {
  if (done.dryRun) return dryText(verb, done);
  const { accepted, refused, problems } = done;
  const what = verb === "replay" ? "sent again" : "dropped";
  const reasons = problems.map(({ id, detail }) => `\n  ${id}: ${detail}`).join("");
  const failed = refused > 0 ? `, ${refused} not taken${reasons === "" ? "" : `:${reasons}`}` : "";
  return `${countOf(accepted, "letter")} ${what}${failed}`;
}

/** What would go where, and what could not, and why. */
function dryText(
  verb: "replay" | "drop",
  { matched, accepted, refused, problems, places }: Done,
): string {
  const what = verb === "replay" ? "sent again" : "dropped";
  if (matched === 0) return "no letter is meant";
  const lines = [`${countOf(accepted, "letter")} would be ${what}`];
  for (const place of places.filter((one) => one.accepted > 0)) {
    lines.push(
      `  ${place.accepted} x ${place.type} ${verb === "replay" ? "to" : "of"} ${place.path}`,
    );
  }
  if (refused > 0) lines.push(`${countOf(refused, "letter")} could not be`);
  for (const { id, detail } of problems) lines.push(`  ${id}: ${detail}`);
  const more = refused - problems.length;
  if (more > 0) lines.push(`  and ${more} more`);
  return lines.join("\n");
}
