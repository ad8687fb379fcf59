import { closeAfter, type KindFunction } from "./path.ts";

/**
 * Return sign: the sign of c[i+H] − P, that is +1, 0 or −1. Never null. Looks at candles i and i+H.
 * (The label of fixed-horizon classification, threshold 0: M. López de Prado, *Advances in
 * Financial Machine Learning*, 2018, section 3.2.)
 */
export const returnSign: KindFunction = (path) => {
  const move = closeAfter(path, path.bars) - closeAfter(path, 0);
  return move > 0 ? 1 : move < 0 ? -1 : 0;
};
