/** What may be done through the dashboard, in Chromium: restarts, dead letters, messages, alerts. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { allOf } from "../../support/all_of.ts";
import { serviceOrSkip } from "../../support/services.ts";
import { type Board, JOB, PROBE, TOKENS } from "./board.ts";
import { onBoard, VIEWS, type Visit, visiting, visitingAt } from "./visit.ts";

const chromium = serviceOrSkip("chromium");

const inTree = (path: string) => `.tree [data-path='${path}'] > .tree-row`;

/** Opens the detail of an actor by the tree. */
async function look(visit: Visit, path: string) {
  await visit.open("actors");
  await visit.page.locator(`${inTree(path)} .row-link`).click();
  await visit.page.locator(".detail h2").waitFor();
}

Deno.test(
  "the tree shows an actor that is restarted by a button, and the timeline says why",
  chromium,
  async () => {
    await visiting({}, async (visit, page, board) => {
      await look(visit, PROBE);
      await page.locator(".detail p", { hasText: "never restarted" }).waitFor();
      const gate = Promise.withResolvers<void>();
      board.probe.gate = gate.promise;
      await page.getByRole("button", { name: "Restart", exact: true }).click();
      const dialog = page.getByRole("alertdialog");
      await dialog.getByRole("button", { name: "Cancel" }).click();
      assertEquals(board.node(PROBE)?.incarnation, 1);
      await page.getByRole("button", { name: "Restart", exact: true }).click();
      await dialog.getByRole("button", { name: "Restart" }).click();
      await page.locator(`${inTree(PROBE)}[data-mark=unsettled]`, { hasText: /starting/ })
        .waitFor();
      gate.resolve();
      const row = page.locator(`${inTree(PROBE)}[data-mark=recent]`, { hasText: "running" });
      await row.waitFor();
      assertEquals(await row.locator(".tree-incarnation").innerText(), "2");
      const line = page.locator(".timeline-line", { hasText: "because somebody asked for it" });
      await line.filter({ hasText: "up after" }).waitFor();
      await page.locator(".toast", { hasText: `Restarted ${PROBE}` }).waitFor();
    });
  },
);

Deno.test(
  "the tree shows a killed thread and a crashed actor restarting, with their causes",
  chromium,
  async () => {
    await visiting({}, async (visit, page, board) => {
      await visit.open("actors");
      const path = board.killThread();
      await page.locator(`${inTree(path)}[data-mark]`).waitFor();
      await look(visit, path);
      const killed = page.locator(".timeline-line").first();
      await killed.filter({ hasText: /because it (failed|ended)/ }).waitFor();
      await page.locator(`${inTree(path)}[data-mark=recent]`, { hasText: "running" }).waitFor();
      // A crash by a message that is sent from the page.
      board.probe.isBroken = true;
      await look(visit, PROBE);
      await page.locator(".detail label", { hasText: "Message" }).locator("select").selectOption({
        label: "work",
      });
      await page.getByLabel("item").fill("a heavy one");
      await page.getByRole("button", { name: "Send" }).click();
      const crashed = page.locator(".timeline-line", { hasText: "because it failed" });
      await crashed.filter({ hasText: "the probe is broken: a heavy one" }).waitFor();
      await page.locator(`${inTree(PROBE)}[data-mark=recent]`, { hasText: "running" }).waitFor();
      const error = page.locator(".detail pre[aria-label='Last error']");
      assert((await error.innerText()).includes("the probe is broken: a heavy one"));
    });
  },
);

