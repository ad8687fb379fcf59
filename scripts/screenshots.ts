/**
 * `deno task screenshots DIR`: every view of the dashboard in light and dark, wide and narrow, from
 * the demo after it ran for a while: `DIR/overview-light-1280.png` and so on. Needs Chromium.
 *
 * @module
 */
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { openChromium } from "./support/chromium.ts";
import { childEnv } from "./support/deno.ts";
import { linesOf } from "./support/lines.ts";
import { ROOT } from "./support/root.ts";

const VIEWS = [
  "overview",
  "actors",
  "labels",
  "cache",
  "refresh",
  "backfill",
  "letters",
  "alerts",
  "log",
];
const SIZES = [{ width: 1280, height: 900 }, { width: 320, height: 800 }];
const SCHEMES = ["light", "dark"] as const;
/** Enough for charts to have a course, and for a few retries to be seen. */
const RUN_MS = 20_000;
/** News come each second: after so long a view shows all of its own. */
const SETTLE_MS = 2_500;
/** The same candles each time. */
const SEED = 7;

/** The demo as a process of its own. */
class Demo implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "-q", "mod.ts", "demo", "--seconds", "0", "--seed", String(SEED)],
      cwd: ROOT,
      env: childEnv(),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const lines = linesOf(this.#child.stderr);
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** Where it can be looked at. */
  async url(): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error("Cannot take screenshots: the demo ended before it listened");
      const url = /look at it: (\S+)/.exec(value)?.[1];
      if (url === undefined) continue;
      void this.#drain();
      return url;
    }
  }

  /** What nobody reads would stop it. */
  async #drain(): Promise<void> {
    while (!(await this.#lines.next()).done);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGINT");
    } catch (error) {
      // It ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#child.status;
  }
}

/** One after the other: pages that are drawn together would be what the figures are about. */
async function take(browser: Browser, url: string, folder: string): Promise<void> {
  for (const colorScheme of SCHEMES) {
    for (const viewport of SIZES) {
      const context = await browser.newContext({ viewport, colorScheme, timezoneId: "UTC" });
      const page = await context.newPage();
      for (const view of VIEWS) {
        await show(page, url, view);
        const path = join(folder, `${view}-${colorScheme}-${viewport.width}.png`);
        await page.screenshot({ path, fullPage: Deno.args.includes("--full") });
        console.log(path);
      }
      await context.close();
    }
  }
}

async function show(page: Page, url: string, view: string): Promise<void> {
  // A page of its own each time: a change of the hash would move the focus to the heading.
  await page.goto("about:blank");
  await page.goto(`${url}/#/${view}`);
  await page.locator(`#view > [data-view=${view}]`).waitFor();
  await page.locator("body[data-live=live]").waitFor();
  await page.waitForTimeout(SETTLE_MS);
}

async function takeScreenshots(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await using demo = new Demo();
  const url = await demo.url();
  // Before the demo is to be seen: a browser that starts takes the cores for a while.
  await using browser = await openChromium();
  await new Promise((resolve) => setTimeout(resolve, RUN_MS));
  await take(browser, url, folder);
}

if (import.meta.main) {
  const [folder] = Deno.args;
  if (folder === undefined || folder.startsWith("-")) {
    console.error("Usage: deno task screenshots DIR [--full]");
    Deno.exit(64);
  }
  await takeScreenshots(folder);
}
