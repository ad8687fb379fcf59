import { guardPath, pathOf } from "../../../src/http/guards/path_guard.ts";
import { HttpProblem } from "../../../src/http/problem.ts";
import { assertEquals, assertThrows } from "@std/assert";

const refused = (target: string, code = "path") => {
  const error = assertThrows(() => guardPath({ target }), HttpProblem);
  assertEquals(error.code, code, target);
};

Deno.test("guardPath() lets plain paths through, with and without queries", () => {
  const plain = [
    "/",
    "/api/actors/wick/core/store",
    "/api/actors/wick/core/store/messages",
    "/api/instruments/%5EGSPC",
    "/api/instruments/BRK.B",
    "/api/labels?series=EUR_USD:H1&from=..%2F..",
    "http://localhost:8003/api/series",
    "http://localhost",
  ];
  for (const target of plain) guardPath({ target });
});

Deno.test("guardPath() refuses dot segments, plain and encoded", () => {
  const dots = [
    "/../etc/passwd",
    "/api/../healthz",
    "/api/./series",
    "/api/..",
    "/.",
    "/%2e%2e/x",
    "/%2E./x",
    "/api/%252e%252e/x",
    "http://localhost/../x",
    "http://localhost/a/..?q",
  ];
  for (const target of dots) refused(target);
});

Deno.test("guardPath() refuses what a router and a guard may part differently", () => {
  const parts = [
    "//evil.example/x",
    "/api//series",
    "/api/actors/wick%2fcore",
    "/api/actors/wick%5Ccore",
    "/api\\..\\x",
    "/a%00b",
    "/a%0d%0ab",
    "/a%7f",
    "/a%zz",
    "/a%2",
    "/a b",
    "/a\u00e9",
    "/a\tb",
    "/a<script>",
    "*",
    "",
    "api",
    "ftp://localhost/x",
    "/x;\u0000",
  ];
  for (const target of parts) refused(target);
});

Deno.test("guardPath() refuses targets beyond its bound", () => {
  refused(`/${"a".repeat(9_000)}`, "target_too_long");
});

Deno.test("pathOf() takes the path of a target in either form", () => {
  assertEquals(pathOf("/a/b?c=/d"), "/a/b");
  assertEquals(pathOf("http://host:1/a?b"), "/a");
  assertEquals(pathOf("HTTPS://host"), "/");
  assertEquals(pathOf("/a#b"), "/a");
});

Deno.test("guardPath() lets keys, edges and clusters hold any character, encoded, in one segment", () => {
  const keys = [
    "price:AAPL",
    "a/b",
    "100%",
    "a%2Fb",
    "../..",
    "a\\b",
    "\u0000",
    "a?b#c",
    "é",
    "...",
  ];
  for (const key of keys) {
    const part = encodeURIComponent(key);
    const targets = [
      `/api/cache/keys/${part}`,
      `/api/edges/${part}`,
      `/api/clusters/${part}/correlations`,
    ];
    for (const target of targets) {
      guardPath({ target });
      guardPath({ target: `http://localhost${target}?x=1` });
    }
  }
});

Deno.test("guardPath() refuses keys that a URL parser would move, or that are no text", () => {
  const segments = ["", ".", "..", "%2e", "%2E%2e", ".%2e", "%", "%2", "%zz", "%ff", "%c3", "a b"];
  for (const segment of [...segments, "%ed%a0%80", "a%2Fb/..", "a\\b", "é"]) {
    refused(`/api/cache/keys/${segment}`);
    refused(`/api/edges/${segment}`);
    refused(`/api/clusters/${segment}/correlations`);
  }
});

Deno.test("guardPath() lets no other route have encoded slashes", () => {
  const targets = ["/api/cache/key/a%2Fb", "/api/cache/keys%2Fa", "/x/api/cache/keys/a%2Fb"];
  for (const target of [...targets, "/api/cache/keys/a%2Fb/c", "/API/cache/keys/a%2Fb"]) {
    refused(target);
  }
  const near = [
    "/api/edges/a%2Fb/c",
    "/api/clusters/a%2Fb",
    "/api/runs/a%2Fb",
    "/x/api/edges/a%2Fb",
  ];
  for (const target of [...near, "/api/clusters/a%2Fb/correlations/c"]) refused(target);
});
