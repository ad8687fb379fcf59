import { systemClock } from "../../src/actor/clock.ts";
import { eodhdMapping } from "../../src/provider/eodhd.ts";
import { ProviderError } from "../../src/provider/error.ts";
import { httpProvider, type HttpProviderOptions } from "../../src/provider/http.ts";
import type { Misbehaviour } from "../../src/provider/misbehaviour.ts";
import { SimulatedServer } from "../../src/provider/simulated_server.ts";
import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { requestOf } from "./support.ts";

const KEY = "s3cr3t+key/with=signs";
const FAST = { medianMs: 1, p99Ms: 1, refusalMs: 0, transientRatio: 0 } as const;

async function rigged(options: Partial<HttpProviderOptions> = {}) {
  const server = await SimulatedServer.listen(systemClock, { ...FAST, key: KEY });
  const provider = httpProvider(systemClock, {
    name: "eodhd",
    mapping: eodhdMapping(),
    baseUrl: server.baseUrl,
    hosts: [server.host],
    key: KEY,
    timeoutMs: 2_000,
    bodyBytesMax: 1024 * 1024,
    ...options,
  });
  return {
    server,
    provider,
    ask: (timeoutMs = 2_000) => provider.fetch(requestOf("prices", ["AAA"], { timeoutMs })),
    async [Symbol.asyncDispose]() {
      await provider.close();
      await server.close();
    },
  };
}

const HOSTILE: [name: string, way: Misbehaviour, expected: string][] = [
  ["headers that do not come", { kind: "slow_headers", ms: 60_000 }, "transient timeout"],
  ["a body that does not end", { kind: "slow_body", ms: 60_000 }, "transient timeout"],
  ["a body that is cut", { kind: "truncated" }, "transient network"],
  ["a connection that breaks", { kind: "reset" }, "transient network"],
  ["a body that is no JSON", { kind: "body", text: "<html>" }, "transient json"],
  ["an empty body", { kind: "body", text: "" }, "transient json"],
  ["JSON of another shape", { kind: "body", text: '{"a":[1]}' }, "permanent shape"],
  ["JSON nested deeply", { kind: "body", text: "[".repeat(500_000) }, "transient json"],
  ["a prototype for a row", { kind: "body", text: '[{"__proto__":1}]' }, "permanent shape"],
  [
    "a huge body that says so",
    { kind: "huge", bytes: 1e9, isTold: true },
    "permanent too_large",
  ],
  ["a huge body", { kind: "huge", bytes: 1e9, isTold: false }, "permanent too_large"],
  ["a small body that unpacks to much", { kind: "bomb", bytes: 3e7 }, "permanent too_large"],
  ["another type", { kind: "type", type: "text/html" }, "transient content_type"],
  ["a type that only begins like JSON", {
    kind: "type",
    type: "application/jsonx",
  }, "transient content_type"],
  [
    "a redirect without a place",
    { kind: "redirect", status: 302, location: "" },
    "permanent redirect",
  ],
  ["a redirect to another scheme", {
    kind: "redirect",
    status: 302,
    location: "file:///etc/passwd",
  }, "permanent redirect"],
  ["status 204", { kind: "status", status: 204 }, "permanent shape"],
  ["status 400", { kind: "status", status: 400 }, "permanent refused"],
  ["status 401", { kind: "status", status: 401 }, "permanent auth"],
  ["status 403", { kind: "status", status: 403 }, "permanent auth"],
  ["status 402", { kind: "status", status: 402 }, "limited quota"],
  ["status 408", { kind: "status", status: 408 }, "transient unavailable"],
  ["status 429", { kind: "status", status: 429 }, "limited rate"],
  ["status 500", { kind: "status", status: 500 }, "transient unavailable"],
  ["status 503", { kind: "status", status: 503 }, "transient unavailable"],
];

