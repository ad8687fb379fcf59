/**
 * Requests of one lane: bodies from the grammar of the OpenAPI document, whole or damaged, each with
 * what it must come to. Lanes have series and symbols of their own, so that what the service holds
 * in the end does not depend on which lane was faster.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import type { Random } from "../../src/actor/mod.ts";
import { Grammar, type Schema } from "./grammar.ts";
import type { Model } from "./model.ts";
import { mutateText, mutateValue } from "./mutate.ts";

/** One request. */
export interface FuzzRequest {
  readonly method: "POST" | "PUT";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Whether the body is valid by grammar. */
  readonly isValid: boolean;
  /** Tells the model of the answer; says what is wrong with it, or null. */
  readonly judge: (status: number, body: string) => string | null;
}

/** What requests are made from. */
export interface FuzzPlan {
  readonly random: Random;
  readonly lane: number;
  readonly schemas: Readonly<Record<string, Schema>>;
  /** Path of an actor below `/api/actors/`, with the name of its protocol. */
  readonly actors: readonly { readonly path: string; readonly protocol: string }[];
  /** Messages that must not be sent, as `protocol.type`. */
  readonly skip: ReadonlySet<string>;
  readonly model: Model;
}

const encoder = new TextEncoder();
const HOUR_MS = 3_600_000;
const SPAN_HOURS = 200;
const VALID_SHARE = 0.5;

/** Method, path and shape of what the cache is sent. */
const CACHE_REQUESTS: readonly (readonly ["POST" | "PUT", string, string])[] = [
  ["POST", "get", "CacheGet"],
  ["POST", "set", "CacheSet"],
  ["POST", "prices", "PricesGet"],
  ["PUT", "prices", "PricesSet"],
  ["POST", "invalidate", "CacheInvalidate"],
  ["POST", "protect", "CachePattern"],
  ["POST", "unprotect", "CachePattern"],
];

/** Method, path and shape of what refreshing is sent; all lanes share its edges and one run. */
const REFRESH_REQUESTS: readonly (readonly ["POST" | "PUT", string, string])[] = [
  ["POST", "edges/changes", "EdgeChange"],
  ["POST", "edges", "EdgesGiven"],
  ["POST", "edges/remove", "EdgesGiven"],
  ["PUT", "correlations", "CorrelationInput"],
  ["POST", "runs", "RunSpec"],
  ["POST", "runs/baskets/change", "RunChange"],
  ["POST", "optimization/edge-changes", "OptimizationEdgeChange"],
  ["POST", "optimization/refresh", "OptimizedRefresh"],
];

/** Makes requests, one after the other. */
export class RequestMaker {
  readonly #plan: FuzzPlan;
  readonly #grammar: Grammar;

  constructor(plan: FuzzPlan) {
    this.#plan = plan;
    this.#grammar = new Grammar(plan.random, plan.schemas);
  }

  next(): FuzzRequest {
    const kind = this.#grammar.below(14);
    if (kind < 5) return this.#push();
    if (kind < 8) return this.#message();
    if (kind < 10) return this.#cache();
    if (kind < 12) return this.#refresh();
    return kind < 13 ? this.#levels() : this.#instrument();
  }

  // ---- candles ----------------------------------------------------------------------------------

  #push(): FuzzRequest {
    const grammar = this.#grammar;
    const count = 1 + grammar.below(8);
    const values: unknown[] = Array.from({ length: count }, () => this.#candle());
    const isValid = grammar.chance(VALID_SHARE);
    const isValueDamage = !isValid && grammar.chance(0.5);
    const at = grammar.below(count);
    if (isValueDamage) values[at] = mutateValue(grammar, values[at]);
    const isJson = grammar.chance(0.4);
    const lines = values.map((value) => JSON.stringify(value) ?? "null");
    const text = isJson ? `[${lines.join(",")}]` : lines.join(grammar.pick(["\n", "\r\n"]));
    const sent = isValid || isValueDamage ? text : mutateText(grammar, text);
    const isGzip = grammar.chance(0.2);
    const bytes = encoder.encode(sent);
    // What the service decodes is what was encoded: halves of pairs have become U+FFFD.
    const read = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    const { model, lane } = this.#plan;
    return {
      method: "POST",
      path: "/api/candles",
      headers: {
        "content-type": isJson ? "application/json" : "application/x-ndjson",
        ...(isGzip ? { "content-encoding": "gzip" } : {}),
      },
      body: isGzip ? gzipSync(bytes) : bytes,
      isValid,
      judge: (status, body) => {
        const expected = isJson
          ? model.pushJson(lane, stripped(read))
          : model.pushLines(lane, read);
        if (isValid && expected.status !== 200) return `the model refuses a valid body: ${read}`;
        if (status !== expected.status) return `expected ${expected.status}`;
        if (status !== 200) return null;
        const { accepted, refused } = JSON.parse(body);
        const isSame = accepted === expected.accepted && refused === expected.refused;
        return isSame ? null : `expected ${expected.accepted} + ${expected.refused} refused`;
      },
    };
  }

