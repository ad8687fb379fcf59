/**
 * What watchers of the live stream are sent: once a second each topic that somebody watches is asked
 * for, once for all of them, and whoever does not have the answer yet is given it.
 *
 * - Without watchers nothing is asked and no timer runs.
 * - A topic that takes long holds up no other and is not asked again meanwhile; one that fails, takes
 *   too long or is too large is a `problem` until it answers again.
 * - A watcher has no queue but a note of what it was sent: one that reads slowly skips states that
 *   were replaced meanwhile, and costs no memory. Of lines it misses only what their ring gave up,
 *   and is told how many.
 * - Every second there is a `beat`, which says that the stream lives when nothing changes.
 *
 * @module
 */

import type { Cancel, Clock } from "../actor/clock.ts";

/** Time between two looks at a topic, and between two beats: people watch. */
export const LIVE_EVERY_MS = 1_000;
/** A topic that has not answered for so long is a problem, ms; its answer counts all the same. */
export const LIVE_LATE_MS = 5_000;
/** Characters of a frame's JSON: a tree of 2,000 actors, or 200 letters with all of a preview. */
export const LIVE_FRAME_CHARS_MAX = 2 * 1024 * 1024;

/** Lines of a topic after some id. */
export interface LinesFrame {
  /** JSON. */
  readonly text: string;
  /** Everything up to this id is in it, or not kept. */
  readonly lastId: number;
}

/** Where the frames of a topic come from. */
export type LiveSource =
  | {
    /** The frame is how things are: a later one takes the place of an earlier one. */
    readonly kind: "state";
    /** JSON. */
    readonly ask: () => Promise<string>;
  }
  | {
    /** Frames follow on each other. */
    readonly kind: "lines";
    /** Id of the last line. */
    readonly lastId: () => number;
    /** Lines after an id; null = the last ones, to begin with. */
    readonly after: (id: number | null) => LinesFrame;
  };

/** What a hub is made of. */
export interface LiveHubOptions<T extends string> {
  readonly sources: Readonly<Record<T, LiveSource>>;
  readonly clock: Clock;
  /** What is said of an error, for people and without anything internal. */
  readonly explain: (error: unknown, topic: T) => string;
  readonly frameCharsMax?: number;
}

/** How a topic stands. */
interface State<T> {
  readonly topic: T;
  watchers: number;
  /** A call is under way. */
  isBusy: boolean;
  beganMs: number;
  kind: "data" | "problem" | null;
  /** JSON, or what is wrong. */
  text: string;
  bytes: Uint8Array;
  /** Grows with each frame. */
  version: number;
  /** Of lines: frames made since the last tick, by the id that they begin after. */
  frames: Map<number | null, { readonly bytes: Uint8Array; readonly lastId: number }>;
  /** Of lines: the last id at the last tick. */
  lastId: number;
}

const encoder = new TextEncoder();
const NONE = new Uint8Array();

/** See the module's text. */
export class LiveHub<T extends string> {
  readonly #options: LiveHubOptions<T>;
  readonly #states: ReadonlyMap<T, State<T>>;
  readonly #watchers = new Set<LiveWatcher<T>>();
  #cancelTick: Cancel | null = null;
  #beat: Uint8Array = NONE;
  #beats = 0;

  constructor(options: LiveHubOptions<T>) {
    this.#options = options;
    const topics = Object.keys(options.sources) as T[];
    this.#states = new Map(topics.map((topic) => [topic, newState(topic)]));
  }

  /** Watchers there are. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** A new watcher; what is known is pending at once, the rest as soon as it is. */
  watch(topics: readonly T[]): LiveWatcher<T> {
    const watcher = new LiveWatcher<T>(this, topics);
    this.#watchers.add(watcher);
    for (const topic of topics) {
      const state = this.#stateOf(topic);
      const source = this.#options.sources[topic];
      state.watchers++;
      if (source.kind === "lines") state.lastId = source.lastId();
      else if (state.kind === null && !state.isBusy) this.#begin(state, source.ask);
    }
    if (this.#cancelTick === null) this.#arm();
    return watcher;
  }

  /** @internal */
  forget(watcher: LiveWatcher<T>, topics: readonly T[]): void {
    if (!this.#watchers.delete(watcher)) return;
    for (const topic of topics) {
      const state = this.#stateOf(topic);
      if (--state.watchers > 0) continue;
      // Whoever comes next is not shown what was long ago.
      state.kind = null;
      state.text = "";
      state.bytes = NONE;
      state.frames.clear();
    }
    if (this.#watchers.size > 0) return;
    this.#cancelTick?.();
    this.#cancelTick = null;
  }

  /** Number of the last beat, and its frame. @internal */
  get beat(): { readonly number: number; readonly bytes: Uint8Array } {
    return { number: this.#beats, bytes: this.#beat };
  }

  /** A beat as of now. @internal */
  beatNow(): Uint8Array {
    return frameOf("beat", `{"at":${this.#options.clock.wallNow()}}`);
  }

  /**
   * The frame of a topic that somebody who was sent `mark` has not had; null = none. Of states a mark
   * is a version, of lines the last id; null = nothing was sent.
   *
   * @internal
   */
  frameAfter(topic: T, mark: number | null): { bytes: Uint8Array; mark: number } | null {
    const state = this.#stateOf(topic);
    const source = this.#options.sources[topic];
    if (source.kind === "state") {
      if (state.kind === null || state.version === mark) return null;
      return { bytes: state.bytes, mark: state.version };
    }
    if (mark !== null && mark >= state.lastId) return null;
    let frame = state.frames.get(mark);
    if (frame === undefined) {
      const { text, lastId } = source.after(mark);
      frame = { bytes: this.#dataFrame(topic, text), lastId };
      state.frames.set(mark, frame);
    }
    return { bytes: frame.bytes, mark: Math.max(frame.lastId, mark ?? 0) };
  }

  #stateOf(topic: T): State<T> {
    return this.#states.get(topic) as State<T>;
  }

  #arm(): void {
    this.#cancelTick = this.#options.clock.setTimer(LIVE_EVERY_MS, () => {
      this.#arm();
      this.#tick();
    });
  }

  #tick(): void {
    const { clock, sources } = this.#options;
    this.#beats++;
    this.#beat = this.beatNow();
    const nowMs = clock.now();
    for (const state of this.#states.values()) {
      if (state.watchers === 0) continue;
      const source = sources[state.topic];
      if (source.kind === "lines") {
        state.frames.clear();
        state.lastId = source.lastId();
      } else if (!state.isBusy) this.#begin(state, source.ask);
      else if (nowMs - state.beganMs >= LIVE_LATE_MS) {
        this.#set(state, "problem", `no answer for ${LIVE_LATE_MS / 1_000} s`);
      }
    }
    for (const watcher of this.#watchers) watcher.wake();
  }

  #begin(state: State<T>, ask: () => Promise<string>): void {
    state.isBusy = true;
    state.beganMs = this.#options.clock.now();
    const { explain, frameCharsMax = LIVE_FRAME_CHARS_MAX } = this.#options;
    Promise.try(ask).then((text) => {
      state.isBusy = false;
      if (text.length <= frameCharsMax) return this.#set(state, "data", text);
      this.#set(state, "problem", tooLarge(state.topic, frameCharsMax, text.length));
    }, (error) => {
      state.isBusy = false;
      this.#set(state, "problem", explain(error, state.topic));
    });
  }