for (const [name, way, expected] of HOSTILE) {
  Deno.test(`http: ${name} fails as ${expected}, and tells nothing of it`, async () => {
    await using rig = await rigged();
    rig.server.misbehaviour = way;
    const startMs = performance.now();
    const answer = await rig.ask(expected.endsWith("timeout") ? 500 : 2_000);
    assert(answer.state === "failed", JSON.stringify(answer));
    assertEquals(`${answer.failure.class} ${answer.failure.code}`, expected);
    assertLessOrEqual(performance.now() - startMs, 1_900);
    const text = JSON.stringify([answer, rig.provider.detail()]);
    assertEquals(rig.server.targets.some((target) => target.includes("api_token")), true);
    for (const word of ["s3cr3t", "api_token", "passwd", "html", "not for"]) {
      assertEquals(text.includes(word), false, word);
    }
    rig.server.misbehaviour = null;
    assertEquals((await rig.ask()).state, "answered");
  });
}

Deno.test("http: a redirect to another host is not followed: it would get the key", async () => {
  await using rig = await rigged();
  await using other = await SimulatedServer.listen(systemClock, FAST);
  for (const status of [301, 302, 303, 307, 308]) {
    rig.server.misbehaviour = { kind: "redirect", status, location: `${other.baseUrl}/eod/AAA.US` };
    const answer = await rig.ask();
    assert(answer.state === "failed");
    assertEquals(answer.failure.code, "redirect");
  }
  assertEquals([other.targets, rig.server.targets.length], [[], 5]);
});

Deno.test("http: a redirect on the same host is followed, some times", async () => {
  await using rig = await rigged();
  rig.server.misbehaviour = { kind: "redirect", status: 302, location: "/api/elsewhere" };
  const answer = await rig.ask();
  assert(answer.state === "failed");
  assertEquals([answer.failure.code, rig.server.targets.length], ["redirect", 4]);
  // The first of two calls sends to the second, which answers.
  const calls: string[] = [];
  await using provider = httpProvider(systemClock, {
    name: "eodhd",
    mapping: eodhdMapping(),
    key: KEY,
    fetch: (url) => {
      calls.push(url.pathname);
      return Promise.resolve(
        calls.length === 1
          ? new Response(null, { status: 307, headers: { location: "/api/moved" } })
          : Response.json([]),
      );
    },
  });
  const followed = await provider.fetch(requestOf("dividends", ["AAA"]));
  assertEquals([followed.state, calls], ["answered", ["/api/div/AAA.US", "/api/moved"]]);
});

Deno.test("http: Retry-After is read as seconds and as a date, and handed on raw", async () => {
  await using rig = await rigged();
  const date = new Date(Date.now() + 90_000).toUTCString();
  for (const [header, fromMs, toMs] of [["7", 7_000, 7_000], [date, 85_000, 90_000]] as const) {
    const headers = { "retry-after": header, "x-ratelimit-limit": "1000", "x-other": "no" };
    rig.server.misbehaviour = { kind: "status", status: 429, headers };
    const answer = await rig.ask();
    assert(answer.state === "failed");
    const retryAfterMs = answer.failure.retryAfterMs ?? 0;
    assert(retryAfterMs >= fromMs && retryAfterMs <= toMs, String(retryAfterMs));
    assertEquals(answer.facts.limitHeaders, { "retry-after": header, "x-ratelimit-limit": "1000" });
  }
});

Deno.test("http: a header that repeats the key is masked", async () => {
  await using rig = await rigged();
  const headers = { "x-ratelimit-key": KEY, "x-ratelimit-limit": "x".repeat(1_000) };
  rig.server.misbehaviour = { kind: "status", status: 429, headers };
  const { facts } = await rig.ask();
  assertEquals(facts.limitHeaders["x-ratelimit-key"], "[hidden]");
  assertEquals(facts.limitHeaders["x-ratelimit-limit"]?.length, 128);
});

Deno.test("http: a host that is not there is a transient failure without its URL", async () => {
  const server = await SimulatedServer.listen(systemClock, FAST);
  const { host, baseUrl } = server;
  await server.close();
  await using rig = await rigged({ baseUrl, hosts: [host] });
  const answer = await rig.ask();
  assert(answer.state === "failed");
  assertEquals(answer.failure.code, "network");
  assertEquals(answer.failure.message.includes("s3cr3t"), false);
});

