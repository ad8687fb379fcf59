/**
 * From the configuration to what the tree takes: sources of feeds, admission, label parameters.
 *
 * @module
 */

import type { Clock } from "../actor/clock.ts";
import { fileSource } from "../feed/file_source.ts";
import { firestoreSource } from "../feed/firestore_source.ts";
import { klineFeed } from "../feed/kline.ts";
import type { FeedSource } from "../feed/port.ts";
import { redisStreamFeed } from "../feed/redis_stream.ts";
import { syntheticFeed } from "../feed/synthetic.ts";
import { SYNTHETIC_FAULTS_NONE } from "../feed/synthetic_faults.ts";
import type { AdmissionByCount, AdmissionOptions } from "../label/admission.ts";
import { type LabelParams, labelParams } from "../label/params.ts";
import type { FeedConfig, WickConfig } from "./config_schema.ts";
import { firestoreOptionsOf, type FirestorePlace, NO_FIRESTORE } from "./serve_firestore.ts";
import { klineOptionsOf, redisStreamOptionsOf } from "./serve_streams.ts";

/** Shares of the older systems' queue at which refusing begins and ends: 8,000 and 2,000 of 10,000. */
const QUEUE_ON_SHARE = 0.8;
const QUEUE_OFF_SHARE = 0.2;

/** Settings that feeds of a service share. */
type FeedPlace = FirestorePlace & Pick<WickConfig, "redisUrl">;

/** Makes the source of a configured feed; called anew at every restart of its actor. */
export function sourceOf(
  feed: FeedConfig,
  rowsMax: number,
  clock: Clock,
  place: FeedPlace = { ...NO_FIRESTORE, redisUrl: null },
): FeedSource {
  const { name } = feed;
  if (feed.kind === "firestore") {
    return firestoreSource(clock, { ...firestoreOptionsOf(feed, place), rowsMax });
  }
  if (feed.kind === "klines") return klineFeed(clock, { ...klineOptionsOf(feed), rowsMax });
  if (feed.kind === "redis") {
    return redisStreamFeed(clock, { ...redisStreamOptionsOf(feed, place), rowsMax });
  }
  if (feed.kind === "file") {
    const { path, series, format, follow, speed } = feed;
    return fileSource(clock, {
      path,
      name,
      rowsMax,
      series,
      follow,
      speed,
      ...(format === null ? {} : { format }),
    });
  }
  const { seed, ratePerSecond, symbols, granularities, endMs, faults } = feed;
  return syntheticFeed(clock, {
    name,
    rowsMax,
    seed,
    granularities,
    endMs,
    speed: ratePerSecond === null ? "asFast" : { ratePerSecond },
    ...(symbols.length === 0 ? {} : { instruments: symbols.map((symbol) => ({ symbol })) }),
    ...(faults ? {} : { faults: SYNTHETIC_FAULTS_NONE }),
  });
}

/** What work is refused by. `off` is a count that is never reached. */
export function admissionOf(config: WickConfig): AdmissionOptions | AdmissionByCount {
  const { admission, queueSize } = config;
  if (admission === "delay") {
    return {
      onMs: config.admissionOnMs,
      offMs: config.admissionOffMs,
      hardMs: config.admissionHardMs,
    };
  }
  const hardCount = admission === "off" ? Number.MAX_SAFE_INTEGER : queueSize;
  return {
    onCount: Math.floor(hardCount * QUEUE_ON_SHARE),
    offCount: Math.floor(hardCount * QUEUE_OFF_SHARE),
    hardCount,
  };
}

/** What a label is. */
export function labelParamsOf(config: WickConfig): LabelParams {
  return labelParams({
    horizon: config.labelHorizon,
    up: config.labelUp,
    down: config.labelDown,
    tie: config.labelTie,
    vertical: config.labelVertical,
    volatility: config.labelVolatility,
    maxGapMs: config.labelMaxGapMs,
  });
}
