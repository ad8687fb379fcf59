/**
 * Meta-label: whether a bet on the side of a first model was worth taking: 1 if side · ret > 0,
 * else 0. Null without a side (0 or NaN): nothing was bet. (M. López de Prado, *Advances in
 * Financial Machine Learning*, 2018, section 3.6, snippet 3.7.)
 *
 * @param side Above 0 for long, below 0 for short; its size does not matter.
 * @param ret Return of the bet held long, fraction.
 */
export function metaLabel(side: number, ret: number): number {
  if (side > 0) return ret > 0 ? 1 : 0;
  if (side < 0) return ret < 0 ? 1 : 0;
  return NaN;
}
