/**
 * `wick cache`: what the cache of a running service holds and does.
 *
 * @module
 */

import type { z } from "zod";
import { cacheReportText } from "../cache/report.ts";
import * as shape from "../http/cache_schemas.ts";
import { explanationText, foundText } from "./cache_text.ts";
import type { Command, CommandCall, OptionSpec, OptionValues } from "./command.ts";
import { Exit, type ExitCode, UsageError } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { SERVICE_OPTIONS, withService } from "./service_call.ts";
import type { ServiceClient } from "./service_client.ts";
import { countOf, countText } from "./text.ts";
import { timeOption } from "./time_option.ts";

const VERBS = [
  "stats",
  "report",
  "get",
  "set",
  "explain",
  "invalidate",
  "protect",
  "unprotect",
] as const;

type Verb = (typeof VERBS)[number];

/** Longest value, characters: the service takes no larger body either. */
const VALUE_CHARS_MAX = 1_000_000;

/** What the answer may take on its way, beyond the wait for what is loaded, ms. */
const WAY_MS = 2_000;

/** Options of some actions, with the actions that take them. */
const OWN: Readonly<Record<string, OptionSpec & { readonly verbs: readonly Verb[] }>> = {
  explain: { about: "get: say of each key what was known before", verbs: ["get"] },
  priority: { value: "number", called: "N", about: "get: 0 to 10; 10 goes first", verbs: ["get"] },
  "wait-ms": {
    value: "number",
    called: "N",
    about: "get: how long what is not there may take",
    byDefault: "10000",
    verbs: ["get"],
  },
  user: {
    value: "text",
    called: "NAME",
    about: "get: who reads; what one reads next is learned from it",
    verbs: ["get"],
  },
  ttl: {
    value: "number",
    called: "SECONDS",
    about: "set: until it is stale",
    byDefault: "that of its type",
    verbs: ["set"],
  },
  tags: {
    value: "text",
    called: "A,B",
    about: "set: with these tags; invalidate: all that have one of them",
    verbs: ["set", "invalidate"],
  },
  series: {
    value: "text",
    called: "SERIES",
    about: "invalidate: what was made of candles of it, as EUR_USD:H1",
    verbs: ["invalidate"],
  },
  from: {
    value: "text",
    called: "TIME",
    about: "with --series: of candles from then on",
    verbs: ["invalidate"],
  },
  to: {
    value: "text",
    called: "TIME",
    about: "with --series: of candles before",
    verbs: ["invalidate"],
  },
  levels: {
    value: "text",
    called: "SYMBOL",
    about: "invalidate: what was made of its levels",
    verbs: ["invalidate"],
  },
  "made-of": {
    value: "text",
    called: "KEY",
    about: "invalidate: what was made of that entry",
    verbs: ["invalidate"],
  },
  all: { about: "invalidate: everything", verbs: ["invalidate"] },
};

/** The command. */
export const CACHE: Command = {
  name: "cache",
  about: "look into the cache, read through it, change what is in it",
  details: [
    "stats says how full it is, report what it did by type, what that cost upstream, and what to " +
    "change. get takes KEYs and loads what is not there, set a KEY and its JSON; a key is " +
    "kind:SYMBOL, or kind:SYMBOL:parameters. explain says of a KEY where it is, how old, how long it " +
    "still holds, what it was made of, or why it is gone.",
    "invalidate ends entries, and what was made of them, by KEY, by pattern (a KEY with a *; \\* is " +
    "a star), tag or dependency. protect keeps keys of a pattern from being evicted, unprotect " +
    "takes that back.",
    "get exits with 1 when a key has no value.",
  ],
  operand: {
    called: "ACTION [KEY…]",
    value: "text",
    countMin: 1,
    countMax: 1 + shape.CACHE_KEYS_MAX,
    verbs: VERBS,
  },
  options: {
    ...Object.fromEntries(
      Object.entries(OWN).map(([name, { verbs: _verbs, ...spec }]) => [
        name,
        spec,
      ]),
    ),
    json: { about: "as JSON" },
    ...SERVICE_OPTIONS,
  },
  examples: [
    { line: "wick cache stats", about: "" },
    { line: "wick cache report --json | jq .advice", about: "" },
    { line: "wick cache get price:AAPL price:MSFT --explain", about: "" },
    { line: `wick cache set price:AAPL '{"last":190.1}' --ttl 60`, about: "" },
    { line: "wick cache explain price:AAPL", about: "why it is there, or why not" },
    { line: "wick cache invalidate 'price:*' --tags earnings", about: "" },
    { line: "wick cache invalidate --series EUR_USD:H1 --from 2024-01-02", about: "" },
    { line: "wick cache protect 'price:AAPL*'", about: "" },
  ],
  run: (call, io) => {
    checkOptions(call);
    return withService(call, io, (client) => runCache(call, io, client));
  },
};

