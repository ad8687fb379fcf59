/** The dashboard in Chromium: every view with live data, its stream, the keyboard, hostile names. */

import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { allOf } from "../../support/all_of.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { type Board, HOSTILE, PROBE, TOKENS } from "./board.ts";
import { onBoard, VIEWS, visiting, visitingAt } from "./visit.ts";

const chromium = serviceOrSkip("chromium");

Deno.test("every view renders with live data and goes on changing", chromium, async () => {
  // Side by side: most of it is waiting for what comes each second.
  const half = VIEWS.length / 2;
  await onBoard((board) =>
    allOf([VIEWS.slice(0, half), VIEWS.slice(half)].map((views) => change(board, views)))
  );
});

async function change(board: Board, views: readonly typeof VIEWS[number][]): Promise<void> {
  await visitingAt(board, {}, async (visit, page) => {
    for (const { id, title } of views) {
      await visit.open(id);
      assertEquals(await page.locator("h1").innerText(), title);
      assertEquals(await page.title(), `${title} · Wick`);
      const before = await visit.text();
      assertGreater(before.length, 100, before);
      // Nothing is logged but what happens.
      if (id === "log") board.wick.system.log?.("warn", "/wick/test", "a line", { n: 1 });
      await visit.until(`${id} changes`, async () => await visit.text() !== before);
      assertEquals(await page.locator("#trouble").innerText(), "");
      assertEquals(await page.locator("#view .problem").allInnerTexts(), []);
    }
  });
}

Deno.test(
  "without a token nothing is shown; a wrong one is refused, a right one opens the view",
  chromium,
  async () => {
    await visiting({ token: null }, async (visit, page, board) => {
      // The browser itself says so in the console.
      visit.isExpected = (fault) => fault.includes("401");
      await page.goto(`${board.url}/#/actors`);
      const form = page.locator("#token");
      await form.waitFor();
      assertEquals((await visit.text()).trim(), "");
      await form.locator("input").fill("no-such-token-000000");
      await form.locator("button").click();
      await page.locator(".toast", { hasText: "refused" }).waitFor();
      await form.locator("input").fill(TOKENS.read);
      await form.locator("button").click();
      await visit.filled("actors");
      assertEquals(await form.isVisible(), false);
    });
  },
);

Deno.test(
  "a service that stops makes the page stale since then; back, it is live again",
  chromium,
  async () => {
    await visiting({}, async (visit, page, board) => {
      visit.isExpected = (fault) => /ERR_(CONNECTION|INCOMPLETE|EMPTY|ABORTED)/.test(fault);
      await visit.open("actors");
      const lastMs = Date.now();
      await board.wick.system.stopAt("/wick/admin");
      const state = page.locator("#live-state");
      await state.filter({ hasText: /^■?\s*stale since \d\d:\d\d:\d\d/ }).waitFor();
      const [hours = 0, minutes = 0, seconds = 0] = (await state.innerText()).match(/\d+/g) ?? [];
      const saidMs = new Date(lastMs).setUTCHours(
        Number(hours),
        Number(minutes),
        Number(seconds),
        0,
      );
      assert(Math.abs(saidMs - lastMs) < 5_000, await state.innerText());
      // What was there can still be read.
      assertGreater(await page.locator(".tree li[data-path]").count(), 10);
      assert(await board.wick.system.startAt("/wick/admin"));
      await page.locator("body[data-live=live]").waitFor();
      await page.locator(".tree [data-path='/wick/admin']", { hasText: "running" }).waitFor();
    });
  },
);

Deno.test("a hidden page and a paused one ask for nothing", chromium, async () => {
  await visiting({}, async (visit, page, board) => {
    const streams = async () => (await board.wick.admin.ask("status", {})).streams;
    await visit.open("actors");
    assertEquals(await streams(), 1);
    await visit.inside("setHidden(true)");
    await visit.until("no stream is open", async () => await streams() === 0);
    assertEquals(await page.locator("body").getAttribute("data-live"), "paused");
    await visit.inside("setHidden(false)");
    await page.locator("body[data-live=live]").waitFor();
    await page.keyboard.press("p");
    await visit.until("no stream is open", async () => await streams() === 0);
    assertEquals(await page.locator("#live-state").innerText(), "▲\npaused");
    await page.keyboard.press("p");
    await page.locator("body[data-live=live]").waitFor();
  });
});

