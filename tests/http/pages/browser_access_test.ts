/** Whether everybody can use the dashboard, in Chromium: WCAG 2.2 AA, as far as a machine sees it. */

import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import axe from "axe-core";
import { allOf } from "../../support/all_of.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { type Board, PROBE } from "./board.ts";
import { onBoard, VIEWS, type Visit, visiting, visitingAt } from "./visit.ts";

const chromium = serviceOrSkip("chromium");

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 320, height: 800 };

/** Every view, with the details of an actor and of a letter open. */
async function eachView(visit: Visit, look: (id: string) => Promise<void>) {
  for (const { id } of VIEWS) {
    await visit.open(id, id === "actors" ? `path=${PROBE}` : "");
    if (id === "actors") await visit.page.locator(".message-about").waitFor();
    if (id === "letters") {
      await visit.page.locator("tbody .row-link").first().click();
      await visit.page.locator(".detail [aria-label=Payload]").waitFor();
    }
    await look(id);
  }
}

Deno.test(
  "axe-core finds no violation in any view, light and dark, wide and narrow; who wants less motion gets none",
  chromium,
  async () => {
    // Side by side: axe-core works in the page, which has a process of its own.
    await onBoard((board) =>
      allOf((["light", "dark"] as const).map((one) => accessible(board, one)))
    );
  },
);

async function accessible(board: Board, colorScheme: "light" | "dark"): Promise<void> {
  await visitingAt(board, { colorScheme, reducedMotion: "reduce" }, async (visit, page) => {
    const found: string[] = [];
    await visit.open("overview");
    // By the debugger: the page's policy allows no script but its own, and it stays as it is.
    await page.evaluate(axe.source);
    await eachView(visit, async (id) => {
      assertEquals(await visit.inside("moving()"), [], id);
      for (const size of [WIDE, NARROW]) {
        await page.setViewportSize(size);
        const violations = await visit.inside<string[]>("axe()");
        found.push(...violations.map((one) => `${id} at ${size.width}: ${one}`));
      }
      await page.setViewportSize(WIDE);
    });
    assertEquals(found, []);
    // It would have found something.
    await page.evaluate(
      `document.querySelector("main").append(document.createElement("input"))`,
    );
    assertStringIncludes((await visit.inside<string[]>("axe()")).join(), "label: ");
    await page.evaluate(`void document.body.animate([{ opacity: 0.9 }], 60_000)`);
    assertEquals(await visit.inside("moving()"), ["an animation"]);
  });
}

Deno.test(
  "no view is wider than a window of 320 px or of 200 % zoom; no text is cut off, no target is tiny",
  chromium,
  async () => {
    await visiting({ viewport: NARROW }, async (visit, page) => {
      const found: string[] = [];
      const note = async (id: string, where: string) => {
        const { px, out } = await visit.inside<{ px: number; out: string[] }>("tooWide()");
        if (px > 0 || out.length > 0) found.push(`${id}, ${where}: ${px} px: ${out.join("; ")}`);
        for (const cut of await visit.inside<string[]>("cutOff()")) {
          found.push(`${id}, ${where}: cut off: ${cut}`);
        }
        for (const small of await visit.inside<string[]>("tooSmall()")) {
          found.push(`${id}, ${where}: smaller than 24 px: ${small}`);
        }
      };
      await eachView(visit, async (id) => {
        await note(id, "320 px");
        // What a browser does at 200 % zoom: half as many pixels of the page.
        await page.setViewportSize({ width: WIDE.width / 2, height: WIDE.height / 2 });
        await note(id, "200 %");
        await page.setViewportSize(NARROW);
      });
      assertEquals([...new Set(found)], []);
    });
  },
);

Deno.test(
  "Tab reaches everything of every view, and what has the focus can be seen",
  chromium,
  async () => {
    await visiting({}, async (visit, page) => {
      const found: string[] = [];
      await visit.open("overview");
      await visit.inside("watchFocus()");
      await eachView(visit, async (id) => {
        // Rows that come meanwhile would be left out.
        await page.locator("#pause").click();
        await page.locator("body[data-live=paused]").waitFor();
        await visit.inside("forgetFocus()");
        const { of } = await visit.inside<{ of: number }>("reached()");
        assertGreater(of, 10);
        // The last leads out of the page, to the browser's own controls.
        for (let n = 0; n < of + 2; n++) await page.keyboard.press("Tab");
        const { left } = await visit.inside<{ left: string[] }>("reached()");
        if (left.length > 0) {
          found.push(`${id}: not reached of ${of}: ${left.slice(0, 5).join("; ")}`);
        }
        const unseen = await visit.inside<string[]>("unseen()");
        if (unseen.length > 0) found.push(`${id}: not seen: ${unseen.slice(0, 5).join("; ")}`);
        await page.locator("#pause").click();
        await page.locator("body[data-live=live]").waitFor();
      });
      assertEquals(found, []);
      // What hides its focus would be found.
      await page.evaluate(`{
        const hidden = document.createElement("button");
        hidden.style.outline = "none";
        document.querySelector("main").prepend(hidden);
        hidden.focus();
      }`);
      assertEquals((await visit.inside<string[]>("unseen()")).at(-1), 'button ""');
    });
  },
);
