import type { Access } from "../../../src/http/api.ts";
import { TokenGuard } from "../../../src/http/guards/token_guard.ts";
import { HttpProblem } from "../../../src/http/problem.ts";
import { ACT, READ } from "../support.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";

/** `ok`, or the status and code of the refusal. */
function outcome(guard: TokenGuard, access: Access, authorization?: string): string {
  try {
    guard.check(access, {
      header: (name) => name === "authorization" ? authorization ?? null : null,
    });
    return "ok";
  } catch (error) {
    assert(error instanceof HttpProblem);
    return `${error.status} ${error.code}`;
  }
}

const both = new TokenGuard({ read: READ, act: ACT });

Deno.test("TokenGuard.check() opens everything when there is no token", () => {
  const guard = new TokenGuard({ read: null, act: null });
  for (const access of ["open", "read", "act"] as const) assertEquals(outcome(guard, access), "ok");
});

Deno.test("TokenGuard.check() asks for the token that the access needs", () => {
  const expected: [Access, string | undefined, string][] = [
    ["open", undefined, "ok"],
    ["open", "Bearer wrong", "ok"],
    ["read", undefined, "401 token"],
    ["read", `Bearer ${READ}`, "ok"],
    ["read", `Bearer ${ACT}`, "ok"],
    ["act", undefined, "401 token"],
    ["act", `Bearer ${READ}`, "403 read_only"],
    ["act", `Bearer ${ACT}`, "ok"],
    ["act", `bearer  ${ACT}`, "ok"],
  ];
  for (const [access, header, result] of expected) {
    assertEquals(outcome(both, access, header), result, `${access} ${header}`);
  }
});

Deno.test("TokenGuard.check() refuses tokens that are nearly right", () => {
  const wrong = [
    `Bearer ${ACT}x`,
    `Bearer ${ACT.slice(1)}`,
    `Bearer ${ACT.toUpperCase()}`,
    `Basic ${ACT}`,
    ACT,
    "Bearer",
    "Bearer ",
    `Bearer ${ACT} ${ACT}`,
    `Bearer ${ACT}, Bearer ${READ}`,
  ];
  for (const header of wrong) assertEquals(outcome(both, "act", header), "401 token", header);
});

Deno.test("TokenGuard.check() lets nobody act when there is only a token for reading", () => {
  const guard = new TokenGuard({ read: READ, act: null });
  assertEquals(outcome(guard, "act", `Bearer ${READ}`), "403 read_only");
  assertEquals(outcome(guard, "act", `Bearer ${ACT}`), "401 token");
});

Deno.test("TokenGuard() refuses short tokens without showing them", () => {
  const error = assertThrows(() => new TokenGuard({ read: null, act: "hunter2" }), RangeError);
  assert(!error.message.includes("hunter2"));
  assertThrows(() => new TokenGuard({ read: "with blanks in it, long", act: null }), RangeError);
});
