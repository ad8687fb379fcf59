/** `wick serve` as a process under a permission set as narrow as the documented one. */

import { assert } from "@std/assert";
import { ROOT } from "../../scripts/support/root.ts";
import { linesOf, start } from "./support.ts";

/** A service that runs, and what it said. */
export class Serving {
  /** What it wrote so far. */
  readonly text = { out: "", err: "" };
  readonly #read: Promise<unknown>;
  readonly #changed = new Set<() => void>();
  #isOver = false;

  constructor(readonly child: Deno.ChildProcess, readonly url: string) {
    const take = async (stream: ReadableStream<Uint8Array>, name: "out" | "err") => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        this.text[name] += text;
        this.#wake();
      }
    };
    this.#read = Promise.all([take(child.stdout, "out"), take(child.stderr, "err")])
      .finally(() => {
        this.#isOver = true;
        this.#wake();
      });
  }

  #wake(): void {
    for (const wake of this.#changed) wake();
  }

  /** Resolves once the text is there; fails when the process ends without it. */
  async until(name: "out" | "err", text: string): Promise<void> {
    while (!this.text[name].includes(text)) {
      assert(!this.#isOver, `it ended without saying ${text}:\n${this.text.err}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#changed.add(resolve);
      await promise;
      this.#changed.delete(resolve);
    }
  }

  /** Its exit code, once all that it wrote is here. */
  async code(): Promise<number> {
    await this.#read;
    return (await this.child.status).code;
  }

  /** Ends it by a signal; its exit code. */
  end(signal: Deno.Signal): Promise<number> {
    this.child.kill(signal);
    return this.code();
  }

  /** Lines of standard output, as JSON. */
  get lines(): unknown[] {
    return linesOf(this.text.out).map((line) => JSON.parse(line));
  }

  get(path: string): Promise<Response> {
    return fetch(`${this.url}${path}`);
  }

  /** The answer as JSON, which must be one that says ok. */
  async json<T>(path: string): Promise<T> {
    const answer = await this.get(path);
    const text = await answer.text();
    assert(answer.ok, `${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  post(path: string, lines: readonly string[]): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: lines.join("\n"),
    });
  }

  /** Sends the signal if nobody has yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.code();
  }
}

/** How a service is started. */
export interface ServeOptions {
  /** Its folder; data go to `data` in it. */
  readonly folder: string;
  readonly words?: readonly string[];
  /** A free one unless given. */
  readonly port?: number;
  /** Other addresses that it may connect to. */
  readonly net?: readonly string[];
  /** What deno runs instead of the command in the source tree, after the permissions. */
  readonly main?: readonly string[];
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A port of this machine that is free now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Starts a service on a free port; it may read, write and listen only where it has to. */
export function serve(
  { folder, words = [], net = [], main, env = {}, ...given }: ServeOptions,
): Serving {
  const port = given.port ?? freePort();
  const deno = [
    ...["run", "--quiet", "--no-lock", "--no-check", "--no-prompt"],
    ...[`--allow-read=${ROOT},${folder}`, `--allow-write=${folder}/data`, "--allow-env"],
    ...[
      `--allow-net=${[`127.0.0.1:${port}`, ...net].join(",")}`,
      "--deny-run",
      "--deny-ffi",
      "--deny-sys",
    ],
    ...(main ?? ["--config", `${ROOT}deno.json`, `${ROOT}mod.ts`]),
  ];
  const own = ["serve", "--port", String(port), "--workers", "1", "--data", `${folder}/data`];
  const child = start([...own, ...words], { deno, cwd: folder, env });
  return new Serving(child, `http://127.0.0.1:${port}`);
}

/** Starts a service and waits until it is ready. */
export async function served(options: ServeOptions): Promise<Serving> {
  const service = serve(options);
  await service.until("err", "wick serve: ready at");
  return service;
}
