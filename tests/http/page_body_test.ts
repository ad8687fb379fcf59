/** Pages of labels on a socket: pieces that share memory, clients that are slow or go away. */

import { assert, assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import { connect } from "node:net";
import { nextTurn } from "../../src/actor/clock.ts";
import { FormatterPool } from "../../src/http/formatter_pool.ts";
import type { Call } from "../../src/http/handler.ts";
import { PAGE_BUFFERS_MAX, PAGE_PIECE_ROWS, PIECE_BYTES_SOCKET } from "../../src/http/limits.ts";
import { pageResponse, rowPieces } from "../../src/http/page_body.ts";
import { candleLines, type Served, served } from "./support.ts";

/** 5 MB: more than the system holds for a reader that does not read. */
const ROWS = 19 * PAGE_PIECE_ROWS + 7;
const NDJSON = { accept: "application/x-ndjson" };

async function filled(): Promise<Served> {
  const to = await served();
  const headers = { "content-type": "application/x-ndjson" };
  for (const [seed, symbol] of [[1, "EUR_USD:H1"], [2, "GBP_USD:H1"]] as const) {
    const body = candleLines(ROWS + 100, { seed }).join("\n").replaceAll("EUR_USD:H1", symbol);
    await (await fetch(`${to.url}/api/candles`, { method: "POST", headers, body })).body?.cancel();
  }
  return to;
}

const pathOf = (symbol: string) => `/api/labels?series=${symbol}:H1&limit=${ROWS}`;

/** The page as its rows are when nobody shares memory: in pages of one piece. */
async function expectedText(to: Served, symbol: string): Promise<string> {
  let text = "", cursor = "";
  for (let left = ROWS; left > 0; left -= PAGE_PIECE_ROWS) {
    const limit = Math.min(left, PAGE_PIECE_ROWS);
    const url = `${to.url}/api/labels?series=${symbol}:H1&limit=${limit}${cursor}`;
    const answer = await fetch(url, { headers: NDJSON });
    text += await answer.text();
    cursor = `&cursor=${answer.headers.get("wick-next")}`;
  }
  return text;
}

/** Reads the beginning of a page, no more until `goOn`, then the rest or nothing. */
function slowly(to: Served, path: string, goOn: Promise<"read" | "leave">): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    const socket = connect(to.port, "127.0.0.1");
    socket.once("data", () => {
      socket.pause();
      goOn.then((how) => how === "read" ? socket.resume() : socket.destroy());
    });
    socket.on("data", (chunk) => chunks.push(chunk as Uint8Array));
    socket.on("error", reject);
    socket.on("close", () => {
      new Blob(chunks as Uint8Array<ArrayBuffer>[]).text().then(resolve, reject);
    });
    const head = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${to.port}\r\n`;
    socket.write(`${head}Accept: application/x-ndjson\r\nConnection: close\r\n\r\n`);
  });
}

/** Pages of both series, several at a time. */
async function readBoth(to: Served, euro: string, pound: string): Promise<void> {
  await Promise.all(Array.from({ length: 6 }, async (_, i) => {
    const [symbol, expected] = i % 2 === 0 ? ["GBP_USD", pound] : ["EUR_USD", euro];
    const answer = await fetch(`${to.url}${pathOf(symbol)}`, { headers: NDJSON });
    assert(await answer.text() === expected, `page ${i}`);
  }));
}

/** The rows of a raw answer, its chunks joined. */
function bodyOf(answer: string): string {
  let rest = answer.slice(answer.indexOf("\r\n\r\n") + 4), body = "";
  for (;;) {
    const end = rest.indexOf("\r\n"), size = parseInt(rest.slice(0, end), 16);
    if (!(size > 0)) return body;
    body += rest.slice(end + 2, end + 2 + size);
    rest = rest.slice(end + 2 + size + 2);
  }
}

Deno.test("a page reaches a slow reader whole, whatever is read meanwhile", async () => {
  await using to = await filled();
  const [euro, pound] = [await expectedText(to, "EUR_USD"), await expectedText(to, "GBP_USD")];
  assertEquals(euro.trimEnd().split("\n").length, ROWS);
  assert(euro !== pound);
  const others = Promise.withResolvers<"read">();
  const slow = slowly(to, pathOf("EUR_USD"), others.promise);
  await readBoth(to, euro, pound);
  others.resolve("read");
  assert(bodyOf(await slow) === euro);
});

Deno.test("a client that goes away amid a page spoils no other page", async () => {
  await using to = await filled();
  const [euro, pound] = [await expectedText(to, "EUR_USD"), await expectedText(to, "GBP_USD")];
  for (let round = 0; round < 3; round++) {
    const amid = Promise.withResolvers<"leave">();
    const gone = slowly(to, pathOf("EUR_USD"), amid.promise);
    const pages = readBoth(to, euro, pound);
    amid.resolve("leave");
    await gone;
    await pages;
  }
});

Deno.test("pages give back what they write with, once, on any way out", async () => {
  const texts = ["abc", "def", "ghi"];
  const memory = new Uint8Array(3);
  let released = 0;
  const write = (from: number) => {
    memory.set(new TextEncoder().encode(texts[from / PAGE_PIECE_ROWS]));
    return memory;
  };
  const page = (length: number) => ({
    pieces: () => rowPieces(length, write, () => void released++),
    next: null,
    about: {},
  });
  const request = new Request("http://localhost/", { headers: NDJSON });
  const call = { request, bindings: undefined };
  // Who keeps the pieces to the end has each as it was.
  assertEquals(await (await pageResponse(page(3 * PAGE_PIECE_ROWS), call)).text(), "abcdefghi");
  assertEquals(released, 1);
  assertEquals(await (await pageResponse(page(1), call)).text(), "abc");
  assertEquals(released, 2);
  await (await pageResponse(page(2 * PAGE_PIECE_ROWS), call)).body?.cancel();
  assertEquals(released, 3);
});

Deno.test("a page that is over writes nothing more into memory that may be another page's", async () => {
  const outgoing = new EventEmitter();
  const memory = new Uint8Array(PIECE_BYTES_SOCKET);
  const log: string[] = [];
  const write = (from: number) => {
    log.push(`writes ${from / PAGE_PIECE_ROWS}`);
    return memory;
  };
  const release = () => void log.push("gives back");
  const page = {
    pieces: () => rowPieces(3 * PAGE_PIECE_ROWS, write, release),
    next: null,
    about: {},
  };
  const request = new Request("http://localhost/", { headers: NDJSON });
  const bindings = { outgoing } as unknown as NonNullable<Call["bindings"]>;
  const reader = (await pageResponse(page, { request, bindings })).body?.getReader();
  assert(reader !== undefined);
  assertEquals((await reader.read()).value?.length, memory.length);
  const second = reader.read().catch(() => {});
  // The second piece waits for its turn of the event loop, which comes after this.
  await Promise.resolve();
  outgoing.emit("close");
  const turns = Promise.withResolvers<void>();
  nextTurn(() => nextTurn(turns.resolve));
  await turns.promise;
  assertEquals(log, ["writes 0", "gives back"]);
  // As node:http does on "close"; the memory is given back only once.
  await reader.cancel();
  await second;
  assertEquals(log, ["writes 0", "gives back"]);
});

Deno.test("FormatterPool hands out what was given back, and keeps a few", () => {
  const pool = new FormatterPool("json");
  const first = pool.take();
  assert(pool.take() !== first);
  pool.give(first);
  assertEquals([pool.size, pool.take() === first, pool.size], [1, true, 0]);
  for (let i = 0; i < 2 * PAGE_BUFFERS_MAX; i++) pool.give(pool.take());
  const taken = Array.from({ length: 2 * PAGE_BUFFERS_MAX }, () => pool.take());
  for (const formatter of taken) pool.give(formatter);
  assertEquals(pool.size, PAGE_BUFFERS_MAX);
});
