/**
 * `wick serve` in a process of its own: the program as users run it, on a folder that goes away
 * afterwards.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import type { InsideReport } from "./inside.ts";

const PROGRAM = fileURLToPath(new URL("../../mod.ts", import.meta.url));
const INSIDE = fileURLToPath(new URL("inside.ts", import.meta.url));
/** Flags of the engine as the task has them that users start the service with. */
const V8_FLAGS = config.tasks.serve.command.split(" ").filter((word) =>
  word.startsWith("--v8-flags=")
);
/** What the service says on standard output when it is ready (`--json`). */
interface Ready {
  readonly state: "ready";
  readonly url: string;
}

/** A folder on the disk that is removed when disposed of. */
export class DataFolder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "wick-bench-" });
  /** The database in it. */
  readonly database = `${this.path}/wick.db`;

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** The command line of a service with everything as it is by default: full durability, monitor. */
export function serveCommand(folder: DataFolder, port: number, isWatched: boolean): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "-q",
        "-A",
        ...V8_FLAGS,
        ...(isWatched ? ["--preload", INSIDE] : []),
        PROGRAM,
        "serve",
      ],
      ...["--data", folder.path, "--port", String(port), "--log-level", "warn", "--json"],
    ],
    stdin: isWatched ? "piped" : "null",
    stdout: "piped",
    // It says that it is ready and that it stops; failures show as an exit code.
    stderr: "null",
  });
}

/** A running service that can be looked into. */
export class ServiceProcess implements AsyncDisposable {
  /** As `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #words: WritableStreamDefaultWriter<Uint8Array>;
  #ended: Promise<void> | null = null;

  private constructor(child: Deno.ChildProcess, url: string, lines: AsyncIterator<string>) {
    this.#child = child;
    this.url = url;
    this.#lines = lines;
    this.#words = child.stdin.getWriter();
  }

  /** Starts it and waits until it is ready. */
  static async start(folder: DataFolder): Promise<ServiceProcess> {
    const child = serveCommand(folder, 0, true).spawn();
    const lines = linesOf(child.stdout);
    const { url } = await next(lines) as Ready;
    return new ServiceProcess(child, url, lines);
  }

  /** Watches its event loop and memory from now on. */
  async watch(): Promise<void> {
    await this.#say("watch");
  }

  /** Ends that; gives what was found. */
  async report(): Promise<InsideReport> {
    return await this.#say("report") as InsideReport;
  }

  async #say(word: string): Promise<unknown> {
    await this.#words.write(new TextEncoder().encode(`${word}\n`));
    return await next(this.#lines);
  }

  /**
   * Lets it commit what it took, and end. Idempotent.
   *
   * @throws {Error} when it ends with another exit code than 0.
   */
  stop(): Promise<void> {
    return this.#ended ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    // Read to its end, or the pipe stays open.
    while ((await this.#lines.next()).done !== true);
    await this.#words.close().catch(() => {});
    const { code } = await this.#child.status;
    if (code !== 0) throw new Error(`Cannot trust this run: the service ended with code ${code}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function next(lines: AsyncIterator<string>): Promise<unknown> {
  const { done, value } = await lines.next();
  if (done === true) throw new Error("Cannot measure the service: it ended, see `wick serve`");
  return JSON.parse(value);
}

async function* linesOf(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
