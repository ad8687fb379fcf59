/**
 * What the workers of piscina and tinypool do: the same as the answerer.
 *
 * @module
 */

/** The successor of `n`. */
export default ({ n }: { readonly n: number }): number => n + 1;
