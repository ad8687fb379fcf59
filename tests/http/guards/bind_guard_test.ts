import { guardBind, isLoopback } from "../../../src/http/guards/bind_guard.ts";
import { ACT, READ } from "../support.ts";
import { assertEquals, assertThrows } from "@std/assert";

Deno.test("isLoopback() knows what only this machine can reach", () => {
  const own = ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "[::1]"];
  for (const name of own) assertEquals(isLoopback(name), true, name);
  const others = [
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "127.0.0.1.evil.example",
    "localhost.evil",
    "",
    "1127.0.0.1",
  ];
  for (const name of others) assertEquals(isLoopback(name), false, name);
});

Deno.test("guardBind() refuses to be reached by others without a token", () => {
  for (const name of ["0.0.0.0", "::", "192.168.1.1", "wick.example"]) {
    assertThrows(() => guardBind(name, { read: null, act: null }), RangeError, "WICK_TOKEN");
    guardBind(name, { read: READ, act: null });
    guardBind(name, { read: null, act: ACT });
  }
  guardBind("127.0.0.1", { read: null, act: null });
});