Deno.test("a dead letter is looked at, tried, replayed, and gone", chromium, async () => {
  await visiting({}, async (visit, page, board) => {
    board.probe.isBroken = true;
    board.wick.system.tellFromOutside(PROBE, "work", { item: "order 17" });
    await visit.open("letters");
    await page.getByRole("searchbox").fill("order 17");
    const row = page.locator("tbody tr", { hasText: "order 17" });
    await row.locator(".row-link").click();
    await page.locator(".detail", { hasText: "its actor failed on it" }).waitFor();
    const payload = await page.locator(".detail [aria-label=Payload]").innerText();
    assertEquals(JSON.parse(payload), { item: "order 17" });
    board.probe.isBroken = false;
    await page.locator(".detail").getByRole("button", { name: "Replay" }).click();
    const plan = page.getByRole("dialog", { name: "What would be sent" });
    await plan.filter({ hasText: "1 letter would be sent again" }).filter({ hasText: PROBE })
      .waitFor();
    // It was only tried.
    await plan.getByRole("button", { name: "Cancel" }).click();
    await plan.waitFor({ state: "detached" });
    assertEquals(board.probe.done, []);
    await page.locator(".detail").getByRole("button", { name: "Replay" }).click();
    await plan.getByRole("button", { name: "Send 1 letter" }).click();
    await page.locator(".toast", { hasText: "1 letter sent again" }).waitFor();
    await row.waitFor({ state: "detached" });
    await page.locator(".detail", { hasText: "It has left the list" }).waitFor();
    await visit.until("the work is done", () => board.probe.done.length > 0);
    assertEquals(board.probe.done, ["order 17"]);
  });
});

