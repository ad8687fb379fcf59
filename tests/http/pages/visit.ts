/**
 * A visit of the dashboard in a real browser, which notes whatever a page must not do: errors and
 * warnings in its console, broken rules of its content security policy, requests to anybody else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Browser, BrowserContextOptions, ConsoleMessage, Page } from "playwright-core";
import { openChromium } from "../../../scripts/support/chromium.ts";
import { Board, TOKENS } from "./board.ts";
import insideSource from "./inside.js" with { type: "text" };

/** The views: what is in their address, their title, and the key after `g`. */
export const VIEWS = [
  { id: "overview", title: "Overview", key: "o" },
  { id: "actors", title: "Actors", key: "a" },
  { id: "nodes", title: "Nodes", key: "n" },
  { id: "labels", title: "Labels", key: "l" },
  { id: "cache", title: "Cache and warming", key: "c" },
  { id: "refresh", title: "Refresh", key: "r" },
  { id: "backfill", title: "Backfill", key: "b" },
  { id: "letters", title: "Dead letters", key: "d" },
  { id: "alerts", title: "Alerts", key: "e" },
  { id: "log", title: "Log", key: "t" },
] as const;

/** Name of a view. */
export type ViewId = typeof VIEWS[number]["id"];

/** Longest wait for anything on the page: the machines of CI are slow and shared. */
const WAIT_MS = 15_000;
/** Between looks where the page says nothing by itself. */
const LOOK_EVERY_MS = 50;

/** What a visitor brings along. */
export interface Visitor extends BrowserContextOptions {
  /** Token that the tab has kept; null = none. Default: the one to act with. */
  readonly token?: string | null;
}

/** See the module's text. */
export class Visit implements AsyncDisposable {
  readonly board: Pick<Board, "url">;
  readonly page: Page;
  /** What went wrong so far. */
  readonly faults: string[] = [];
  /** Faults that a test brings about on purpose. */
  isExpected: (fault: string) => boolean = () => false;
  readonly #browser: Browser;

  private constructor(board: Pick<Board, "url">, browser: Browser, page: Page) {
    this.board = board;
    this.page = page;
    this.#browser = browser;
    page.setDefaultTimeout(WAIT_MS);
    page.on("console", (message) => this.#heard(message));
    page.on("pageerror", (error) => this.#fault(`page error: ${error.stack ?? error.message}`));
    page.on("dialog", (dialog) => {
      this.#fault(`dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== board.url) this.#fault(`request: ${request.url()}`);
    });
    page.on("response", (answer) => {
      if (answer.status() >= 500) this.#fault(`${answer.status()} of ${answer.url()}`);
    });
  }

  /** Opens a browser on a board. */
  static async of(board: Pick<Board, "url">, visitor: Visitor = {}): Promise<Visit> {
    const { token = TOKENS.act, ...options } = visitor;
    const browser = await openChromium();
    try {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 900 },
        locale: "en",
        timezoneId: "UTC",
        ...options,
      });
      const page = await context.newPage();
      const visit = new Visit(board, browser, page);
      await page.addInitScript({ content: `{ ${insideSource} }` });
      if (token !== null) {
        const content = `sessionStorage.setItem("wick-token", ${JSON.stringify(token)})`;
        await page.addInitScript({ content });
      }
      return visit;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  /** Goes to a view and waits until the service has told it something. */
  async open(id: ViewId, query = ""): Promise<void> {
    const { page } = this;
    const hash = `#/${id}${query === "" ? "" : `?${query}`}`;
    if (page.url().startsWith(this.board.url)) {
      await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    } else await page.goto(`${this.board.url}/${hash}`);
    await this.filled(id);
  }

  /** Waits until a view shows data. */
  async filled(id: ViewId): Promise<void> {
    await this.page.locator(`#view > [data-view=${id}]`).waitFor();
    await this.page.locator("body[data-live=live]").waitFor();
    const { selector, text } = SIGNS[id];
    const sign = this.page.locator(`#view ${selector}`).filter({ visible: true });
    await (text === undefined ? sign : sign.filter({ hasText: text })).first().waitFor();
  }

  /** Waits for a condition that the page does not tell by itself. */
  async until(what: string, holds: () => Promise<boolean> | boolean, waitMs = WAIT_MS) {
    const endMs = performance.now() + waitMs;
    while (!await holds()) {
      if (performance.now() > endMs) throw new Error(`Cannot wait any longer for: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** Runs something of `inside.js` in the page. */
  inside<T>(call: string): Promise<T> {
    return this.page.evaluate<T>(`inside.${call}`);
  }

  /** Text of the view as it is on screen. */
  text(): Promise<string> {
    return this.page.locator("#view").innerText();
  }

  /** Fails when the page did what it must not. */
  async assertClean(): Promise<void> {
    const broken = await this.inside<string[]>("brokenPolicies");
    const taken = await this.page.title();
    const found = [...this.faults, ...broken];
    assertEquals(found.filter((fault) => !this.isExpected(fault)), []);
    assertEquals(taken.includes("taken"), false, "markup from data was run");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }

  #heard(message: ConsoleMessage): void {
    const kind = message.type();
    if (kind !== "error" && kind !== "warning") return;
    this.#fault(`console ${kind}: ${message.text()} (${message.location().url})`);
  }

  #fault(text: string): void {
    this.faults.push(text);
  }
}

/** What is done on a visit. */
export type OnVisit = (visit: Visit, page: Page, board: Board) => Promise<void>;

/** Starts a board, visits it, and ends both, whatever happens. */
export async function visiting(visitor: Visitor, test: OnVisit): Promise<void> {
  await onBoard((board) => visitingAt(board, visitor, test));
}

/** Starts a board and ends it, whatever happens. */
export async function onBoard(test: (board: Board) => Promise<void>): Promise<void> {
  await using board = await Board.start();
  // So that an alert fires.
  board.measureGap("one");
  await test(board);
}

/** Visits a board; several may at a time. */
export async function visitingAt(board: Board, visitor: Visitor, test: OnVisit): Promise<void> {
  await using visit = await Visit.of(board, visitor);
  try {
    await test(visit, visit.page, board);
  } catch (error) {
    if (visit.faults.length > 0) console.log(visit.faults.join("\n"));
    throw error;
  }
  await visit.assertClean();
}

/** What is on screen once a view has its data. */
const SIGNS: Readonly<Record<ViewId, { selector: string; text?: RegExp }>> = {
  overview: { selector: ".score-number", text: /\d/ },
  actors: { selector: ".tree li[data-path]" },
  nodes: { selector: ".facts dd", text: /ago|now/ },
  labels: { selector: "tbody tr" },
  cache: { selector: "tbody tr" },
  refresh: { selector: "tbody tr" },
  backfill: { selector: "tr[data-key=symbols]" },
  letters: { selector: "tbody tr" },
  alerts: { selector: "[data-section=firing] article" },
  log: { selector: ".log-lines li" },
};
