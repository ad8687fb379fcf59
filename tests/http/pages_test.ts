import { createApp } from "../../src/http/app.ts";
import { MemoryService } from "./service.ts";
import { ACT } from "./support.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";

const PAGES = ["/", "/docs"];

Deno.test("pages load only files of this service, and those are there", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  for (const page of PAGES) {
    const answer = await app.request(page);
    assertMatch(answer.headers.get("content-type") ?? "", /^text\/html/);
    const text = await answer.text();
    const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? "");
    assert(links.length >= 3);
    for (const link of links) {
      assertMatch(link, /^\/(?!\/)/);
      const found = await app.request(link);
      assertEquals(found.status, 200, link);
      await found.body?.cancel();
    }
  }
});

Deno.test("pages have no inline script, style or handler, as their policy demands", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  for (const page of PAGES) {
    const answer = await app.request(page);
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert(!policy.includes("unsafe"), policy);
    const text = await answer.text();
    for (const [, body] of text.matchAll(/<script[^>]*>([^]*?)<\/script>/g)) assertEquals(body, "");
    assert(!/<style|\sstyle=|\son\w+=|javascript:/i.test(text));
  }
});

Deno.test("scripts of pages make texts, not markup, of what the service says", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  for (const script of ["api", "home", "docs"]) {
    const answer = await app.request(`/assets/${script}.js`);
    assertMatch(answer.headers.get("content-type") ?? "", /^text\/javascript/);
    const text = await answer.text();
    assert(!/innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function/.test(text));
    assert(!/https?:\/\//.test(text));
  }
});

Deno.test("pages are open, what they ask for is not", async () => {
  await using service = new MemoryService();
  const app = createApp(service, { tokens: { act: ACT } });
  for (const path of [...PAGES, "/assets/home.js"]) {
    const answer = await app.request(path);
    assertEquals(answer.status, 200);
    await answer.body?.cancel();
  }
  assertEquals((await app.request("/api/health")).status, 401);
  assertEquals((await app.request("/openapi.json")).status, 401);
});

Deno.test("a page asked for under another host is refused like anything else", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  const headers = { host: "evil.example" };
  for (const path of [...PAGES, "/assets/home.js", "/nothing"]) {
    assertEquals((await app.request(path, { headers })).status, 421, path);
  }
});