  #set(state: State<T>, kind: "data" | "problem", text: string): void {
    if (state.watchers === 0 || (state.kind === kind && state.text === text)) return;
    const { topic } = state;
    state.kind = kind;
    state.text = text;
    state.version++;
    state.bytes = kind === "data"
      ? this.#dataFrame(topic, text)
      : frameOf("problem", JSON.stringify({ topic, detail: text }));
    for (const watcher of this.#watchers) watcher.wake();
  }

  #dataFrame(topic: T, text: string): Uint8Array {
    return frameOf(topic, `{"at":${this.#options.clock.wallNow()},"data":${text}}`);
  }
}

/** One that is sent frames. */
export class LiveWatcher<T extends string> {
  readonly #hub: LiveHub<T>;
  readonly #topics: readonly T[];
  /** Of each topic, what it was sent. */
  readonly #marks: (number | null)[];
  /** Where to look first, so that frequent frames leave room for the others; 0 = the beat. */
  #turn = 0;
  /** Number of the beat sent last; null = none. */
  #beat: number | null = null;
  #wake: (() => void) | null = null;
  #isClosed = false;

  /** @internal */
  constructor(hub: LiveHub<T>, topics: readonly T[]) {
    this.#hub = hub;
    this.#topics = topics;
    this.#marks = topics.map(() => null);
  }

  /** The next frame, waiting for one; null once `signal` says so, or it is closed. */
  async next(signal: AbortSignal): Promise<Uint8Array | null> {
    while (!signal.aborted && !this.#isClosed) {
      const frame = this.#pending();
      if (frame !== null) return frame;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener("abort", this.wake);
      await promise;
      signal.removeEventListener("abort", this.wake);
    }
    return null;
  }

  /** There may be a frame. @internal */
  readonly wake = (): void => {
    this.#wake?.();
    this.#wake = null;
  };

  /** Ends it; idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#hub.forget(this, this.#topics);
    this.wake();
  }

  #pending(): Uint8Array | null {
    const channels = this.#topics.length + 1;
    for (let i = 0; i < channels; i++) {
      const channel = (this.#turn + i) % channels;
      const frame = channel === 0 ? this.#nextBeat() : this.#nextOf(channel - 1);
      if (frame === null) continue;
      this.#turn = channel + 1;
      return frame;
    }
    return null;
  }

  #nextBeat(): Uint8Array | null {
    const { number, bytes } = this.#hub.beat;
    if (this.#beat === number) return null;
    const isFirst = this.#beat === null;
    this.#beat = number;
    return isFirst ? this.#hub.beatNow() : bytes;
  }

  #nextOf(index: number): Uint8Array | null {
    const frame = this.#hub.frameAfter(this.#topics[index] as T, this.#marks[index] ?? null);
    if (frame === null) return null;
    this.#marks[index] = frame.mark;
    return frame.bytes;
  }
}

/** The chunks of a stream; ends when `signal` says so. */
export async function* liveStream<T extends string>(
  watcher: LiveWatcher<T>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  try {
    for (let frame; (frame = await watcher.next(signal)) !== null;) yield frame;
  } finally {
    watcher.close();
  }
}

/** JSON holds no line ends, so one `data` line is enough. */
function frameOf(event: string, json: string): Uint8Array {
  return encoder.encode(`event: ${event}\ndata: ${json}\n\n`);
}

function tooLarge(topic: string, charsMax: number, chars: number): string {
  return `Cannot send ${topic}: expected at most ${charsMax} characters: current value is ${chars}`;
}

function newState<T>(topic: T): State<T> {
  return {
    topic,
    watchers: 0,
    isBusy: false,
    beganMs: 0,
    kind: null,
    text: "",
    bytes: NONE,
    version: 0,
    frames: new Map(),
    lastId: 0,
  };
}
