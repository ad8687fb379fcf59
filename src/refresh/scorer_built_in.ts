/**
 * The scorers that every registry begins with.
 *
 * @module
 */

import { ScorerRegistry } from "./scorer.ts";
import { MEAN_VARIANCE_KIND } from "./scorer_mean_variance.ts";
import { PRODUCT_KIND } from "./scorer_product.ts";

/** A new registry with the built-in kinds `product` and `mean_variance`. */
export const builtInScorers = (): ScorerRegistry =>
  new ScorerRegistry([PRODUCT_KIND, MEAN_VARIANCE_KIND]);
