/** A receiver of webhooks on a free port of this machine, as well or badly behaved as a test wants. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { verifyWebhook } from "../../../src/http/webhook/signature.ts";

export const SECRET = "webhook-secret-0123456789";

/** A delivery as it came. */
export interface Delivery {
  readonly path: string;
  readonly body: string;
  readonly isSigned: boolean;
  /** Value of `Authorization`; null when there is none. */
  readonly authorization: string | null;
  /** Its rows, as `SEQ-ROW`; none when it is of alerts. */
  readonly rows: readonly string[];
  /** Whether it was answered with 2xx. */
  isTaken: boolean;
}

/** Answers a delivery; the default takes it. */
export type Answer = (response: ServerResponse, delivery: Delivery) => void | Promise<void>;

/** Takes a delivery. */
export const take: Answer = (response, delivery) => {
  delivery.isTaken = true;
  response.writeHead(204).end();
};

/** Answers with a status. */
export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (response) => void response.writeHead(code, headers).end("no");
}

/** Ends the connection without an answer. */
export const hangUp: Answer = (response) => void response.socket?.destroy();

/** See the module's text. */
export class Receiver implements AsyncDisposable {
  readonly deliveries: Delivery[] = [];
  answer: Answer = take;
  readonly #server: Server;
  #changed: (() => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => void this.#take(request, response));
  }

  static async start(): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Receiver(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/labels`;
  }

  /** Rows of the deliveries that were taken, in their order. */
  get taken(): readonly string[] {
    return this.deliveries.filter(({ isTaken }) => isTaken).flatMap(({ rows }) => rows);
  }

  /** Resolves once it is so; looked at after each delivery. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    request.setEncoding("utf8");
    for await (const text of request) body += text;
    const header = request.headers["wick-signature"];
    const delivery: Delivery = {
      path: request.url ?? "",
      body,
      authorization: request.headers.authorization ?? null,
      isSigned: verifyWebhook(SECRET, String(header), body, Date.now()),
      rows: body.startsWith("{")
        ? (JSON.parse(body).labels ?? []).map(({ seq, row }: { seq: number; row: number }) =>
          `${seq}-${row}`
        )
        : [],
      isTaken: false,
    };
    this.deliveries.push(delivery);
    await this.answer(response, delivery);
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
