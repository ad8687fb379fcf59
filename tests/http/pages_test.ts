import { createApp } from "../../src/http/app.ts";
import { ASSETS } from "../../src/http/page_assets.ts";
import { MemoryService } from "./service.ts";
import { ACT } from "./support.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { posix } from "node:path";

const PAGES = ["/", "/docs"];
/** Assets that are a package's, as it published them. */
const FOREIGN = ["/assets/uplot.js", "/assets/uplot.css"];
/** The name of a vocabulary, which nobody fetches. */
const SVG = "http://www.w3.org/2000/svg";
const FOLDER = new URL("../../src/http/pages/", import.meta.url);

const own = [...ASSETS].filter(([path]) => !FOREIGN.includes(path));
const scripts = own.filter(([path]) => path.endsWith(".js"));

/** Paths of the files in a folder of the pages, below it. */
function* filesIn(folder: URL, above = ""): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesIn(new URL(`${name}/`, folder), `${above}${name}/`);
    else yield above + name;
  }
}

Deno.test("pages load only files of this service, and those are there", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  for (const page of PAGES) {
    const answer = await app.request(page);
    assertMatch(answer.headers.get("content-type") ?? "", /^text\/html/);
    const text = await answer.text();
    const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? "");
    assert(links.length >= 3);
    for (const link of links.filter((link) => !link.startsWith("#"))) {
      assertMatch(link, /^\/(?!\/)/);
      const found = await app.request(link);
      assertEquals(found.status, 200, link);
      await found.body?.cancel();
    }
  }
});

Deno.test("what scripts import is served, and every script and style of the pages is", () => {
  for (const [path, { text }] of scripts) {
    const imports = [
      ...text.matchAll(/^import[^;]*? from "([^"]+)"/gm),
      ...text.matchAll(/^import "([^"]+)"/gm),
    ];
    for (const [, specifier = ""] of imports) {
      assertMatch(specifier, /^\.{1,2}\//, path);
      const target = posix.join(posix.dirname(path), specifier);
      assert(ASSETS.has(target), `${path} imports ${target}, which is not served`);
    }
  }
  for (const file of filesIn(FOLDER)) {
    if (file.endsWith(".js")) assert(ASSETS.has(`/assets/${file}`), `${file} is not served`);
    if (!file.startsWith("views/") || !file.endsWith(".css")) continue;
    const text = Deno.readTextFileSync(new URL(file, FOLDER));
    assert(ASSETS.get("/assets/views.css")?.text.includes(text), `${file} is not served`);
  }
});

Deno.test("every view of the navigation is served, and says so of itself", () => {
  const dash = ASSETS.get("/assets/dash.js")?.text ?? "";
  const views = [...dash.matchAll(/\{ id: "(\w+)", title: "([^"]+)", key: "(\w)"/g)];
  assertEquals(views.length, 10);
  for (const [, id, title, key] of views) {
    const text = ASSETS.get(`/assets/views/${id}.js`)?.text;
    assert(text !== undefined, `there is no view ${id}`);
    for (const fact of [`id: "${id}"`, `title: "${title}"`, `key: "${key}"`]) {
      assert(text.includes(fact), `views/${id}.js lacks ${fact}`);
    }
  }
  assertEquals(new Set(views.map(([, , , key]) => key)).size, views.length);
});

Deno.test("assets have their types and the security headers", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  const types: Record<string, RegExp> = {
    js: /^text\/javascript; charset=utf-8$/,
    css: /^text\/css; charset=utf-8$/,
    svg: /^image\/svg\+xml$/,
  };
  for (const [path, { text }] of ASSETS) {
    const answer = await app.request(path);
    assertEquals(answer.status, 200, path);
    const type = types[path.replace(/^.*\./, "")];
    assert(type !== undefined, path);
    assertMatch(answer.headers.get("content-type") ?? "", type);
    assertEquals(answer.headers.get("x-content-type-options"), "nosniff");
    assertMatch(answer.headers.get("content-security-policy") ?? "", /script-src 'self'/);
    assertEquals(await answer.text(), text);
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

Deno.test("scripts of pages make texts, not markup, of what the service says", () => {
  for (const [path, { text }] of scripts) {
    const found = /innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function/.exec(
      text,
    );
    assertEquals(found?.[0], undefined, path);
    // The one attribute that the policy would refuse, and that could carry data.
    assert(!/setAttribute\("style"|\bstyle: [`"']/.test(text), path);
  }
});

Deno.test("no asset names a place elsewhere, comments of a package apart", () => {
  for (const [path, { text }] of ASSETS) {
    const code = FOREIGN.includes(path)
      ? text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "")
      : text.replaceAll(SVG, "");
    assertEquals(/(?:https?:)?\/\/[a-z0-9-]+\.[a-z]+/i.exec(code)?.[0], undefined, path);
    assert(!/@import|url\(/.test(path.endsWith(".css") ? code : ""), path);
  }
});

Deno.test("pages are open, what they ask for is not", async () => {
  await using service = new MemoryService();
  const app = createApp(service, { tokens: { act: ACT } });
  for (const path of [...PAGES, "/assets/dash.js"]) {
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
  for (const path of [...PAGES, "/assets/dash.js", "/nothing"]) {
    assertEquals((await app.request(path, { headers })).status, 421, path);
  }
});
