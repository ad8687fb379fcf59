/**
 * Bringing copy and log together when a node starts.
 *
 * | copy | log | what happens |
 * |---|---|---|
 * | empty | has a snapshot | the snapshot becomes the copy |
 * | empty | whole | all entries are applied |
 * | empty, in memory | was trimmed | refused (`gone`): it cannot begin at a snapshot |
 * | of this log | reaches back to it | read on |
 * | of this log | was trimmed beyond it | the snapshot takes its place |
 * | of this log, ahead of it or different | | refused (`foreign`): the log lost its end, the copy has it |
 * | of another log | | refused (`foreign`): it may be the only one of that log |
 * | damaged | has a snapshot, or is whole | set aside under another name, and made anew |
 * | with data of no log | empty | its data becomes the snapshot that the log begins with |
 * | with data of no log | not empty | refused (`foreign`): the data are in no log |
 *
 * @module
 */

import { pause } from "../../actor/clock.ts";
import { StoreError } from "../error.ts";
import { type Copy, type CopyHome, markIn, piecesOf } from "./copy.ts";
import { EntryClock } from "./entry_clock.ts";
import { goneText } from "./memory_log.ts";
import { LogError, type LogMark, type LogStand, type SharedLog } from "./port.ts";
import type { ReplicatedStoreOptions } from "./replicated_store.ts";
import { backupFile } from "./snapshotter.ts";

/** How long opening waits for the log unless said otherwise, ms. */
const OPEN_LIMIT_MS = 10_000;
/** Pause between two tries, ms. */
const AGAIN_MS = 100;
/** Tries to load a snapshot: each may be replaced while it is read. */
const LOADS_MAX = 3;

/** A copy that is ready to follow. */
export interface OpenedCopy {
  readonly copy: Copy;
  readonly mark: LogMark;
  /** The log as it was met; null when it could not be reached. */
  readonly stand: LogStand | null;
  readonly entryClock: EntryClock;
}

/** The copy that is open; null while a snapshot takes its place. */
interface Current {
  copy: Copy | null;
}

/**
 * See the module's text.
 *
 * @throws {LogError | StoreError} As there.
 */
export async function openCopy(options: ReplicatedStoreOptions): Promise<OpenedCopy> {
  const entryClock = new EntryClock(options.clock.wallNow());
  const current: Current = { copy: await opened(options, entryClock) };
  try {
    return { ...await met(options, current, entryClock), entryClock };
  } catch (error) {
    current.copy?.store.close();
    throw error;
  }
}

/** Opens the copy; a damaged one is set aside when the log can make it anew. */
async function opened(
  { log, copy: home, clock, openLimitMs = OPEN_LIMIT_MS }: ReplicatedStoreOptions,
  entryClock: EntryClock,
): Promise<Copy> {
  try {
    return home.open(entryClock);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "damaged") throw error;
    const stand = await untilMet(log, null, clock, openLimitMs);
    if (stand === null || !canBegin(stand, home)) throw error;
    home.setAside();
    return home.open(entryClock);
  }
}

function canBegin({ firstPosition, snapshot }: LogStand, home: CopyHome): boolean {
  return (snapshot !== null && home.restore !== null) || (snapshot === null && firstPosition === 1);
}

async function met(
  options: ReplicatedStoreOptions,
  current: Current,
  entryClock: EntryClock,
): Promise<Omit<OpenedCopy, "entryClock">> {
  const { log, copy: home, clock, openLimitMs = OPEN_LIMIT_MS } = options;
  for (let loads = 0;; loads++) {
    const copy = current.copy ??= home.open(entryClock);
    const { mark } = copy;
    const stand = await untilMet(log, mark, clock, openLimitMs);
    if (stand === null) {
      if (mark !== null) return { copy, mark, stand };
      throw new LogError("away", "Cannot open the store: the log cannot be reached");
    }
    const place = mark ?? { log: stand.log, position: 0, writer: "", number: 0 };
    const isNew = mark === null;
    if (isNew && !isEmpty(copy)) {
      await seed(options, copy, stand, place);
      return { copy, mark: place, stand };
    }
    const isBehind = place.position < stand.firstPosition - 1;
    if (!isBehind && (!isNew || stand.snapshot === null)) return { copy, mark: place, stand };
    if (home.restore === null || loads >= LOADS_MAX) {
      const reason = home.restore === null ? ": a copy in memory cannot begin at a snapshot" : "";
      throw new LogError("gone", goneText(place.position, stand.firstPosition) + reason);
    }
    copy.store.close();
    current.copy = null;
    await load(log, home);
  }
}

function isEmpty({ store }: Copy): boolean {
  const { series, letters } = store.info();
  return store.seq === 0 && series === 0 && letters === 0;
}

async function load(log: SharedLog, home: CopyHome): Promise<void> {
  try {
    const found = await log.snapshot();
    if (found !== null) await home.restore?.(found.pieces);
  } catch (error) {
    // Replaced while it was read: the next one is there. Away: it is met again, or waited for.
    const passes = error instanceof LogError && (error.code === "gone" || error.code === "away");
    if (!passes) throw error;
  }
}

/** What a store held before it followed a log becomes what the log begins with. */
async function seed(
  { log, copy: home }: ReplicatedStoreOptions,
  copy: Copy,
  stand: LogStand,
  place: LogMark,
): Promise<void> {
  const isFirst = stand.position === 0 && stand.snapshot === null;
  if (!isFirst || home.path === null) throw dataOfNoLog(home);
  copy.setMark(place);
  const written = copy.putMark();
  if (written.state === "refused") throw new StoreError("unreachable", written.message);
  const put = await backupFile(
    copy.store,
    home.path,
    async (path) => await log.putSnapshot(0, piecesOf(path)),
  );
  const own = await backupFile(copy.store, home.path, (path) => Promise.resolve(markIn(path)));
  if (put.position !== 0 || own === null) throw dataOfNoLog(home);
}

function dataOfNoLog({ path }: CopyHome): StoreError {
  return new StoreError(
    "foreign",
    `Cannot follow the log: expected ${
      path ?? "the copy"
    } to be empty, or the log to be: current ` +
      "value is data that are in no log: name another data directory",
  );
}

/** The log once it answers; null when it did not in time. */
async function untilMet(
  log: SharedLog,
  mark: LogMark | null,
  clock: ReplicatedStoreOptions["clock"],
  limitMs: number,
): Promise<LogStand | null> {
  const untilMs = clock.now() + limitMs;
  for (;;) {
    try {
      return await log.meet(mark);
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== "away") throw error;
      if (clock.now() >= untilMs) return null;
      await pause(clock, AGAIN_MS);
    }
  }
}
