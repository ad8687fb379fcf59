import { guardHost, hostName } from "../../../src/http/guards/host_guard.ts";
import { HttpProblem } from "../../../src/http/problem.ts";
import { assertEquals, assertThrows } from "@std/assert";

const ALLOWED = new Set(["localhost", "127.0.0.1", "[::1]", "wick.example"]);
const refused = (hosts: string[], target = "/") =>
  assertThrows(() => guardHost({ hosts, target }, ALLOWED), HttpProblem).code;

Deno.test("guardHost() takes allowed hosts on any port, in any case", () => {
  for (const host of ["localhost", "LOCALHOST:8003", "127.0.0.1:1", "[::1]:9", "wick.example"]) {
    guardHost({ hosts: [host], target: "/" }, ALLOWED);
  }
});

Deno.test("guardHost() refuses a rebound name", () => {
  const names = ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "evil.example:8003"];
  for (const name of names) assertEquals(refused([name]), "wrong_host");
});

Deno.test("guardHost() refuses none, two, and malformed hosts", () => {
  assertEquals(refused([]), "host");
  assertEquals(refused(["localhost", "localhost"]), "host");
  const malformed = [
    "",
    "user@localhost",
    "localhost/x",
    "local host",
    "[::1",
    "localhost:99999999",
  ];
  for (const host of malformed) assertEquals(refused([host]), "host", host);
});

Deno.test("guardHost() refuses an absolute URL that names another host than the header", () => {
  assertEquals(refused(["localhost"], "http://evil.example/"), "host");
  assertEquals(refused(["localhost"], "http://user@localhost/"), "host");
  assertEquals(refused(["evil.example"], "http://localhost/"), "host");
  assertEquals(refused(["evil.example"], "http://evil.example/"), "wrong_host");
  guardHost({ hosts: ["localhost:8003"], target: "http://LOCALHOST:8003/x" }, ALLOWED);
});

Deno.test("hostName() takes the port off", () => {
  assertEquals(hostName("A.example:80"), "a.example");
  assertEquals(hostName("[::1]:80"), "[::1]");
  assertEquals(hostName("::1"), null);
});
