/**
 * The providers of a configuration file: schema, bounds and defaults, and the provider that an
 * entry stands for.
 *
 * @module
 */

import { z } from "zod";
import type { Clock } from "../actor/clock.ts";
import { eodhdMapping } from "./eodhd.ts";
import { ProviderError } from "./error.ts";
import { httpProvider } from "./http.ts";
import type { Fetch } from "./http_call.ts";
import { type KeyReader, readKey } from "./http_key.ts";
import {
  BODY_BYTES_DEFAULT,
  BODY_BYTES_MAX,
  CALL_SYMBOLS_MAX,
  CALL_TIMEOUT_MS_DEFAULT,
  CALL_TIMEOUT_MS_MAX,
  CIRCUIT_FAILURES_DEFAULT,
  CIRCUIT_PAUSE_MS_DEFAULT,
  PROVIDERS_MAX,
} from "./limits.ts";
import type { DataProvider } from "./port.ts";
import { simulatedProvider } from "./simulated.ts";

/** Longest path, URL or list entry, in characters. */
const TEXT_MAX = 4_096;

/** Most entries of a list of symbols. */
const SYMBOLS_MAX = 100_000;

const ms = z.number().min(0).max(CALL_TIMEOUT_MS_MAX);
const ratio = z.number().min(0).max(1);
const symbol = z.string().min(1).max(32);
const callTimeoutMs = z.number().positive().max(CALL_TIMEOUT_MS_MAX)
  .default(CALL_TIMEOUT_MS_DEFAULT);

/** Name of a provider: that of its actor, so it stands in paths. */
const providerName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
  error: "expected 1 to 64 of a-z, 0-9, _ and -",
});

const simulated = z.strictObject({
  kind: z.literal("simulated"),
  name: providerName,
  seed: z.int().min(0).max(2 ** 32 - 1).default(1),
  /** Median and 99th percentile of a call, and what each further key adds, ms. */
  medianMs: z.number().positive().max(CALL_TIMEOUT_MS_MAX).default(150),
  p99Ms: z.number().positive().max(CALL_TIMEOUT_MS_MAX).default(800),
  perKeyMs: ms.default(2),
  timeoutMs: callTimeoutMs,
  /** Share of calls that fail and would succeed when tried again. */
  transientRatio: ratio.default(0.005),
  keyTransientRatio: ratio.default(0),
  /** Limits that it enforces with 429; empty: none. */
  limits: z.array(z.strictObject({
    max: z.int().min(1).max(1_000_000),
    windowMs: z.number().positive().max(86_400_000),
  })).max(8).default([{ max: 750, windowMs: 60_000 }]),
  /** Most symbols of a call, by endpoint. */
  symbolsMax: z.record(z.string().max(64), z.int().min(1).max(CALL_SYMBOLS_MAX)).default({}),
  /** Symbols that always fail, and how. */
  poison: z.record(symbol, z.enum(["transient", "permanent"])).default({}),
  unknown: z.array(symbol).max(SYMBOLS_MAX).default([]),
  /** Symbols that pay dividends; null: about half of the equities. */
  payers: z.array(symbol).max(SYMBOLS_MAX).nullable().default(null),
  outages: z.array(z.strictObject({
    fromMs: z.number().min(0),
    toMs: z.number().min(0),
    kind: z.enum(["refuse", "hang"]),
  })).max(64).default([]),
});

const http = z.strictObject({
  kind: z.literal("http"),
  name: providerName,
  /** Its API. */
  mapping: z.enum(["eodhd"]),
  /** Null: the API's own. Hosts other than those have to stand in `hosts`. */
  baseUrl: z.string().max(TEXT_MAX).nullable().default(null),
  hosts: z.array(z.string().min(1).max(262)).max(16).default([]),
  /** Where the key is: a variable of the environment, or a file whose first line it is. */
  keyEnv: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/).nullable().default(null),
  keyFile: z.string().min(1).max(TEXT_MAX).nullable().default(null),
  /** Exchange of equities that name none. */
  exchange: z.string().regex(/^[A-Z]{1,8}$/).default("US"),
  /** Symbols that the API calls otherwise. */
  symbols: z.record(symbol, z.string().regex(/^[\w^=+-][\w.^=+-]{0,31}$/)).default({}),
  /** Limits of the plan; null: as the API documents them. */
  limits: z.array(z.strictObject({
    counts: z.enum(["calls", "cost"]),
    max: z.int().min(1).max(1_000_000_000),
    windowMs: z.number().positive().max(86_400_000),
  })).max(8).nullable().default(null),
  timeoutMs: callTimeoutMs,
  bodyBytesMax: z.int().min(1_024).max(BODY_BYTES_MAX).default(BODY_BYTES_DEFAULT),
  circuitFailures: z.int().min(1).max(1_000).default(CIRCUIT_FAILURES_DEFAULT),
  circuitPauseMs: z.int().min(100).max(3_600_000).default(CIRCUIT_PAUSE_MS_DEFAULT),
}).refine(({ keyEnv, keyFile }) => keyEnv === null || keyFile === null, {
  error: "expected keyEnv or keyFile, not both",
});

const eitherProvider = z.discriminatedUnion("kind", [simulated, http]);

/**
 * What the schema gives.
 *
 * @internal
 */
export type EitherProvider = z.output<typeof eitherProvider>;

/** A provider with all its values. It holds no key, only where the key is. */
export type ProviderConfig = EitherProvider;

/** One provider of a configuration: fills in what is left out. */
export const providerSchema: z.ZodType<ProviderConfig> = eitherProvider;

/** All providers of a configuration; names differ. */
export const providersSchema = z.array(providerSchema).max(PROVIDERS_MAX)
  .superRefine((list, ctx) => {
    const seen = new Set<string>();
    for (const { name } of list) {
      if (seen.has(name)) {
        ctx.addIssue({ code: "custom", message: `expected different names: ${name} comes twice` });
      }
      seen.add(name);
    }
  });

/** What a provider is made with besides its configuration. */
export interface ProviderParts {
  /** Time. */
  readonly clock: Clock;
  /** Looks keys up; the process's environment and files unless said otherwise. */
  readonly keys?: KeyReader;
  /** Makes requests; `globalThis.fetch` unless said otherwise. */
  readonly fetch?: Fetch;
}

/**
 * The provider of a configuration. Its key is read now, and again only by another call.
 *
 * @throws {ProviderError} code `options` or `key`.
 */
export async function openProvider(
  config: ProviderConfig,
  { clock, keys, fetch }: ProviderParts,
): Promise<DataProvider> {
  if (config.kind === "simulated") {
    const { kind: _, payers, ...options } = config;
    return simulatedProvider(clock, payers === null ? options : { ...options, payers });
  }
  const { keyEnv, keyFile, baseUrl, limits, exchange, symbols } = config;
  if (keyEnv === null && keyFile === null) {
    throw new ProviderError(
      "key",
      `Cannot open provider ${config.name}: expected keyEnv or keyFile: current value is neither`,
    );
  }
  const source = keyEnv !== null ? { env: keyEnv } : { file: keyFile ?? "" };
  return httpProvider(clock, {
    name: config.name,
    mapping: eodhdMapping({ exchange, symbols }),
    ...(baseUrl === null ? {} : { baseUrl }),
    hosts: config.hosts,
    key: await readKey(source, keys),
    ...(limits === null ? {} : { limits }),
    timeoutMs: config.timeoutMs,
    bodyBytesMax: config.bodyBytesMax,
    circuitFailures: config.circuitFailures,
    circuitPauseMs: config.circuitPauseMs,
    ...(fetch === undefined ? {} : { fetch }),
  });
}
