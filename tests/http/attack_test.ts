import { gzipSync } from "node:zlib";
import type { AdminOptions } from "../../src/http/options.ts";
import { ACT, candleLines, raw, READ, type Served, served } from "./support.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";

/** A test over a served app; afterwards it must answer as if nothing had happened. */
function attack(name: string, run: (to: Served) => Promise<void>, options: AdminOptions = {}) {
  Deno.test(`served app: ${name}`, async () => {
    await using to = await served(options);
    await run(to);
    const answer = await fetch(`${to.url}/healthz`);
    assertEquals([answer.status, await answer.text()], [200, '{"status":"ok"}']);
  });
}

const FAST: AdminOptions = {
  limits: { headersTimeoutMs: 300, connectionCheckMs: 50, keepAliveMs: 300, pushIdleMs: 300 },
};

const get = (path: string, host = "localhost", more = "") =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;

attack("slow headers are cut off", async ({ port }) => {
  const slow = await raw(
    port,
    Array.from("GET / HTTP/1.1\r\nHost: localhost\r\nX: yyyyyyyyyyyyyyyy"),
    {
      pauseMs: 50,
    },
  );
  assertEquals([slow.status, slow.closed], [400, true]);
  assert(slow.tookMs < 2_000, `${slow.tookMs} ms`);
}, FAST);

attack("a connection that says nothing is cut off", async ({ port }) => {
  const { closed, tookMs } = await raw(port, [], { until: /never/ });
  assert(closed && tookMs < 2_000, `${tookMs} ms`);
}, FAST);

attack("a connection that is kept and not used is closed", async ({ port }) => {
  const { text, closed, tookMs } = await raw(port, [get("/healthz")], { until: /never/ });
  assertMatch(text, /^HTTP\/1.1 200/);
  assert(closed && tookMs < 2_000, `${tookMs} ms`);
}, FAST);

attack("a slow push is cut off after a chunk's time, and says so", async ({ port }) => {
  const head = "POST /api/candles HTTP/1.1\r\nHost: localhost\r\n" +
    "Content-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n{";
  const { status, text, tookMs } = await raw(port, [head]);
  assertEquals(status, 408);
  assertMatch(text, /"code":"too_slow"/);
  assert(tookMs >= 290 && tookMs < 2_000, `${tookMs} ms`);
}, FAST);

attack("a push that comes slowly but steadily is taken", async ({ port }) => {
  const body = `${candleLines(1)[0]}\n`;
  const head = "POST /api/candles HTTP/1.1\r\nHost: localhost\r\n" +
    `Content-Type: application/x-ndjson\r\nContent-Length: ${body.length}\r\n\r\n`;
  const parts = body.match(/.{1,20}\n?/gs) ?? [];
  const { status, text } = await raw(port, [head, ...parts], { pauseMs: 100 });
  assertEquals(status, 200, text);
}, FAST);

attack("a push that is cut short leaves nothing half done", async ({ port, service }) => {
  const head = "POST /api/candles HTTP/1.1\r\nHost: localhost\r\n" +
    "Content-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n";
  await raw(port, [head, `${candleLines(5).join("\n")}\n`], { waitMs: 200, until: /never/ });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(service.batches, []);
});

