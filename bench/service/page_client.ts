/**
 * A client that costs next to nothing: one connection that is kept, one buffer that every answer is
 * read into. What it measures is the service and the sockets, not a client's streams and garbage.
 *
 * @module
 */

/** Longest answer, bytes: three times a page of 10,000 labels. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const HEAD_END = new TextEncoder().encode("\r\n\r\n");

/** An answer; its bytes are written over by the next one. */
export interface PageAnswer {
  readonly status: number;
  /** The body without its framing. */
  readonly bytes: Uint8Array;
  /** From before the request is sent until the last byte is there, ms. */
  readonly tookMs: number;
}

/** One connection to a service. */
export class PageClient implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #host: string;
  readonly #buffer = new Uint8Array(ANSWER_BYTES_MAX);

  private constructor(conn: Deno.TcpConn, host: string) {
    this.#conn = conn;
    this.#host = host;
  }

  /** Connects to the host of a URL. */
  static async connect(url: string): Promise<PageClient> {
    const { hostname, port, host } = new URL(url);
    const conn = await Deno.connect({ hostname, port: Number(port) });
    conn.setNoDelay(true);
    return new PageClient(conn, host);
  }

  /** Asks, and reads the answer to its end. */
  async get(url: string, accept: string): Promise<PageAnswer> {
    const { pathname, search } = new URL(url);
    const head =
      `GET ${pathname}${search} HTTP/1.1\r\nhost: ${this.#host}\r\naccept: ${accept}\r\n`;
    const request = new TextEncoder().encode(`${head}\r\n`);
    const startMs = performance.now();
    await this.#conn.write(request);
    let length = 0, answer: Answer | null = null;
    while (answer === null || !answer.isWhole(this.#buffer, length)) {
      const read = await this.#conn.read(this.#buffer.subarray(length));
      if (read === null) throw new Error("Cannot trust this run: the connection was closed");
      length += read;
      answer ??= Answer.begun(this.#buffer.subarray(0, length));
    }
    const tookMs = performance.now() - startMs;
    return { status: answer.status, bytes: answer.body(this.#buffer, length), tookMs };
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

/** An answer whose head is there. */
class Answer {
  private constructor(
    readonly status: number,
    readonly bodyAt: number,
    /** Null = the body comes in chunks. */
    readonly bodyLength: number | null,
  ) {}

  static begun(bytes: Uint8Array): Answer | null {
    const end = indexOf(bytes, HEAD_END);
    if (end < 0) return null;
    const head = new TextDecoder().decode(bytes.subarray(0, end));
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    const bodyLength = length === undefined ? null : Number(length);
    return new Answer(Number(head.split(" ")[1]), end + HEAD_END.length, bodyLength);
  }

  isWhole(bytes: Uint8Array, length: number): boolean {
    if (this.bodyLength !== null) return length >= this.bodyAt + this.bodyLength;
    // No row ends in an empty line, so nothing but the last chunk looks like this.
    return "\r\n0\r\n\r\n" === String.fromCharCode(...bytes.subarray(length - 7, length));
  }

  /** Moves the chunks together, over their framing. */
  body(bytes: Uint8Array, length: number): Uint8Array {
    if (this.bodyLength !== null) return bytes.subarray(this.bodyAt, length);
    let to = this.bodyAt;
    for (let at = this.bodyAt; at < length;) {
      const lineEnd = bytes.indexOf(0x0d, at);
      const size = parseInt(new TextDecoder().decode(bytes.subarray(at, lineEnd)), 16);
      bytes.copyWithin(to, lineEnd + 2, lineEnd + 2 + size);
      to += size;
      at = lineEnd + 2 + size + 2;
      if (size === 0) break;
    }
    return bytes.subarray(this.bodyAt, to);
  }
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}
