// The live stream of the page: one connection for the topics that are on screen. EventSource cannot
// send a token, so server-sent events are read by fetch.

import { call } from "./ask.js";

/** What a problem of the stream itself is told under, in the place of a topic. */
export const ABOUT_ITSELF = "live figures";
/** Without a frame for so long, what is on screen is stale. */
const STALE_MS = 3_000;
const CHECK_MS = 500;
/** A connection that has brought nothing for so long is given up: nobody may tell that it broke. */
const HANGING_MS = 10_000;
const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 15_000;
/** A frame that is longer is no frame of ours. */
const FRAME_CHARS_MAX = 32 * 1024 * 1024;

/**
 * The stream. Its state is one of
 *
 * - `connecting`: nothing has come yet; `away`: and nobody answers,
 * - `live`: a frame came within 3 s,
 * - `stale`: none did; `sinceMs` is when the last one came,
 * - `paused`: the visitor paused it, or the page is hidden,
 * - `locked`: the service wants a token.
 */
export class LiveStream {
  #topics = [];
  #on;
  #control = null;
  #startedMs = 0;
  #again = null;
  #failures = 0;
  #isPaused = false;
  #state = "connecting";
  #lastMs = null;
  /** Clock of the service less ours. */
  #offsetMs = 0;

  /** `on`: `{ frame(topic, data, at), problem(topic, detail), state(state, sinceMs) }`. */
  constructor(on) {
    this.#on = on;
    setInterval(() => this.#check(), CHECK_MS);
    document.addEventListener("visibilitychange", () => this.#restart());
  }

  /** Changes what is asked for. */
  watch(topics) {
    const wanted = [...new Set(topics)].sort();
    if (wanted.join() === this.#topics.join() && this.#control !== null) return;
    this.#topics = wanted;
    this.#restart();
  }

  get isPaused() {
    return this.#isPaused;
  }

  /** Stops the stream until it is resumed. */
  setPaused(isPaused) {
    this.#isPaused = isPaused;
    this.#restart();
  }

  /** Tries again at once. */
  retry() {
    this.#failures = 0;
    this.#restart();
  }

  /** Clock of the service, epoch ms. */
  now() {
    return Date.now() + this.#offsetMs;
  }

  #restart() {
    this.#control?.abort();
    this.#control = null;
    clearTimeout(this.#again);
    this.#again = null;
    if (this.#isPaused || document.hidden) return this.#show("paused");
    if (this.#topics.length === 0) return;
    if (this.#state !== "live" && this.#state !== "stale") this.#show("connecting");
    this.#control = new AbortController();
    this.#startedMs = Date.now();
    this.#run(this.#control.signal);
  }

  async #run(signal) {
    try {
      const topics = encodeURIComponent(this.#topics.join(","));
      const answer = await call(`/api/live?topics=${topics}`, { signal });
      await this.#read(answer.body, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) return this.#show("locked");
      if (error.status !== undefined) this.#on.problem(ABOUT_ITSELF, error.message);
    }
    if (signal.aborted) return;
    if (this.#lastMs === null) this.#show("away");
    const waitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Half of it by chance, so that many pages do not come back together.
    this.#again = setTimeout(() => this.#restart(), waitMs * (0.5 + Math.random() / 2));
  }

  async #read(body, signal) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    while (!signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      if (rest.length > FRAME_CHARS_MAX) return void reader.cancel();
      for (const block of blocks) if (!signal.aborted) this.#take(block);
    }
  }

  #take(block) {
    const event = /^event: (.*)$/m.exec(block)?.[1];
    const json = /^data: (.*)$/m.exec(block)?.[1];
    if (event === undefined || json === undefined) return;
    const frame = JSON.parse(json);
    this.#failures = 0;
    this.#lastMs = Date.now();
    if (Number.isFinite(frame.at)) this.#offsetMs = frame.at - this.#lastMs;
    this.#show("live");
    if (event === "problem") this.#on.problem(frame.topic, frame.detail);
    else if (event !== "beat") this.#on.frame(event, frame.data, frame.at);
  }

  #check() {
    const nowMs = Date.now();
    const sinceMs = this.#lastMs;
    if (this.#state === "live" && nowMs - sinceMs > STALE_MS) this.#show("stale");
    const isWaiting = this.#control !== null && this.#again === null && this.#state !== "locked";
    const heardMs = Math.max(sinceMs ?? 0, this.#startedMs);
    if (isWaiting && nowMs - heardMs > HANGING_MS) this.#restart();
  }

  #show(state) {
    if (state === this.#state && state !== "stale") return;
    this.#state = state;
    this.#on.state(state, this.#lastMs === null ? null : this.#lastMs + this.#offsetMs);
  }
}
