/**
 * A TCP relay of a test's own between a client and a server, which can hold up what the client sends
 * or swallow what the server answers: what networks do, on demand.
 *
 * @module
 */

interface Pair {
  readonly client: Deno.Conn;
  readonly server: Deno.Conn;
  isHeld: boolean;
  isMuted: boolean;
  readonly held: Uint8Array[];
  /** Called after each answer of the server. */
  answered: () => void;
}

/** See the module's text. Ends when disposed of. */
export class TcpProxy implements AsyncDisposable {
  /** Where clients connect. */
  readonly port: number;
  readonly #listener: Deno.Listener;
  readonly #toPort: number;
  readonly #pairs = new Set<Pair>();
  readonly #running: Promise<void>[] = [];

  /** Relays to a port of this machine. */
  constructor(toPort: number) {
    this.#toPort = toPort;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#running.push(this.#accept());
  }

  /** Keeps what clients of now send from here on; later connections are relayed. */
  hold(): void {
    for (const pair of this.#pairs) pair.isHeld = true;
  }

  /** Hands over what was kept, though its client may be gone; resolves once it was answered. */
  async release(): Promise<void> {
    for (const pair of this.#pairs) {
      if (!pair.isHeld || pair.held.length === 0) continue;
      pair.isHeld = false;
      const answered = new Promise<void>((resolve) => pair.answered = resolve);
      for (const bytes of pair.held.splice(0)) await writeAll(pair.server, bytes);
      await answered;
    }
  }

  /** The next answer on connections of now does not arrive, and the connection ends instead. */
  mute(): void {
    for (const pair of this.#pairs) pair.isMuted = true;
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#toPort });
        const answered = () => {};
        const pair: Pair = { client, server, isHeld: false, isMuted: false, held: [], answered };
        this.#pairs.add(pair);
        this.#running.push(this.#fromClient(pair), this.#fromServer(pair));
      }
    } catch {
      // Disposed of.
    }
  }

  async #fromClient(pair: Pair): Promise<void> {
    for await (const bytes of chunks(pair.client)) {
      if (pair.isHeld) pair.held.push(bytes);
      else await writeAll(pair.server, bytes);
    }
    if (!pair.isHeld) close(pair.server);
  }

  async #fromServer(pair: Pair): Promise<void> {
    for await (const bytes of chunks(pair.server)) {
      pair.answered();
      if (pair.isMuted) break;
      await writeAll(pair.client, bytes);
    }
    close(pair.client);
    close(pair.server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const { client, server } of this.#pairs) {
      close(client);
      close(server);
    }
    await Promise.all(this.#running);
  }
}

async function* chunks(from: Deno.Conn): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let length; (length = await from.read(buffer)) !== null;) yield buffer.slice(0, length);
  } catch {
    // The connection is gone, which is its end.
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
  } catch {
    // Nobody is there any more.
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is.
  }
}