attack(
  "more connections than the cap are dropped, and the others served",
  async ({ port, server }) => {
    const held = Array.from(
      { length: 30 },
      () => raw(port, ["GET / HTTP/1.1\r\n"], { waitMs: 400 }),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert(await server.connections() <= 8);
    const ends = await Promise.all(held);
    assert(ends.filter(({ closed }) => closed).length >= 22);
    await new Promise((resolve) => setTimeout(resolve, 50));
  },
  { limits: { connectionsMax: 8 } },
);

attack("absolute-form targets count by their own host too", async ({ port }) => {
  const targets: [string, string, number][] = [
    ["http://localhost/healthz", "localhost", 200],
    ["http://evil.example/healthz", "localhost", 400],
    ["http://localhost/healthz", "evil.example", 400],
    ["http://evil.example/healthz", "evil.example", 421],
    ["http://localhost@evil.example/healthz", "localhost", 400],
    ["//evil.example/healthz", "localhost", 400],
  ];
  for (const [target, host, status] of targets) {
    assertEquals((await raw(port, [get(target, host)])).status, status, `${target} ${host}`);
  }
});

attack(
  "paths that mean something else to a guard than to a router are refused",
  async ({ port }) => {
    const targets = [
      "/../healthz",
      "/api/../healthz",
      "/./healthz",
      "/%2e%2e/healthz",
      "/api/actors/wick%2fcounter",
      "/api//series",
      "/healthz/",
      "/healthz%00",
      "/health\\z",
      "/healthz\x0b",
      "*",
      "healthz",
    ];
    for (const target of targets) {
      const { status, text } = await raw(port, [get(target)]);
      assertEquals(status, 400, `${target}: ${text}`);
    }
  },
);

attack("what is no HTTP is answered with 400 and the end", async ({ port }) => {
  const texts = [
    "ASDF\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "GET / HTTP/9.9\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "y".repeat(70_000) + "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -3\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "GET / HTTP/1.1\r\n\r\n",
  ];
  for (const text of texts) {
    const answer = await raw(port, [text]);
    assert([400, 404, 431].includes(answer.status), `${text.slice(0, 60)}: ${answer.text}`);
  }
});

attack("two Host headers are refused", async ({ port }) => {
  const twice = await raw(port, [get("/healthz", "localhost", "Host: evil.example\r\n")]);
  assertEquals(twice.status, 400);
});

attack("CONNECT, TRACE and upgrades get nowhere", async ({ port }) => {
  const connect = await raw(port, ["CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"]);
  assert([0, 400].includes(connect.status), connect.text);
  const trace = await raw(port, [
    "TRACE /healthz HTTP/1.1\r\nHost: localhost\r\nX: secret\r\n\r\n",
  ]);
  assertEquals(trace.status, 405);
  assert(!trace.text.includes("secret"));
  const upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
  assertEquals((await raw(port, [get("/healthz", "localhost", upgrade)])).status, 200);
});

/** What a request should come to, said once more by plain rules. */
function expectedStatus(host: string, origin: string, method: string, token: string): number {
  if (host !== "localhost" && host !== "desk.example") return 421;
  const acts = method === "POST";
  if (acts && !["", `http://${host}`, "https://ally.example"].includes(origin)) return 403;
  if (token !== READ && token !== ACT) return 401;
  if (acts && token === READ) return 403;
  return 200;
}

attack("hosts × origins × methods × tokens come to what the rules say", async ({ port }) => {
  const hosts = ["localhost", "desk.example", "evil.example", "localhost.evil.example"];
  const origins = [
    "",
    "http://localhost",
    "http://desk.example",
    "https://ally.example",
    "null",
    "http://evil.example",
  ];
  const tokens = ["", READ, ACT, "wrong-token-0123456789"];
  let tried = 0;
  for (const host of hosts) {
    for (const origin of origins) {
      for (const method of ["GET", "POST"]) {
        for (const token of tokens) {
          const body = method === "POST" ? '{"type":"total"}' : "";
          const lines = [
            `${method} ${
              method === "GET" ? "/api/series" : "/api/actors/counter/messages"
            } HTTP/1.1`,
            `Host: ${host}`,
            ...(origin === "" ? [] : [`Origin: ${origin}`]),
            ...(token === "" ? [] : [`Authorization: Bearer ${token}`]),
            ...(body === ""
              ? []
              : ["Content-Type: application/json", `Content-Length: ${body.length}`]),
          ];
          const { status, text } = await raw(port, [`${lines.join("\r\n")}\r\n\r\n${body}`]);
          const expected = expectedStatus(host, origin, method, token);
          assertEquals(status, expected, `${host} ${origin} ${method} ${token}: ${text}`);
          for (const secret of [READ, ACT]) assert(!text.includes(secret), "a secret came back");
          tried++;
        }
      }
    }
  }
  assertEquals(tried, 192);
}, {
  tokens: { read: READ, act: ACT },
  hosts: ["desk.example"],
  origins: ["https://ally.example"],
});

attack("oversize, deep and malformed JSON is refused without reading on", async ({ port, url }) => {
  const post = (body: string) =>
    fetch(`${url}/api/actors/counter/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
  for (
    const [body, status] of [
      ["[".repeat(500_000), 400],
      ['{"type":"total","payload":'.repeat(40), 400],
      [`{"type":"${"x".repeat(1_000)}"}`, 422],
      ['{"__proto__":{"type":"total"}}', 422],
      ['{"type":"total","payload":{"constructor":{"prototype":{"x":1}}}}', 422],
      ['{"type":"total","type":"add"}', 422],
      ["NaN", 400],
    ] as const
  ) {
    const answer = await post(body);
    assertEquals(answer.status, status, body.slice(0, 60));
    await answer.body?.cancel();
  }
  assertEquals(({} as Record<string, unknown>).x, undefined);
  const said = "POST /api/actors/counter/messages HTTP/1.1\r\nHost: localhost\r\n" +
    "Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n";
  const { status, closed } = await raw(port, [said], { until: /never/, waitMs: 3_000 });
  assertEquals([status, closed], [413, true]);
});

attack("a gzip bomb stops at its bound", async ({ url }) => {
  const bomb = Uint8Array.from(gzipSync("\n".repeat(50_000_000)));
  const answer = await fetch(`${url}/api/candles`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", "content-encoding": "gzip" },
    body: bomb,
  });
  assertEquals(answer.status, 413);
  await answer.body?.cancel();
}, { limits: { pushUnpackedBytesMax: 1_000_000 } });
