/** The live stream, figures and log lines of a whole tree, over a socket. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { startWick } from "../../actors/tree.ts";
import { figuresReply, logReply } from "../../src/http/live_schemas.ts";
import { LIVE_TOPIC_NAMES } from "../../src/http/live_topics.ts";
import { candleLines } from "./support.ts";

const READ = "read-token-0123456789", ACT = "act-token-0123456789";
const HEADERS = { authorization: `Bearer ${READ}` };

/** Data of events by name, as they come. */
async function* eventsOf(body: ReadableStream<Uint8Array>, signal: AbortSignal) {
  let rest = "";
  try {
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const [, event = "", data = ""] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
        yield { event, data: JSON.parse(data) };
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

Deno.test("live stream of a whole tree: every topic, figures each second, lines without secrets", async () => {
  const told: string[] = [];
  const wick = await startWick({
    workers: 1,
    store: { kind: "memory" },
    cache: { provider: null },
    refresh: {},
    // Far apart: only because somebody watches there is more than one point.
    monitor: { intervalMs: 60_000 },
    admin: {
      about: { name: "wick", version: "1" },
      options: { port: 0, tokens: { read: READ, act: ACT } },
      log: { secrets: ["a-known-secret"] },
    },
    system: { log: (_level, _path, message) => told.push(message) },
  });
  const stop = new AbortController();
  try {
    const { url } = await wick.admin.ask("status", {});
    const ask = async (path: string) =>
      await (await fetch(url + path, { headers: HEADERS })).json();
    const names = LIVE_TOPIC_NAMES.filter((name) => name !== "warming");
    const answer = await fetch(`${url}/api/live?topics=${names.join()}`, {
      headers: HEADERS,
      signal: stop.signal,
    });
    assertEquals(answer.status, 200);
    const pushed = await fetch(`${url}/api/candles`, {
      method: "POST",
      headers: { authorization: `Bearer ${ACT}`, "content-type": "application/x-ndjson" },
      body: candleLines(60).join("\n"),
    });
    assertEquals(pushed.status, 200, await pushed.text());
    wick.system.log?.("warn", "/wick/test", `of a-known-secret and ${ACT}`, { token: "hide" });

    const seen = new Map<string, number>();
    const points = new Set<number>();
    const messages: string[] = [];
    let stages: (number | null)[] = [];
    for await (
      const { event, data } of eventsOf(answer.body ?? new ReadableStream(), stop.signal)
    ) {
      assert(event !== "problem", JSON.stringify(data));
      seen.set(event, (seen.get(event) ?? 0) + 1);
      if (event === "figures") {
        const figures = figuresReply.parse(data.data);
        points.add(figures.at[0] ?? 0);
        const last = [figures.queueP99Ms, figures.computeP99Ms, figures.storeP99Ms].map((column) =>
          column[0] ?? null
        );
        if (last.every((value) => value !== null)) stages = last;
      }
      if (event === "log") {
        messages.push(...logReply.parse(data.data).lines.map((line) => JSON.stringify(line)));
      }
      const isOver = names.every((name) => seen.has(name)) && points.size >= 3 &&
        stages.length > 0 && messages.length >= 2;
      if (isOver) break;
    }
    assertGreater(seen.get("beat") ?? 0, 1);
    const log = messages.join("\n");
    assert(log.includes("listening") && log.includes("/wick/test"), log);
    for (const secret of ["a-known-secret", ACT, "hide"]) assert(!log.includes(secret), log);
    // The log itself is as it was.
    assert(told.some((message) => message.includes("a-known-secret")));

    assertEquals(await ask("/api/access"), { read: true, act: false });
    const history = figuresReply.parse(await ask("/api/figures"));
    assertGreater(history.at.length, 2);
    assertEquals(logReply.parse(await ask("/api/log?path=test")).lines.length, 1);
  } finally {
    stop.abort();
    await wick.system.stop();
  }
});
