/**
 * The pieces of a page of stored labels, asked for ahead of the connection that takes them. Writing a
 * row costs several times what reading and sending it do, so both sides write: the store, in its
 * thread, most pieces, and this side those for which it gets the rows, while it would else wait. The
 * same few megabytes of memory go round.
 *
 * @module
 */

import type { LabelFormatter } from "../label/format.ts";
import { release } from "../market/release.ts";
import {
  assertWhole,
  LABEL_TEXT_BYTES,
  LABEL_TEXT_ROWS,
  type LabelPieceQuery,
  type TextMemory,
} from "../store/label_text.ts";
import { TEXT_MEMORIES_MAX, TEXT_PIECES_AHEAD } from "./limits.ts";
import type { Pieces } from "./page_body.ts";
import type { LabelTextAnswer } from "./port.ts";

/** Memory of pieces that nobody uses now. */
export class TextMemories {
  readonly #free: TextMemory[] = [];

  /** Pieces' memory to be taken. */
  get size(): number {
    return this.#free.length;
  }

  /** Memory of {@linkcode LABEL_TEXT_BYTES} at least, until it is given back. */
  take(): TextMemory {
    return this.#free.pop() ?? new Uint8Array(LABEL_TEXT_BYTES);
  }

  /** Gives back the memory that a piece lies in; beyond {@linkcode TEXT_MEMORIES_MAX} it is freed. */
  give({ buffer }: TextMemory): void {
    const isKept = buffer.byteLength >= LABEL_TEXT_BYTES &&
      buffer.byteLength <= 2 * LABEL_TEXT_BYTES && this.#free.length < TEXT_MEMORIES_MAX;
    if (isKept) this.#free.push(new Uint8Array(buffer));
    else if (!buffer.detached) buffer.transfer(0);
  }
}

/** Of so many pieces two are written here: this side has the sending to do as well. */
const HERE_OF = 5;

/** See the module's text. */
export class LabelPieces implements Pieces {
  readonly count: number;
  readonly #answer: LabelTextAnswer;
  readonly #memories: TextMemories;
  readonly #formatter: LabelFormatter;
  /** Asked for, in order; the first one is there. */
  readonly #ahead: (TextMemory | Promise<TextMemory>)[];
  /** The piece to be asked for next. */
  #index = 1;
  /** Given out last. */
  #sent: TextMemory | null = null;
  #isReleased = false;

  /** `formatter` is that of the format which was asked for; pages share it. */
  constructor(answer: LabelTextAnswer, memories: TextMemories, formatter: LabelFormatter) {
    this.#formatter = formatter;
    const { first, starts } = answer.page;
    this.count = starts.length;
    this.#answer = answer;
    this.#memories = memories;
    this.#ahead = [first];
    while (this.#ahead.length <= TEXT_PIECES_AHEAD && this.#index < this.count) {
      this.#ask(memories.take());
    }
  }

  async next(): Promise<TextMemory> {
    const sent = this.#sent;
    this.#sent = null;
    if (sent !== null && this.#index < this.count) this.#ask(new Uint8Array(sent.buffer));
    else if (sent !== null) this.#memories.give(sent);
    const piece = await (this.#ahead.shift() ?? Promise.reject(new RangeError(NO_MORE)));
    if (this.#isReleased) this.#memories.give(piece);
    else this.#sent = piece;
    return piece;
  }

  /** What is on its way is taken back when it comes. */
  release(): void {
    this.#isReleased = true;
    if (this.#sent !== null) this.#memories.give(this.#sent);
    this.#sent = null;
    for (const piece of this.#ahead.splice(0)) {
      Promise.resolve(piece).then((memory) => this.#memories.give(memory), () => {});
    }
  }

  #ask(memory: TextMemory): void {
    const { length, starts, endTs } = this.#answer.page;
    const at = this.#index++;
    const piece = {
      fromTs: starts[at] as number,
      toTs: starts[at + 1] ?? endTs,
      rows: Math.min(LABEL_TEXT_ROWS, length - at * LABEL_TEXT_ROWS),
    };
    const isHere = at % HERE_OF === 1 || at % HERE_OF === 3;
    const asked = isHere ? this.#written(piece, memory) : this.#answer.piece({ ...piece, memory });
    // Told by `next`, if it ever comes to that piece.
    asked.catch(() => {});
    this.#ahead.push(asked);
  }

  async #written(
    piece: Pick<LabelPieceQuery, "fromTs" | "toTs" | "rows">,
    memory: TextMemory,
  ): Promise<TextMemory> {
    const found = await this.#answer.rows(piece);
    if (this.#isReleased) return memory;
    assertWhole(found.labels, piece);
    const text = this.#formatter.into(memory, found.labels, 0, piece.rows, found);
    for (const column of [found.labels.ts, found.revisions, found.seqs]) release(column);
    return text;
  }
}

const NO_MORE = "Cannot give another piece: expected no more than `count`";
