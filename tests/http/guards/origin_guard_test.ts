import { guardOrigin } from "../../../src/http/guards/origin_guard.ts";
import { HttpProblem } from "../../../src/http/problem.ts";
import { assertEquals, assertThrows } from "@std/assert";

const ALLOWED = new Set(["https://desk.example"]);
const facts = (method: string, headers: Record<string, string>) => ({
  method,
  target: "/",
  hosts: ["localhost:8003"],
  header: (name: string) => headers[name] ?? null,
});
const passes = (method: string, headers: Record<string, string>) =>
  guardOrigin(facts(method, headers), ALLOWED);
const refused = (method: string, headers: Record<string, string>) =>
  assertEquals(assertThrows(() => passes(method, headers), HttpProblem).code, "origin");

Deno.test("guardOrigin() lets clients that are no browsers act", () => {
  for (const method of ["POST", "PUT", "DELETE"]) passes(method, {});
});

Deno.test("guardOrigin() lets its own pages and listed sites act", () => {
  passes("POST", { origin: "http://localhost:8003", "sec-fetch-site": "same-origin" });
  passes("POST", { origin: "http://LOCALHOST:8003" });
  passes("POST", { "sec-fetch-site": "none" });
  passes("PUT", { origin: "https://desk.example", "sec-fetch-site": "cross-site" });
});

Deno.test("guardOrigin() refuses other sites, whatever the method and content type", () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post"]) {
    refused(method, { origin: "https://evil.example" });
  }
});

Deno.test("guardOrigin() refuses the same name on another port, null, and no URL at all", () => {
  const origins = ["http://localhost", "http://localhost:8004", "null", "", "localhost:8003"];
  for (const origin of origins) refused("POST", { origin });
  refused("POST", { origin: "http://user@localhost:8003" });
});

Deno.test("guardOrigin() refuses what the browser says is from another site", () => {
  refused("POST", { "sec-fetch-site": "cross-site" });
  refused("POST", { "sec-fetch-site": "same-site" });
  refused("POST", { origin: "http://localhost:8003", "sec-fetch-site": "cross-site" });
});

Deno.test("guardOrigin() leaves reading to the browser's own rules", () => {
  passes("GET", { origin: "https://evil.example", "sec-fetch-site": "cross-site" });
  passes("HEAD", { origin: "https://evil.example" });
});
