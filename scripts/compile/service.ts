/**
 * `wick serve` of a built file, as a process.
 *
 * @module
 */

import { childEnv } from "../support/deno.ts";

/** How it is started. */
export interface BuiltOptions {
  /** Path of the built file. */
  readonly file: string;
  /** Working folder; data go to `data` in it. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether `env` is all that it sees of the environment. */
  readonly clearEnv?: boolean;
  /** What stands in front of the file, a program that starts it, say. */
  readonly before?: readonly string[];
  /** The token that it asks for. */
  readonly token?: string;
}

/** Longest wait for the first answer, ms: it may be the start that unpacks. */
const READY_MAX_MS = 30_000;
const LOOK_MS = 20;
/** Candles of a request while the service is stopped. */
const PUSH_ROWS = 500;

/** A running service. */
export class BuiltService {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #said: Promise<string>;
  readonly #startMs = performance.now();
  readonly #headers: Record<string, string>;
  #isOver = false;

  constructor({ file, folder, env = {}, before = [], clearEnv = false, token }: BuiltOptions) {
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const port = freePort();
    this.url = `http://127.0.0.1:${port}`;
    const words = [...before, file, "serve", "--port", String(port), "--data", `${folder}/data`];
    const [program = file, ...args] = words;
    this.#child = new Deno.Command(program, {
      args,
      cwd: folder,
      env: { ...childEnv(), ...env },
      clearEnv,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#said = new Response(this.#child.stderr).text();
    void this.#child.status.then(() => this.#isOver = true);
  }

  /** Waits until /readyz says yes; the time since the start, ms. */
  async ready(): Promise<number> {
    while (!await this.#isReady()) {
      if (this.#isOver) throw new Error(`it ended: ${(await this.#said).slice(-500)}`);
      if (performance.now() - this.#startMs > READY_MAX_MS) throw new Error("it does not answer");
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return performance.now() - this.#startMs;
  }

  async #isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}/readyz`);
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      // Nobody listens yet.
      return false;
    }
  }

  /** The text of a page. */
  async text(path: string): Promise<string> {
    const answer = await fetch(this.url + path, { headers: this.#headers });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text.slice(0, 300)}`);
    return text;
  }

  /** An answer as JSON. */
  async json<T>(path: string): Promise<T> {
    return JSON.parse(await this.text(path));
  }

  /** Pushes candles number `from` to `to`, end not included. */
  async push(series: string, from: number, to: number): Promise<void> {
    const lines = Array.from({ length: to - from }, (_, i) => {
      const close = 100 + Math.sin(from + i);
      const [high, low] = [close + 1, close - 1];
      const ts = 60_000 * (from + i);
      return JSON.stringify({ series, ts, open: close, high, low, close, volume: 1 });
    });
    const answer = await fetch(`${this.url}/api/candles`, {
      method: "POST",
      headers: { ...this.#headers, "content-type": "application/x-ndjson" },
      body: lines.join("\n"),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`push: ${answer.status} ${text.slice(0, 300)}`);
  }

  /** Pushes until the service refuses or is gone; the candles that it acknowledged. */
  async pushUntilRefused(series: string): Promise<number> {
    for (let rows = 0;; rows += PUSH_ROWS) {
      try {
        await this.push(series, rows, rows + PUSH_ROWS);
      } catch {
        return rows;
      }
    }
  }

  /** A quarter of a second, in which some pushes are taken. */
  moment(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 250));
  }

  /** Candles that it has committed of a series. */
  async candles(series: string): Promise<number> {
    const { series: all } = await this.json<{ series: { series: string; count: number }[] }>(
      "/api/series",
    );
    return all.find((one) => one.series === series)?.count ?? 0;
  }

  /** Ends it by SIGTERM; its exit code, and how long it took. */
  async stop(): Promise<{ readonly code: number; readonly stopMs: number; readonly said: string }> {
    const startMs = performance.now();
    this.#child.kill("SIGTERM");
    const { code } = await this.#child.status;
    return { code, stopMs: performance.now() - startMs, said: await this.#said };
  }

  /** Kills it if it runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) {
      try {
        this.#child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await Promise.all([this.#child.status, this.#said]);
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