function checkOptions({ operands, values }: CommandCall): void {
  for (const [name, { verbs }] of Object.entries(OWN)) {
    if (!values.has(name) || verbs.some((verb) => verb === operands[0])) continue;
    throw new UsageError(`Cannot use --${name} with ${operands[0]}: it is for ${verbs.join(", ")}`);
  }
}

function runCache(call: CommandCall, io: CliIo, client: ServiceClient): Promise<ExitCode> {
  const [verb, ...operands] = call.operands;
  const { values } = call;
  switch (verb as Verb) {
    case "stats":
      none(operands, verb);
      return stats(values, io, client);
    case "report":
      none(operands, verb);
      return report(values, io, client);
    case "get":
      return get(some(operands), values, io, client);
    case "set":
      return set(operands, values, io, client);
    case "explain":
      return explain(one(operands, "KEY"), values, io, client);
    case "invalidate":
      return invalidate(operands, values, io, client);
    case "protect":
    case "unprotect":
      return protect(verb as "protect" | "unprotect", one(operands, "PATTERN"), values, io, client);
  }
}

// ---- operands -----------------------------------------------------------------------------------

function none(operands: readonly string[], verb: string | undefined): void {
  const [extra] = operands;
  if (extra === undefined) return;
  throw new UsageError(`expected nothing after ${verb}: current value is ${shown(extra)}`);
}

function some(operands: readonly string[]): readonly string[] {
  if (operands.length > 0) return operands;
  throw new UsageError("no KEY given; see wick cache --help");
}

function one(operands: readonly string[], what: string): string {
  const [first, extra] = operands;
  if (first === undefined) throw new UsageError(`no ${what} given; see wick cache --help`);
  if (extra === undefined) return first;
  throw new UsageError(`expected one ${what}: current value is ${shown(extra)} too`);
}

function shown(word: string): string {
  return JSON.stringify(word.length > 64 ? `${word.slice(0, 64)}…` : word);
}

function listOf(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(",").map((part) => part.trim());
}

// ---- actions ------------------------------------------------------------------------------------

async function stats(
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const found = await client.ask("/api/cache/stats", shape.cacheStats);
  if (values.flag("json")) io.out(`${JSON.stringify(found)}\n`);
  else io.out(`${cacheReportText({ ...found, types: [], curve: [], advice: [] }).join("\n")}\n`);
  return Exit.ok;
}

async function report(
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const found = await client.ask("/api/cache/report", shape.cacheReport);
  if (values.flag("json")) io.out(`${JSON.stringify(found)}\n`);
  else io.out(`${cacheReportText(found).join("\n")}\n`);
  return Exit.ok;
}

async function get(
  keys: readonly string[],
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const priority = values.number("priority");
  const waitMs = values.number("wait-ms");
  const user = values.text("user");
  const { found } = await client.ask("/api/cache/get", shape.cacheFound, {
    method: "POST",
    json: {
      keys,
      explain: values.flag("explain"),
      ...(priority === undefined ? {} : { priority }),
      ...(waitMs === undefined ? {} : { timeoutMs: waitMs }),
      ...(user === undefined ? {} : { user }),
    },
    timeoutMs: (waitMs ?? shape.CACHE_WAIT_DEFAULT_MS) + WAY_MS,
  });
  if (values.flag("json")) io.out(`${JSON.stringify(found)}\n`);
  else io.out(foundText(found, io));
  const isWhole = found.every(({ state }) => state !== "missing" && state !== "failed");
  return isWhole ? Exit.ok : Exit.failed;
}

