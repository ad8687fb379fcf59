/** The log: levels, lines, secrets, rotation, and what happens when it cannot be written. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { join } from "node:path";
import { VirtualClock } from "../../src/actor/clock.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { createLog, logOf } from "../../src/cli/log.ts";
import { RotatingFile } from "../../src/cli/log_file.ts";
import { LogLevels } from "../../src/cli/log_levels.ts";
import { jsonLine, LINE_CHARS_MAX, type LogEntry, textLine } from "../../src/cli/log_line.ts";
import { isSecretName, redactor } from "../../src/http/redact.ts";
import { CONFIG_DEFAULTS } from "../../src/cli/settings.ts";
import { palette } from "../../src/cli/text.ts";
import { fakeIo, inFolder, linesOf, listed, readText } from "./support.ts";

const AT_MS = Date.UTC(2024, 0, 31, 12, 0, 0, 5);

function entry(given: Partial<LogEntry> = {}): LogEntry {
  return {
    atMs: AT_MS,
    level: "info",
    path: "/wick/core/store",
    message: "up",
    fields: undefined,
    ...given,
  };
}

const plain = (text: string) => text;

Deno.test("LogLevels admits by the longest path that covers, with and without the root", () => {
  const levels = new LogLevels(
    "warn, core/store=debug,/wick/core/work=info,core/work/ingest=error",
  );
  const cases: [Parameters<LogLevels["admits"]>[0], string, boolean][] = [
    ["info", "/wick/monitor", false],
    ["warn", "/wick/monitor", true],
    ["debug", "/wick/core/store", true],
    ["info", "/wick/core/storehouse", false],
    ["info", "/wick/core/work/refresh", true],
    ["debug", "/wick/core/work", false],
    ["warn", "/wick/core/work/ingest/feeds/a", false],
    ["error", "/wick/core/work/ingest/feeds/a", true],
    ["warn", "wick", true],
  ];
  for (const [level, path, expected] of cases) {
    assertEquals(levels.admits(level, path), expected, `${level} ${path}`);
    assertEquals(levels.admits(level, path), expected);
  }
  assert(!new LogLevels("core=debug").admits("debug", "/wick/monitor"));
});

Deno.test("LogLevels refuses words that are no levels", () => {
  for (
    const [text, message] of [
      ["inof", /current value is "inof"; did you mean info\?/],
      ["core=loud", /expected debug, info, warn, error: current value is "loud"/],
      [",", /expected 1 to 64 levels/],
    ] as const
  ) assertMatch(assertThrows(() => new LogLevels(text), UsageError).message, message);
});

Deno.test("jsonLine() is one line of JSON with what was logged", () => {
  const fields = { rows: 3, big: 2n ** 60n, bad: NaN, columns: new Float64Array(2), of: [1, "a"] };
  const line = jsonLine(entry({ message: "two\nlines", fields }), plain);
  assert(!line.includes("\n"));
  assertEquals(JSON.parse(line), {
    at: "2024-01-31T12:00:00.005Z",
    level: "info",
    path: "/wick/core/store",
    message: "two\nlines",
    fields: {
      rows: 3,
      big: "1152921504606846976",
      bad: "NaN",
      columns: "[16 bytes]",
      of: [1, "a"],
    },
  });
});

Deno.test("jsonLine() bounds and survives whatever it is given", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const thrower = Object.defineProperty({}, "x", {
    enumerable: true,
    get() {
      throw new Error("no");
    },
  });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const cause = new TypeError("inner");
  const fields = {
    circle,
    thrower,
    proxy,
    error: Object.assign(new Error("outer", { cause }), { code: "E1" }),
    symbol: Symbol("s"),
    call: () => 1,
    list: Array.from({ length: 1_000 }, (_, i) => i),
    none: undefined,
  };
  const read = JSON.parse(jsonLine(entry({ fields }), plain)).fields;
  assertEquals(read.error.error, "Error: outer");
  assertEquals([read.error.code, read.error.cause], ["E1", "TypeError: inner"]);
  assertEquals(read.list.length, 21);
  assertMatch(read.thrower, /unreadable/);
  for (const size of [10, 1e4, 1e6]) {
    const wide = { text: '"\\\n'.repeat(size), more: { text: "x".repeat(size) } };
    const line = jsonLine(entry({ message: "\0".repeat(size), fields: wide }), plain);
    JSON.parse(line);
    assert(line.length <= LINE_CHARS_MAX, String(line.length));
    const text = textLine(
      entry({ message: "m".repeat(size), fields: wide }),
      plain,
      palette(false),
    );
    assert(text.length <= LINE_CHARS_MAX && !text.includes("\n"));
  }
});

Deno.test("textLine() is for people, and no message moves their cursor", () => {
  const fields = { rows: 3, why: "no room", error: new Error("full") };
  assertEquals(
    textLine(entry({ level: "warn", fields }), plain, palette(false)),
    '12:00:00.005 warn  core/store up rows=3 why="no room" error="Error: full"',
  );
  const line = textLine(entry({ message: "a\x1b[2J\r\nb\u009bc" }), plain, palette(false));
  assertEquals(line, "12:00:00.005 info  core/store a [2J b c");
});

Deno.test("secrets are hidden by name, by text, and in URLs and headers", () => {
  const redact = redactor(["s3cret-token-value", "abc"]);
  assertEquals(redact("is s3cret-token-value here"), "is [hidden] here");
  assertEquals(redact("abc stays: it is short"), "abc stays: it is short");
  assertEquals(redact("redis://user:pw1@host/0"), "redis://user:[hidden]@host/0");
  assertEquals(redact("redis://:pw1@host"), "redis://:[hidden]@host");
  assertEquals(redact("Authorization: Bearer abcdefgh123"), "Authorization: Bearer [hidden]");
  for (
    const name of ["token", "WICK_READ_TOKEN", "password", "Authorization", "apiKey", "api_key"]
  ) {
    assert(isSecretName(name), name);
  }
  // They end like what is none, in the middle of a word.
  for (const name of ["tokenParams", "secretProfile", "credential_items"]) {
    assert(isSecretName(name), name);
  }
  for (
    const name of ["tokenFile", "WICK_TOKEN_FILE", "path", "rows", "tokenCount", "tokenWaitMs"]
  ) assert(!isSecretName(name), name);
  const fields = {
    token: "x1y2z3w4",
    deep: { headers: { authorization: "Basic aaaaaaaaaaaa", url: "http://u:p@h/" } },
    error: new Error("bad s3cret-token-value"),
    list: ["s3cret-token-value"],
  };
  for (
    const line of [
      jsonLine(entry({ message: "s3cret-token-value", fields }), redact),
      textLine(entry({ message: "s3cret-token-value", fields }), redact, palette(false)),
    ]
  ) {
    for (const secret of ["s3cret", "x1y2z3w4", "aaaaaaaaaaaa", ":p@"]) {
      assert(!line.includes(secret), `${secret} in ${line}`);
    }
  }
});

Deno.test("RotatingFile keeps the newest lines within its bounds", async () => {
  await inFolder((folder) => {
    const path = join(folder, "wick.log");
    using file = new RotatingFile({ path, bytesMax: 100, countMax: 3 });
    const lines = Array.from({ length: 50 }, (_, i) => `line ${String(i).padStart(4, "0")}\n`);
    for (const line of lines) assert(file.write(line));
    assertEquals(listed(folder), ["wick.log", "wick.log.1", "wick.log.2"]);
    const kept = ["wick.log.2", "wick.log.1", "wick.log"].map((name) => readText(folder, name));
    assert(kept.every((text) => text.length <= 100));
    // Ten lines fit a file: two full ones and what came after.
    assertEquals(kept.join(""), lines.slice(-30).join(""));
    return Promise.resolve();
  });
});

Deno.test("RotatingFile of one file begins it anew, and goes on where it was after a restart", async () => {
  await inFolder((folder) => {
    const path = join(folder, "wick.log");
    const options = { path, bytesMax: 30, countMax: 1 };
    for (let i = 0; i < 5; i++) {
      using file = new RotatingFile(options);
      assert(file.write(`line ${i} ...\n`));
    }
    assertEquals(readText(path), "line 4 ...\n");
    assertEquals(listed(folder), ["wick.log"]);
    return Promise.resolve();
  });
});

Deno.test("RotatingFile writes a line longer than a file whole", async () => {
  await inFolder((folder) => {
    const path = join(folder, "wick.log");
    using file = new RotatingFile({ path, bytesMax: 10, countMax: 2 });
    const long = `${"x".repeat(50)}\n`;
    for (const line of ["a\n", long, "b\n"]) assert(file.write(line));
    assertEquals([readText(`${path}.1`), readText(path)], [long, "b\n"]);
    return Promise.resolve();
  });
});

Deno.test("RotatingFile refuses a path it cannot write, and survives one that goes away", async () => {
  await inFolder(async (folder) => {
    const missing = { path: join(folder, "no", "wick.log"), bytesMax: 10, countMax: 2 };
    assertMatch(
      assertThrows(() => new RotatingFile(missing), UsageError).message,
      /^Cannot write the log file .*: there is no such file$/,
    );
    const inner = join(folder, "inner");
    await Deno.mkdir(inner);
    using file = new RotatingFile({ path: join(inner, "wick.log"), bytesMax: 10, countMax: 2 });
    assert(file.write("one 1234\n"));
    await Deno.remove(inner, { recursive: true });
    assert(!file.write("two 1234\n"));
    await Deno.mkdir(inner);
    assert(file.write("three 12\n"));
    assertEquals(readText(inner, "wick.log"), "three 12\n");
  });
});

Deno.test("createLog() counts lines that could not be written and says so when it can again", () => {
  const lines: string[] = [];
  let isBroken = false;
  const clock = new VirtualClock(0, AT_MS);
  using log = createLog({
    clock,
    levels: new LogLevels("info"),
    line: ({ message, fields }) => `${message} ${JSON.stringify(fields ?? null)}`,
    to: {
      write: (line) => {
        if (isBroken) return false;
        lines.push(line);
        return true;
      },
      close: () => {},
    },
  });
  log.sink("info", "/wick/a", "one");
  log.sink("debug", "/wick/a", "not admitted");
  isBroken = true;
  for (const message of ["two", "three"]) log.sink("info", "/wick/a", message);
  isBroken = false;
  log.sink("error", "/wick/a", "four");
  assertEquals(lines, ["one null\n", 'log lines were lost {"lines":2}\n', "four null\n"]);
  assertEquals(log.counts(), { written: 2, lost: 2 });
});

Deno.test("createLog() survives a line and a sink that throw", () => {
  const thrower = () => {
    throw new Error("no");
  };
  const clock = new VirtualClock();
  const levels = new LogLevels("info");
  const bad = [{ line: thrower, write: () => true }, { line: () => "x", write: thrower }];
  for (const { line, write } of bad) {
    using log = createLog({ clock, levels, line, to: { write, close: () => {} } });
    log.sink("info", "/wick/a", "one");
    assertEquals(log.counts(), { written: 0, lost: 1 });
  }
});

Deno.test("logOf() writes JSON where standard error is no terminal, and text where it is one", () => {
  const io = fakeIo();
  using log = logOf(CONFIG_DEFAULTS, io);
  log.sink("info", "/wick/a", "up");
  assertEquals(JSON.parse(io.text.err).message, "up");
  const terminal = fakeIo({ isTerminal: { stdout: false, stderr: true } });
  using text = logOf(CONFIG_DEFAULTS, terminal);
  text.sink("info", "/wick/a", "up");
  assertMatch(terminal.text.err, /^\d\d:\d\d:\d\d\.\d{3} info {2}a up\n$/);
});

Deno.test("logOf() writes to a file and hides the configuration's secrets", async () => {
  await inFolder((folder) => {
    const logFile = join(folder, "wick.log");
    const io = fakeIo();
    const secrets = { token: "token-0123456789abc", redisUrl: "redis://:hunter22@h" };
    using log = logOf({ ...CONFIG_DEFAULTS, ...secrets, logFile }, io);
    log.sink("warn", "/wick/a", "got token-0123456789abc and hunter22", {});
    const [line = ""] = linesOf(readText(logFile));
    assertEquals(JSON.parse(line).message, "got [hidden] and [hidden]");
    assertEquals(io.text.err, "");
    return Promise.resolve();
  });
});
