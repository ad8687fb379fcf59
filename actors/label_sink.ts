/**
 * A sink for labels: calls a function of the host program with what each commit found. For programs
 * that use Wick as a library and want labels as callbacks.
 *
 * @module
 */

import { actor } from "../src/actor/mod.ts";
import { LabelSink, type PublishedLabels } from "./protocols.ts";

/** The function; one that throws crashes the sink, which its supervisor restarts. */
export interface LabelSinkArgs {
  readonly onLabels: (published: PublishedLabels) => void;
}

/** See {@linkcode LabelSink}. */
export const labelSink = actor(LabelSink, (_ctx, { onLabels }: LabelSinkArgs) => ({
  labels: (published) => onLabels(published),
}));
