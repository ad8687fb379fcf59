import { admin, type AdminArgs } from "../../actors/admin.ts";
import { Admin } from "../../actors/protocols.ts";
import { child, createSystem } from "../../src/actor/mod.ts";
import { MemoryService } from "../http/service.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";

function systemOf(args: AdminArgs) {
  return createSystem({
    name: "wick",
    log: null,
    children: [child(admin, { name: "admin", args })],
  });
}

Deno.test("admin listens once its system is up, and stops with it", async () => {
  await using service = new MemoryService();
  const system = systemOf({ port: () => service, options: { port: 0 } });
  await system.started;
  const { url, streams } = await system.ref(Admin, "admin").ask("status", {});
  assertEquals(streams, 0);
  const answer = await fetch(`${url}/healthz`);
  assertEquals(await answer.json(), { status: "ok" });
  const stream = await fetch(`${url}/api/events`);
  await system.stop();
  assertEquals(await stream.text(), "retry: 2000\n\n");
  await assertRejects(() => fetch(`${url}/healthz`), TypeError);
});

Deno.test("admin listens on the same port again after a restart", async () => {
  await using service = new MemoryService();
  const first = systemOf({ port: () => service, options: { port: 0 } });
  await first.started;
  const { url } = await first.ref(Admin, "admin").ask("status", {});
  await first.stop();
  const port = Number(new URL(url).port);
  await using system = systemOf({ port: () => service, options: { port } });
  await system.started;
  system.restart("/wick/admin");
  const again = await system.ref(Admin, "admin").ask("status", {});
  assertEquals(again.url, url);
  const answer = await fetch(`${url}/healthz`);
  assertEquals(answer.status, 200);
  await answer.body?.cancel();
});

Deno.test("admin fails its start with the reason when it cannot listen", async () => {
  await using service = new MemoryService();
  await using first = systemOf({ port: () => service, options: { port: 0 } });
  await first.started;
  const { url } = await first.ref(Admin, "admin").ask("status", {});
  const port = Number(new URL(url).port);
  const taken = systemOf({ port: () => service, options: { port } });
  await assertRejects(() => taken.started, Error, `Cannot listen on 127.0.0.1:${port}`);
  const open = systemOf({ port: () => service, options: { port: 0, hostname: "0.0.0.0" } });
  const error = await open.started.then(() => null, (error) => error);
  assert(error instanceof Error && error.message.includes("WICK_TOKEN"));
});