Deno.test("http: transient failures in a row open the circuit, one success closes it", async () => {
  await using rig = await rigged({ circuitFailures: 3, circuitPauseMs: 150 });
  rig.server.misbehaviour = { kind: "status", status: 500 };
  const codes = async (calls: number) => {
    const codes = [];
    for (let i = 0; i < calls; i++) {
      const answer = await rig.ask();
      codes.push(answer.state === "failed" ? answer.failure.code : "ok");
    }
    return codes.join(" ");
  };
  assertEquals(await codes(5), "unavailable unavailable unavailable open open");
  assertEquals([rig.server.targets.length, rig.provider.detail()["circuit"]], [3, "open"]);
  const open = await rig.ask();
  assert(open.state === "failed");
  assert((open.failure.retryAfterMs ?? -1) >= 0 && (open.failure.retryAfterMs ?? 999) <= 150);
  await delay(200);
  // One call tries; it fails, so the circuit is open at once again.
  assertEquals(await codes(2), "unavailable open");
  rig.server.misbehaviour = null;
  await delay(200);
  assertEquals(await codes(3), "ok ok ok");
  assertEquals(rig.provider.detail()["circuit"], "closed");
});

Deno.test("http: while one call tries a half-open circuit, others do not wait for it", async () => {
  await using rig = await rigged({ circuitFailures: 1, circuitPauseMs: 100 });
  rig.server.misbehaviour = { kind: "status", status: 500 };
  await rig.ask();
  await delay(150);
  rig.server.misbehaviour = { kind: "slow_headers", ms: 200 };
  const trying = rig.ask();
  const other = await rig.ask();
  assert(other.state === "failed");
  assertEquals(other.failure.code, "open");
  assertEquals((await trying).state, "answered");
});

Deno.test("http: limits and permanent failures leave the circuit closed, aborts too", async () => {
  await using rig = await rigged({ circuitFailures: 2 });
  for (const status of [429, 401, 400]) {
    rig.server.misbehaviour = { kind: "status", status };
    for (let i = 0; i < 3; i++) await rig.ask();
  }
  rig.server.misbehaviour = { kind: "slow_headers", ms: 5_000 };
  for (let i = 0; i < 3; i++) {
    const signal = AbortSignal.timeout(20);
    await rig.provider.fetch(requestOf("prices", ["AAA"], { signal })).catch(() => {});
  }
  assertEquals(rig.provider.detail()["circuit"], "closed");
});

Deno.test("http: a key can travel in a header, and then stands in no URL", async () => {
  const mapping = {
    ...eodhdMapping(),
    auth: { in: "header", name: "authorization", prefix: "Bearer " },
  } as const;
  const seen: string[] = [];
  await using provider = httpProvider(systemClock, {
    name: "eodhd",
    mapping,
    key: KEY,
    fetch: (url, init) => {
      seen.push(url.href, new Headers(init.headers).get("authorization") ?? "");
      return Promise.resolve(Response.json([]));
    },
  });
  await provider.fetch(requestOf("dividends", ["AAA"]));
  assertEquals(seen[1], `Bearer ${KEY}`);
  assertEquals(seen[0]?.includes("s3cr3t"), false);
});

Deno.test("http: symbols are escaped in the URL", async () => {
  await using rig = await rigged();
  await rig.provider.fetch(requestOf("prices", ["A+B=C"]));
  const [target = ""] = rig.server.targets;
  assertEquals(target.split("?")[0], "/api/eod/A%2BB%3DC.US");
});

Deno.test("http: a base URL off the list, or a mapping with a strange variable, is refused", () => {
  const make = (more: Partial<HttpProviderOptions>) => () =>
    httpProvider(systemClock, { name: "x", mapping: eodhdMapping(), key: null, ...more });
  assertThrows(make({ baseUrl: "https://evil.example" }), ProviderError, "expected a host of");
  const mapping = eodhdMapping();
  const [first, ...rest] = mapping.endpoints;
  assert(first?.kind === "prices");
  const strange = { ...mapping, endpoints: [{ ...first, path: "/eod/{token}" }, ...rest] };
  assertThrows(make({ mapping: strange }), ProviderError, "/eod/{token}");
});
