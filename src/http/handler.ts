/**
 * Handlers of routes, typed by the table in `api.ts`: what they are given was checked, what they
 * give is the route's reply or an answer of their own.
 *
 * @module
 */

import type { z } from "zod";
import type { Clock } from "../actor/clock.ts";
import type { Routes, RouteSpec } from "./api.ts";
import type { NodeBindings, RequestFacts } from "./facts.ts";
import type { OpenStreams } from "./open_streams.ts";
import type { AdminLimits, AdminOptions } from "./options.ts";
import type { Maybe } from "../store/port.ts";
import type { ServicePort } from "./port.ts";

/** What every handler can reach. */
export interface Surroundings {
  readonly port: ServicePort;
  readonly limits: AdminLimits;
  readonly streams: OpenStreams;
  readonly clock: Clock;
  /** Whether whoever sent such a request may act. */
  readonly mayAct: (facts: RequestFacts) => boolean;
  /** Told of errors that no answer tells of. */
  readonly onError: AdminOptions["onError"];
}

/** The request itself, for handlers that read or answer in ways of their own. */
export interface Call {
  readonly request: Request;
  readonly bindings: NodeBindings | undefined;
}

type Checked<S, K extends "param" | "query" | "json"> = S extends
  { readonly [P in K]: infer T extends z.ZodType } ? { readonly [P in K]: z.output<T> } : unknown;

type Given<S> = Checked<S, "param"> & Checked<S, "query"> & Checked<S, "json">;

type Answer<S> = S extends { readonly answers: string } ? Response
  : S extends { readonly reply: infer T extends z.ZodType } ? z.input<T> | Response
  : Response;

/** Handles one route. */
export type Handler<S> = (given: Given<S>, call: Call) => Maybe<Answer<S>>;

/** A handler whose route is not known: what the table of all of them holds. */
export type AnyHandler = Handler<
  RouteSpec & { readonly param: z.ZodType; readonly query: z.ZodType; readonly json: z.ZodType }
>;

/** One handler per route of the table; a missing one is a compile error. */
export type Handlers = {
  readonly [P in keyof Routes]: { readonly [M in keyof Routes[P]]: Handler<Routes[P][M]> };
};