  /** Valid by R2, at one of a few times, so that lines meet and correct each other. */
  #candle(): Record<string, unknown> {
    const grammar = this.#grammar;
    const price = () => Number((0.5 + grammar.below(1e6) / 1e6).toFixed(grammar.below(7)));
    const [open, close] = [price(), price()];
    return {
      ts: 1_700_000_000_000 + HOUR_MS * grammar.below(SPAN_HOURS),
      open,
      high: Math.max(open, close) + price(),
      low: Math.min(open, close) / 2,
      close,
      volume: grammar.below(1_000),
      series: `L${this.#plan.lane}_${grammar.below(3)}:${grammar.pick(["H1", "M5"])}`,
    };
  }

  // ---- messages ---------------------------------------------------------------------------------

  #message(): FuzzRequest {
    const { actors, schemas, skip } = this.#plan;
    const grammar = this.#grammar;
    const { path, protocol } = grammar.pick(actors);
    const types = Object.keys(schemas).filter((name) =>
      name.startsWith(`message.${protocol}.`) && !skip.has(name.slice("message.".length))
    );
    const message = grammar.of({ $ref: `#/components/schemas/${grammar.pick(types)}` });
    const whole = message as Record<string, unknown>;
    // The envelope does not demand what some payloads do.
    whole.payload ??= grammar.of({
      $ref: `#/components/schemas/payload.${protocol}.${whole.type}`,
    });
    return this.#json(
      "POST",
      `/api/actors/${path}/messages`,
      whole,
      (status) => status === 200 || status === 202,
    );
  }

  // ---- levels and instruments -----------------------------------------------------------------------

  #levels(): FuzzRequest {
    const symbol = `L${this.#plan.lane}_${this.#grammar.below(3)}`;
    const levels = this.#grammar.of({ type: "array", items: this.#schema("Level") });
    // What a schema cannot say: a level does not end before it begins.
    const sorted = (levels as { from_ts: number; to_ts: number }[]).map((level) => ({
      ...level,
      from_ts: Math.min(level.from_ts, level.to_ts),
      to_ts: Math.max(level.from_ts, level.to_ts),
    }));
    const { model } = this.#plan;
    return this.#json("PUT", `/api/levels?symbol=${symbol}`, sorted, (status, sent) => {
      if (status === 200) model.levels.set(symbol, JSON.parse(sent));
      return status === 200;
    });
  }

  #instrument(): FuzzRequest {
    const symbol = `L${this.#plan.lane}_${this.#grammar.below(3)}`;
    const spec = this.#grammar.of(this.#schema("InstrumentSpec"));
    const { model } = this.#plan;
    return this.#json("PUT", `/api/instruments/${symbol}`, spec, (status, sent) => {
      if (status === 200) model.instruments.set(symbol, JSON.parse(sent));
      return status === 200;
    });
  }

  // ---- the cache ----------------------------------------------------------------------------------

  #cache(): FuzzRequest {
    const grammar = this.#grammar;
    const [method, path, name] = grammar.pick(CACHE_REQUESTS);
    const body = grammar.of(this.#schema(name)) as Record<string, unknown>;
    if (name === "CacheInvalidate") {
      // What a schema cannot say: either something is named, or all stands alone.
      const { all: _all, ...parts } = body;
      const isNamed = Object.values(parts).some((part) => (part as unknown[]).length > 0);
      for (const part of Object.keys(body)) delete body[part];
      Object.assign(body, isNamed ? parts : { all: true });
    }
    return this.#json(
      method,
      `/api/cache/${path}`,
      body,
      // A pattern that was never given is not there to be taken back.
      (status) => status === 200 || (path === "unprotect" && status === 404),
    );
  }

  // ---- refreshing -----------------------------------------------------------------------------------

  #refresh(): FuzzRequest {
    const grammar = this.#grammar;
    const [method, path, name] = grammar.pick(REFRESH_REQUESTS);
    let body = grammar.of(this.#schema(name));
    if (name === "RunSpec") body = this.#run(body as Record<string, unknown>);
    if (name === "EdgeChange" && grammar.chance(0.5)) body = [body];
    return this.#json(method, `/api/${path}`, body, (status, _sent, answer) => {
      // What a schema cannot say: ids that are twice there or not at all, correlations of one pair
      // that differ, a scorer that there is not.
      if (status === 422) return JSON.parse(answer).code !== "shape";
      return [200, 404, 409].includes(status);
    });
  }

  /** What a schema cannot say: a run has sets or what makes them. */
  #run({ sets, generator, ...rest }: Record<string, unknown>): Record<string, unknown> {
    return generator === undefined ? { ...rest, sets: sets ?? [] } : { ...rest, generator };
  }

  #schema(name: string): Schema {
    return { $ref: `#/components/schemas/${name}` };
  }

  /** `taken` hears of the answer and says whether it is what a valid body must get. */
  #json(
    method: "POST" | "PUT",
    path: string,
    value: unknown,
    taken: (status: number, sent: string, answer: string) => boolean,
  ): FuzzRequest {
    const grammar = this.#grammar;
    const isValid = grammar.chance(VALID_SHARE);
    let text = JSON.stringify(value);
    if (!isValid) {
      text = grammar.chance(0.5)
        ? JSON.stringify(mutateValue(grammar, value)) ?? ""
        : mutateText(grammar, text);
    }
    return {
      method,
      path,
      headers: { "content-type": "application/json" },
      body: encoder.encode(text),
      isValid,
      judge: (status, answer) => {
        const isTaken = taken(status, text, answer);
        return isValid && !isTaken ? "expected a valid body to be taken" : null;
      },
    };
  }
}

/** A JSON body may begin with a byte order mark, which decoders take off. */
function stripped(text: string): string {
  return text.replace(/^\ufeff/, "");
}
