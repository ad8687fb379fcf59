/**
 * What an aggregator keeps in the store: one record with all but the correlations that were handed in,
 * and those in records of their own, as they may be larger than one can be. The first record names
 * them, so that a crash between two writes leaves the old ones in force.
 *
 * @module
 */

import { Aggregator } from "./aggregator.ts";
import type { AggregatorOptions, AggregatorSnapshot } from "./aggregator_types.ts";
import type { CorrelationInput } from "./correlation.ts";
import { correlationBytes, readCorrelationBytes } from "./correlation_bytes.ts";
import { RefreshError, shown } from "./error.ts";

/** Where the one record lies. */
export const AGGREGATOR_RECORD = { kind: "refresh", key: "aggregator" } as const;

/** Kind of the records with correlations. */
export const CORRELATIONS_KIND = "refresh_correlations";

/** Bytes of one of these records: 11 million characters of base64, of the 16 that one can have. */
export const PART_BYTES = 8 * 1024 * 1024;

/** A record, as it is written. */
export interface KeptPart {
  /** Unique within {@linkcode CORRELATIONS_KIND}. */
  readonly key: string;
  /** Its value. */
  readonly json: string;
}

/** What the one record holds. */
export interface KeptAggregator {
  /** Without correlations and stream. */
  readonly snapshot: AggregatorSnapshot;
  /** Keys of the records with correlations, in their order. */
  readonly correlations: readonly string[];
}

/** Correlations as records, whose keys begin with that name. O(cells). */
export function correlationParts(
  name: string,
  input: Exclude<CorrelationInput, { readonly kind: "matrix" }>,
  partBytes = PART_BYTES,
): readonly KeptPart[] {
  const bytes = correlationBytes(input);
  return Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, at) => ({
    key: `${name}:${at}`,
    json: JSON.stringify(bytes.subarray(at * partBytes, (at + 1) * partBytes).toBase64()),
  }));
}

/**
 * Correlations out of those records that are named.
 *
 * @throws {RefreshError} code `snapshot` when one is missing, or not as it was written.
 */
export function correlationsOfParts(
  keys: readonly string[],
  parts: ReadonlyMap<string, string>,
): CorrelationInput | null {
  if (keys.length === 0) return null;
  const pieces = keys.map((key) => {
    const json = parts.get(key);
    if (json === undefined) throw wrong("a record of correlations", key);
    return Uint8Array.fromBase64(JSON.parse(json) as string);
  });
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return readCorrelationBytes(bytes);
}

/**
 * The one record as it was written; what is in the snapshot is checked by whoever restores it.
 *
 * @throws {RefreshError} code `snapshot` when it is none.
 */
export function keptAggregator(json: string): KeptAggregator {
  const kept = JSON.parse(json) as Partial<KeptAggregator> | null;
  const { snapshot, correlations } = kept ?? {};
  const isRight = typeof snapshot === "object" && Array.isArray(correlations) &&
    correlations.every((key) => typeof key === "string");
  if (!isRight) throw wrong("a snapshot and names of correlations", json.slice(0, 40));
  return { snapshot: snapshot as AggregatorSnapshot, correlations };
}

/** The store, as far as records need it. Each may reject. */
export interface RecordPorts {
  /** The value of a record, or null. */
  readonly record: (kind: string, key: string) => Promise<string | null>;
  /** All records of a kind. */
  readonly records: (
    kind: string,
  ) => Promise<readonly { readonly key: string; readonly json: string }[]>;
  /** Rejects also when the store refuses it. */
  readonly put: (kind: string, key: string, json: string) => Promise<void>;
  /** As `put`. */
  readonly drop: (kind: string, key: string) => Promise<void>;
}

/** Saves an aggregator, and brings it back. */
export class AggregatorRecords {
  readonly #ports: RecordPorts;
  /** Says which correlations are meant: unique among all that were ever saved. */
  readonly #nameOf: () => string;
  #isDue = false;
  #isGivenDue = false;
  /** Keys of the records with the correlations that are in force. */
  #parts: readonly string[] = [];
  #saving: Promise<void> = Promise.resolve();

  /** `nameOf` gives names that were never given before. */
  constructor(ports: RecordPorts, nameOf: () => string) {
    this.#ports = ports;
    this.#nameOf = nameOf;
  }

  /** Whether something has changed since the last save. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Something has changed. */
  changed(): void {
    this.#isDue = true;
  }

  /** Other correlations were handed in. */
  givenChanged(): void {
    this.#isDue = true;
    this.#isGivenDue = true;
  }

  /**
   * An aggregator that goes on from what was saved; null when nothing was.
   *
   * @throws {RefreshError | SyntaxError} by rejecting, when that cannot be read. Rejects as reads do.
   */
  async restore(options: AggregatorOptions, nowMs?: number): Promise<Aggregator | null> {
    const { kind, key } = AGGREGATOR_RECORD;
    const json = await this.#ports.record(kind, key);
    const parts = new Map(
      (await this.#ports.records(CORRELATIONS_KIND)).map((part) => [part.key, part.json]),
    );
    if (json === null) return null;
    const { snapshot, correlations: names } = keptAggregator(json);
    const correlations = correlationsOfParts(names, parts);
    const aggregator = Aggregator.restore({ ...snapshot, correlations }, options, nowMs);
    this.#parts = names;
    // What a crash between two writes has left.
    await this.#drop([...parts.keys()].filter((part) => !names.includes(part)));
    return aggregator;
  }

  /** Saves it; one save after the other. Rejects when the store does not take it. */
  save(aggregator: Aggregator): Promise<void> {
    const saving = this.#saving.catch(() => {}).then(() => this.#save(aggregator));
    this.#saving = saving;
    return saving;
  }

  async #save(aggregator: Aggregator): Promise<void> {
    const isGivenDue = this.#isGivenDue;
    this.#isDue = false;
    this.#isGivenDue = false;
    try {
      const snapshot = aggregator.snapshot({ isLight: true, withGiven: false });
      const former = this.#parts;
      const parts = isGivenDue ? await this.#putGiven(aggregator) : former;
      const kept: KeptAggregator = { snapshot, correlations: parts };
      const { kind, key } = AGGREGATOR_RECORD;
      await this.#ports.put(kind, key, JSON.stringify(kept));
      this.#parts = parts;
      await this.#drop(former.filter((part) => !parts.includes(part)));
    } catch (error) {
      this.#isDue = true;
      this.#isGivenDue ||= isGivenDue;
      throw error;
    }
  }

  async #putGiven({ given }: Aggregator): Promise<readonly string[]> {
    if (given === null) return [];
    const parts = correlationParts(this.#nameOf(), given.toInput());
    for (const { key, json } of parts) await this.#ports.put(CORRELATIONS_KIND, key, json);
    return parts.map(({ key }) => key);
  }

  /** What cannot be dropped now is at the next start. */
  async #drop(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#ports.drop(CORRELATIONS_KIND, key).catch(() => {});
  }
}

const wrong = (expected: string, value: unknown) =>
  new RefreshError(
    "snapshot",
    `Cannot restore an aggregator: expected ${expected}: current value is ${shown(value)}`,
  );
