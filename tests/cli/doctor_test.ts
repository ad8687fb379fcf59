/** What `wick doctor` finds, and what it says to do about it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import type { Finding } from "../../src/cli/doctor_check.ts";
import { served } from "../http/support.ts";
import { envOf, inFolder, listed, type Ran, run, wick } from "./support.ts";

/** The findings by name, of a run with these options and variables. */
async function examined(
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<{ readonly ran: Ran; readonly of: (name: string) => Finding | undefined }> {
  const ran = await run(["doctor", "--json", ...words], {}, envOf(variables));
  const { checks }: { checks: Finding[] } = JSON.parse(ran.out);
  return { ran, of: (name) => checks.find((check) => check.name === name) };
}

/** A port that nobody has now. */
function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

Deno.test("doctor finds nothing wrong where nothing is, and leaves nothing behind", async () => {
  await inFolder(async (folder) => {
    const words = ["--data", folder, "--port", String(freePort())];
    const { ran, of } = await examined(words);
    assertEquals(ran.code, 0, ran.out);
    assertEquals(of("data")?.state, "ok");
    assertEquals(of("database")?.detail, "none yet: it will be made");
    assertEquals(of("port")?.state, "ok");
    assertEquals(of("service")?.state, "skipped");
    assertEquals(of("redis")?.state, "skipped");
    assertEquals(listed(folder), []);
  });
});

Deno.test("doctor prints a line a check and what to do about it", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const { code, out } = await run(["doctor", "--data", file, "--port", String(freePort())]);
    assertEquals(code, 1);
    assertMatch(out, /^fail +data +.* is no folder\n +→ name another one with --data$/m);
    assertMatch(out, /^- +redis +none is set$/m);
  });
});

Deno.test("doctor tells the service's port from another program's", async () => {
  await inFolder(async (folder) => {
    await using one = await served();
    const { of } = await examined(["--data", folder, "--port", String(one.port)]);
    assertEquals(of("service")?.state, "ok");
    assertMatch(of("port")?.detail ?? "", /is the service's$/);
    one.service.healthState = "degraded";
    const later = await examined(["--data", folder, "--port", String(one.port)]);
    assertEquals([later.of("service")?.state, later.ran.code], ["warn", 0]);
    using other = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const { port } = other.addr as Deno.NetAddr;
    const words = ["--data", folder, "--port", String(port), "--url", "http://127.0.0.1:1"];
    const taken = await examined(words);
    assertEquals([taken.of("port")?.state, taken.ran.code], ["fail", 1]);
    assertMatch(taken.of("port")?.remedy ?? "", /ss -ltnp/);
  });
});

Deno.test("doctor tells a database from a foreign file by its header", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "wick.db");
    const words = ["--data", folder, "--port", String(freePort())];
    await Deno.writeTextFile(file, "no database at all, but long enough to be one".repeat(9));
    const foreign = await examined(words);
    assertEquals([foreign.of("database")?.state, foreign.ran.code], ["fail", 1]);
    assertMatch(foreign.of("database")?.detail ?? "", /is no SQLite database/);
    await Deno.remove(file);
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version = 7; CREATE TABLE t (a)");
    database.close();
    assertMatch((await examined(words)).of("database")?.detail ?? "", /, version 7$/);
  });
});

Deno.test("doctor checks tokens: strength, who may read their file, and binding without one", async () => {
  await inFolder(async (folder) => {
    const base = ["--data", folder, "--port", String(freePort())];
    const weak = await examined(base, { WICK_TOKEN: "short-token" });
    assertEquals(weak.of("tokens")?.state, "fail");
    assert(!weak.ran.out.includes("short-token"));
    const file = join(folder, "token");
    await Deno.writeTextFile(file, "token-0123456789abc\n", { mode: 0o644 });
    const world = async () => {
      // The file is read for real: a fake one has no mode.
      const { out } = await wick(["doctor", "--json", ...base, "--config", join(folder, "c.json")]);
      return (JSON.parse(out).checks as Finding[]).find(({ name }) => name === "tokens");
    };
    await Deno.writeTextFile(join(folder, "c.json"), JSON.stringify({ tokenFile: file }));
    assertEquals((await world())?.remedy, `chmod 600 ${file}`);
    await Deno.chmod(file, 0o600);
    assertEquals((await world())?.state, "ok");
    const open = await examined([...base, "--host", "0.0.0.0"]);
    assertEquals(open.of("port")?.state, "fail");
    assertMatch(open.of("port")?.detail ?? "", /^Cannot listen on 0\.0\.0\.0/);
  });
});

Deno.test("doctor warns of variables that mean nothing", async () => {
  await inFolder(async (folder) => {
    const words = ["--data", folder, "--port", String(freePort())];
    const { of, ran } = await examined(words, { WICK_DRIAN_MS: "5" });
    assertEquals([of("configuration")?.state, ran.code], ["warn", 0]);
    assertMatch(of("configuration")?.detail ?? "", /did you mean WICK_DRAIN_MS\?/);
  });
});
