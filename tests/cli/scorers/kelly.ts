/**
 * A scorer of one's own, as a module for `wick serve --scorer`: the growth rate of a bet on all
 * members of a set coming in, at the odds of its parameters, by the Kelly criterion.
 *
 * Values of edges are probabilities. With p their product and b the net odds, the best stake is the
 * share f = p − (1 − p)/b of what one has, and the growth of its logarithm a bet is
 * p·ln(1 + b·f) + (1 − p)·ln(1 − f); 0 where f ≤ 0. J. L. Kelly, "A New Interpretation of Information
 * Rate", Bell System Technical Journal 35 (1956), p. 917–926.
 *
 * @module
 */

import type { ScorerKind } from "../../../src/refresh/scorer.ts";

/** The kind: parameters are `{ "odds": 5 }`. */
const KELLY: ScorerKind = {
  name: "kelly",
  description: "Growth of a bet on all members at given odds; values are probabilities",
  create(params) {
    const { odds } = params as { odds?: unknown };
    if (typeof odds !== "number" || !(odds > 0)) {
      throw new RangeError(`expected odds above 0: current value is ${JSON.stringify(odds)}`);
    }
    return {
      name: "kelly",
      score(values, members, from, to) {
        let p = 1;
        for (let i = from; i < to; i++) p *= values[members[i] ?? 0] ?? NaN;
        const stake = p - (1 - p) / odds;
        if (stake <= 0) return 0;
        return p * Math.log1p(odds * stake) + (1 - p) * Math.log1p(-stake);
      },
    };
  },
};

export default KELLY;
