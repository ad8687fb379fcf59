import { assertEquals, assertMatch } from "@std/assert";
import { configSchema } from "../../src/cli/config_schema.ts";
import { nodeOf } from "../../src/cli/serve_nodes.ts";

const MAKINGS = { hostname: () => "box one", uuid: () => "0123456789abcdef" };
const of = (settings: Record<string, unknown>) => nodeOf(configSchema.parse(settings), MAKINGS);
const REDIS = { redisUrl: "redis://127.0.0.1:6379" };

Deno.test("nodeOf() makes no node without Redis, or when it is for the cache only", () => {
  assertEquals(of({}), null);
  assertEquals(of({ ...REDIS, redisNodes: false }), null);
});

Deno.test("nodeOf() is named after host and port unless told otherwise", () => {
  assertEquals(of(REDIS)?.node, "box-one:8003");
  assertEquals(of({ ...REDIS, nodeName: "a" })?.node, "a");
  assertMatch(of({ ...REDIS, port: 0 })?.node ?? "", /^box-one:01234567$/);
});

Deno.test("nodeOf() reads region, lease, pins and the way", () => {
  const node = of({
    ...{ redisUrl: "redis+cluster://a:1,b:2", redisPrefix: "w2", nodeRegion: "eu" },
    ...{ nodeLeaseMs: 5_000, nodePins: ["0-63=eu"], nodeUrl: "http://10.0.0.1:8003" },
  });
  assertEquals(node, {
    ...{ node: "box-one:8003", session: "0123456789abcdef", region: "eu", leaseMs: 5_000 },
    url: "http://10.0.0.1:8003",
    pins: [{ from: 0, to: 64, region: "eu" }],
    way: { kind: "redis", redis: "redis+cluster://a:1,b:2", prefix: "w2" },
  });
});

Deno.test("configSchema refuses what is no Redis, no lease, no pins", () => {
  for (
    const wrong of [
      { redisUrl: "http://x" },
      { nodeLeaseMs: 499 },
      { nodePins: ["0-300=eu"] },
      { nodePins: ["0-9=eu", "9=us"] },
      { nodeName: "a b" },
      { redisPrefix: "{x}" },
    ]
  ) assertEquals(configSchema.safeParse(wrong).success, false, JSON.stringify(wrong));
});