async function set(
  operands: readonly string[],
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const [key, text, extra] = operands;
  if (key === undefined || text === undefined || extra !== undefined) {
    throw new UsageError("expected a KEY and its JSON; see wick cache --help");
  }
  const ttl = values.number("ttl");
  const entry: z.input<typeof shape.cacheSet>["entries"][number] = {
    key,
    value: jsonOf(text),
    tags: listOf(values.text("tags")),
    ...(ttl === undefined ? {} : { ttlMs: Math.round(ttl * 1_000) }),
  };
  const done = await client.ask("/api/cache/set", shape.cacheKept, {
    method: "POST",
    json: { entries: [entry] },
  });
  if (values.flag("json")) io.out(`${JSON.stringify(done)}\n`);
  else {
    const what = done.kept === 1 ? "kept" : "not kept: it is too heavy, or its shard restarts";
    io.err(`wick cache: ${what}\n`);
  }
  return done.kept === 1 ? Exit.ok : Exit.failed;
}

function jsonOf(text: string): unknown {
  if (text.length > VALUE_CHARS_MAX) {
    throw new UsageError(`Cannot use JSON: expected at most ${VALUE_CHARS_MAX} characters`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : "";
    throw new UsageError(`Cannot use JSON: expected a JSON value: ${why}`);
  }
}

async function explain(
  key: string,
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const path = `/api/cache/keys/${encodeURIComponent(key)}`;
  const found = await client.ask(path, shape.cacheExplanation);
  io.out(values.flag("json") ? `${JSON.stringify(found)}\n` : explanationText(found, io));
  return Exit.ok;
}

async function invalidate(
  operands: readonly string[],
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const isPattern = (word: string) => word.includes("*");
  const parts = {
    keys: operands.filter((word) => !isPattern(word)),
    patterns: operands.filter(isPattern),
    tags: listOf(values.text("tags")),
    dependencies: dependenciesOf(values),
  };
  const isNamed = Object.values(parts).some(({ length }) => length > 0);
  if (isNamed === values.flag("all")) {
    throw new UsageError(
      isNamed
        ? "--all stands alone: it means every entry"
        : "nothing to invalidate given; wick cache invalidate --all means every entry",
    );
  }
  const ended = await client.ask("/api/cache/invalidate", shape.cacheEnded, {
    method: "POST",
    json: isNamed ? parts : { all: true },
  });
  if (values.flag("json")) io.out(`${JSON.stringify(ended)}\n`);
  else io.err(`wick cache: ${countOf(ended.removed, "entry", "entries")} ended\n`);
  return Exit.ok;
}

function dependenciesOf(values: OptionValues): z.input<typeof shape.cacheDependency>[] {
  const series = values.text("series");
  const from = timeOption("from", values);
  const to = timeOption("to", values);
  if (series === undefined && (from ?? to) !== undefined) {
    throw new UsageError("Cannot use --from or --to: expected --series with it");
  }
  if (from !== undefined && to !== undefined && from >= to) {
    throw new UsageError("Cannot use --to: expected a time after that of --from");
  }
  const instrument = values.text("levels");
  const key = values.text("made-of");
  return [
    ...(series === undefined
      ? []
      : [{ kind: "candles" as const, series, from: from ?? null, to: to ?? null }]),
    ...(instrument === undefined ? [] : [{ kind: "levels" as const, instrument }]),
    ...(key === undefined ? [] : [{ kind: "key" as const, key }]),
  ];
}

async function protect(
  verb: "protect" | "unprotect",
  pattern: string,
  values: OptionValues,
  io: CliIo,
  client: ServiceClient,
): Promise<ExitCode> {
  const now = await client.ask(`/api/cache/${verb}`, shape.cacheProtection, {
    method: "POST",
    json: { pattern },
  });
  if (values.flag("json")) io.out(`${JSON.stringify(now)}\n`);
  else {
    const { entries, entriesMax, patterns } = now;
    io.err(
      `wick cache: ${countOf(patterns.length, "pattern")}, ` +
        `${countOf(entries, "entry", "entries")} of at most ${countText(entriesMax)} protected\n`,
    );
  }
  return Exit.ok;
}