Deno.test(
  "keys lead to every view, to its search, to the help and out of it",
  chromium,
  async () => {
    await visiting({}, async (visit, page) => {
      await visit.open("overview");
      for (const { id, key } of VIEWS.toReversed()) {
        await page.keyboard.press("g");
        await page.keyboard.press(key);
        await visit.filled(id);
        assertEquals(await page.locator("#views [aria-current]").getAttribute("data-view"), id);
        assertEquals(await page.locator(":focus").getAttribute("id"), "view-title");
      }
      for (const id of ["actors", "labels", "cache", "letters", "alerts", "log"] as const) {
        await visit.open(id);
        await page.keyboard.press("/");
        const focused = page.locator("#view input[type=search]:focus");
        assertEquals(await focused.count(), 1, `${id} has no search`);
        // Who writes does not go elsewhere.
        await page.keyboard.type("ga?p");
        assertEquals(await focused.inputValue(), "ga?p");
        assertEquals(await page.locator("dialog").count(), 0);
        await focused.fill("");
        await page.locator("#view-title").focus();
      }
      await page.keyboard.press("?");
      const help = page.locator("dialog[open]");
      await help.waitFor();
      for (const { title } of VIEWS) assert((await help.innerText()).includes(title), title);
      await page.keyboard.press("Escape");
      await help.waitFor({ state: "detached" });
      assertEquals(await page.locator(":focus").getAttribute("id"), "view-title");
      // Switched off, they do nothing.
      await page.locator("#menu-button").click();
      await page.locator("#keys-on").uncheck();
      await page.keyboard.press("Escape");
      await page.keyboard.press("?");
      await page.keyboard.press("g");
      await page.keyboard.press("a");
      assertEquals(await help.count(), 0);
      assert(page.url().endsWith("#/log"), page.url());
    });
  },
);

Deno.test("whatever a page must not do would be noticed", chromium, async () => {
  await visiting({}, async (visit, page) => {
    visit.isExpected = () => true;
    await visit.open("log");
    await page.evaluate(`{
      console.warn("a warning");
      const script = document.createElement("script");
      script.textContent = "document.title = 'taken'";
      document.body.append(script);
      const image = document.createElement("img");
      image.src = "http://elsewhere.invalid/image.png";
      document.body.append(image);
      setTimeout(() => { throw new Error("nobody catches it"); });
    }`);
    let policies: string[] = [];
    await visit.until("both are refused", async () => {
      policies = await visit.inside("brokenPolicies");
      return policies.length > 1;
    });
    const found = [...visit.faults, ...policies].join("\n");
    for (
      const part of [
        "console warning: a warning",
        "page error: Error: nobody catches it",
        "request: http://elsewhere.invalid/image.png",
        "policy script-src-elem: inline",
        "policy img-src: http://elsewhere.invalid/image.png",
      ]
    ) assertStringIncludes(found, part);
  });
});

Deno.test("names and texts from data are shown as texts", chromium, async () => {
  await visiting({}, async (visit, page, board) => {
    board.measureGap(HOSTILE);
    board.probe.isBroken = true;
    const { system } = board.wick;
    system.tellFromOutside(PROBE, "work", { item: HOSTILE });
    system.log?.("error", `/wick/${HOSTILE}`, `broken: ${HOSTILE}`, { [HOSTILE]: HOSTILE });
    const shows = async (where: string) => {
      await page.locator(where).filter({ visible: true, hasText: HOSTILE }).first().waitFor();
      assertEquals(await visit.inside("markup()"), 0);
    };
    await visit.open("letters");
    await shows(".error-cell");
    await page.locator("tbody tr", { hasText: "the probe is broken" }).locator(".row-link").click();
    await shows(".detail [aria-label=Error]");
    await page.locator(".detail [aria-label=Payload]", { hasText: "onerror" }).waitFor();
    await visit.open("actors", `path=${PROBE}`);
    await shows(".detail pre[aria-label='Last error']");
    await shows(".timeline .error-text");
    await shows(".error-cell");
    await visit.open("alerts");
    await shows(".alert-summary");
    await visit.open("overview");
    await shows("#active-alerts a");
    await visit.open("log");
    await shows(".log-message");
    // And what stands in the address.
    for (const { id } of VIEWS) {
      const hostile = encodeURIComponent(HOSTILE);
      await page.evaluate(`location.hash = "#/${id}?q=${hostile}&path=${hostile}&id=${hostile}"`);
      await page.locator(`#view > [data-view=${id}]`).waitFor();
      assertEquals(await visit.inside("markup()"), 0);
    }
  });
});
