/**
 * A Redis server of a test's own, on a free port and with a folder of its own, that can be killed and
 * started again.
 *
 * @module
 */

import { createServer } from "node:net";

/** Longest wait for a server to accept connections, ms. */
const START_LIMIT_MS = 5_000;

/** How a server runs. */
export interface RedisServerOptions {
  /** More lines of its configuration, as `["appendonly", "yes"]`. */
  readonly config?: readonly (readonly [name: string, value: string])[];
}

/** See the module's text. Ends with its folder when disposed of. */
export class RedisServer implements AsyncDisposable {
  /** Where it listens. */
  readonly url: string;
  /** Its port. */
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: Deno.ChildProcess | null = null;

  private constructor(port: number, folder: string, { config = [] }: RedisServerOptions) {
    this.port = port;
    this.#folder = folder;
    this.url = `redis://127.0.0.1:${port}`;
    this.#args = [
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
      ...["--loglevel", "warning"],
      ...config.flatMap(([name, value]) => [`--${name}`, value]),
    ];
  }

  /** Starts one. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const folder = await Deno.makeTempDir({ prefix: "wick-redis-" });
    const server = new RedisServer(await freePort(), folder, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts it again, with what is in its folder. */
  async start(): Promise<void> {
    if (this.#child !== null) return;
    this.#child = new Deno.Command("redis-server", {
      args: [...this.#args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const untilMs = performance.now() + START_LIMIT_MS;
    while (!await this.#answers()) {
      if (performance.now() > untilMs) {
        throw new Error(`redis-server does not answer at ${this.url}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #answers(): Promise<boolean> {
    try {
      return await this.command("PING") === "+PONG";
    } catch {
      return false;
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    child.kill("SIGKILL");
    await child.status;
  }

  /** Stops it as it is, so that it answers nothing; `SIGCONT` ends that. */
  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(name);
  }

  /** Forgets what a killed server left in its folder. */
  async empty(): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
    await Deno.mkdir(this.#folder);
  }

  /** Runs one command over a connection of its own; the first line of the reply. */
  async command(...words: string[]): Promise<string> {
    return (await this.lines(...words))[0] ?? "";
  }

  /** The same; all lines of a reply of up to 64 KB. */
  async lines(...words: string[]): Promise<string[]> {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
    const parts = words.map((word) => `$${new TextEncoder().encode(word).length}\r\n${word}\r\n`);
    await connection.write(new TextEncoder().encode(`*${words.length}\r\n${parts.join("")}`));
    const reply = new Uint8Array(64 * 1024);
    const length = await connection.read(reply) ?? 0;
    return new TextDecoder().decode(reply.subarray(0, length)).split(/\r?\n/);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port ?? 0 : 0));
    });
  });
}
