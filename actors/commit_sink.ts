/**
 * A sink for the news that something was committed: calls a function of the host program with it, and
 * costs no columns. What was committed can be read from the store.
 *
 * @module
 */

import { actor } from "../src/actor/mod.ts";
import { type CommitNews, CommitSink } from "./protocols.ts";

/** The function; one that throws crashes the sink, which its supervisor restarts. */
export interface CommitSinkArgs {
  readonly onCommit: (news: CommitNews) => void;
}

/** See {@linkcode CommitSink}. */
export const commitSink = actor(CommitSink, (_ctx, { onCommit }: CommitSinkArgs) => ({
  committed: (news) => onCommit(news),
}));