Deno.test("dead letters are selected and dropped", chromium, async () => {
  await visiting({}, async (visit, page, board) => {
    board.probe.isBroken = true;
    for (const item of ["drop 1", "drop 2"]) {
      board.wick.system.tellFromOutside(PROBE, "work", { item });
      await visit.until("it is up again", () => board.node(PROBE)?.state === "running");
    }
    await visit.open("letters");
    await page.getByRole("searchbox").fill("broken: drop");
    const rows = page.locator("tbody tr", { hasText: "broken: drop" });
    await visit.until("both are there", async () => await rows.count() === 2);
    await rows.first().getByRole("checkbox").check();
    await rows.last().getByRole("checkbox").check();
    await page.getByRole("button", { name: "Drop selected…" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Drop 2 letters" }).click();
    await visit.until("both are gone", async () => await rows.count() === 0);
  });
});

Deno.test(
  "a message is sent by the form of its schema, and its reply shown; wrong values are said at their fields",
  chromium,
  async () => {
    await visiting({}, async (visit, page) => {
      await look(visit, PROBE);
      await page.locator(".detail label", { hasText: "Message" }).locator("select").selectOption({
        label: "echo → reply",
      });
      await page.locator(".message-about", { hasText: "Answers with what it was given" }).waitFor();
      const form = page.locator(".message-send");
      const send = form.getByRole("button", { name: "Send" });
      const times = form.getByRole("textbox", { name: "times" });
      await form.getByRole("textbox", { name: "text" }).fill("hello");
      await times.fill("12");
      await form.getByRole("combobox", { name: "tone" }).selectOption("loud");
      await send.click();
      await form.locator(".outcome", { hasText: "Not sent: times" }).waitFor();
      assertEquals(await times.getAttribute("aria-invalid"), "true");
      const errorId = (await times.getAttribute("aria-describedby") ?? "").split(" ").at(-1);
      assert(await page.locator(`#${errorId}`).isVisible());
      await times.fill("2");
      await send.click();
      await form.locator(".outcome", { hasText: "replied" }).waitFor();
      const reply = await form.getByLabel("Reply").innerText();
      assertEquals(JSON.parse(reply), { echoed: ["hello", "hello"], tone: "loud" });
      assertEquals(await times.getAttribute("aria-invalid"), null);
      // News of each second leave what is written alone.
      await times.fill("3");
      await times.focus();
      const rate = page.locator("#view .figures").first();
      const before = await rate.innerText();
      await visit.until("news came", async () => await rate.innerText() !== before);
      assertEquals(await times.inputValue(), "3");
      assertEquals(await page.locator(":focus").getAttribute("aria-label"), "times");
    });
  },
);

Deno.test("an alert that fires is acknowledged, by whom and with a note", chromium, async () => {
  await visiting({}, async (visit, page) => {
    await visit.open("alerts");
    const card = page.locator("[data-section=firing] article", { hasText: "Gap of" });
    await card.getByRole("button", { name: "Acknowledge" }).click();
    await card.getByLabel("Your name").fill("Ada");
    await card.getByLabel("Note, for the others").fill("looking at it");
    await card.getByRole("button", { name: "Acknowledge" }).click();
    await card.filter({ hasText: /acknowledged\s+by Ada at .*: looking at it/ }).waitFor();
    await visit.open("overview");
    await page.locator("#active-alerts", { hasText: "acknowledged by Ada" }).waitFor();
  });
});

Deno.test(
  "who is told of alerts is listed, and a test alert says what each answered",
  chromium,
  async () => {
    await visiting({}, async (visit, page) => {
      await visit.open("alerts");
      const sinks = page.locator("[data-section=sinks]");
      await sinks.locator("tr[data-key=nobody]", { hasText: "webhook" }).waitFor();
      await sinks.getByRole("button", { name: "Send a test alert" }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Send it" }).click();
      const results = sinks.locator(".test-results li");
      await results.filter({ hasText: /taken\s+log/ }).waitFor();
      await results.filter({ hasText: /failed\s+nobody/ }).waitFor();
      assertEquals(await sinks.locator(".problem").count(), 0);
    });
  },
);

Deno.test("a job goes on and is paused by its buttons", chromium, async () => {
  await visiting({}, async (visit, page) => {
    await visit.open("backfill");
    const row = page.locator(`tr[data-key=${JOB}]`);
    await row.filter({ hasText: "paused" }).waitFor();
    await row.getByRole("button", { name: `Resume job ${JOB}` }).click();
    await row.filter({ hasText: "running" }).waitFor();
    await row.getByRole("button", { name: `Pause job ${JOB}` }).click();
    await row.filter({ hasText: "paused" }).waitFor();
  });
});

/** What acting buttons say; each must occur with the acting token, and none without it. */
const ACTS =
  /^(Restart|Stop|Send|Replay.*|Drop.*|Acknowledge|Send a test alert|Pause|Resume|Cancel|Run all now|Run now|Refresh now|Rebuild|Record|Invalidate|Protect|Unprotect.*)$/;

async function buttonsOf(visit: Visit) {
  const found = new Map<string, string[]>();
  for (const { id } of VIEWS) {
    await visit.open(id);
    if (id === "actors") {
      await visit.page.locator(`${inTree(PROBE)} .row-link`).click();
      await visit.page.locator(".message-about").waitFor();
    }
    if (id === "letters") {
      await visit.page.locator("tbody .row-link").first().click();
      await visit.page.locator(".detail [aria-label=Payload]").waitFor();
    }
    const names = await visit.inside<string[]>("buttons()");
    // Pause of the log holds lines back and asks nothing of the service.
    found.set(id, names.filter((name) => ACTS.test(name) && !(id === "log" && name === "Pause")));
  }
  return found;
}

Deno.test("without the acting token no view has a button that acts", chromium, async () => {
  await onBoard((board) => allOf([seesActs(board), seesNoActs(board)]));
});

async function seesActs(board: Board): Promise<void> {
  await visitingAt(board, { token: TOKENS.act }, async (visit) => {
    const found = await buttonsOf(visit);
    for (const id of ["actors", "cache", "refresh", "backfill", "letters", "alerts"]) {
      assertGreater(found.get(id)?.length ?? 0, 0, `${id} has none with the token either`);
    }
  });
}

async function seesNoActs(board: Board): Promise<void> {
  await visitingAt(board, { token: TOKENS.read }, async (visit, page) => {
    const sent: string[] = [];
    page.on("request", (request) => {
      const isRead = request.method() === "GET" || request.url().endsWith("/api/cache/get");
      if (!isRead) sent.push(`${request.method()} ${request.url()}`);
    });
    const found = await buttonsOf(visit);
    assertEquals([...found.values()].flat(), []);
    let clicked = 0;
    // And those that are there ask only for what may be read.
    for (const { id } of VIEWS) {
      await visit.open(id);
      clicked += await visit.inside<number>("clickAll()");
      await visit.inside("closeDialogs()");
    }
    assertGreater(clicked, 50);
    assertEquals(sent, []);
  });
}
