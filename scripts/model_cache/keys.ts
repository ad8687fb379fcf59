/**
 * Keys that a table may be given by somebody who means it no good, and ordinary ones.
 *
 * @module
 */

import type { Random } from "../../src/actor/clock.ts";

const LONG = "k".repeat(2 ** 20);

/** Each is another key than every other one here. */
export const HOSTILE_KEYS: readonly string[] = [
  "",
  " ",
  "\n",
  "\r\n",
  "\0",
  "\0\0",
  "price:AAPL\n",
  "price:AAPL\0",
  "price:AAPL\0news:AAPL",
  "{",
  "}",
  "{}",
  "{price:AAPL}:x",
  "${price}",
  "price:*",
  "price:\\*",
  "*",
  "\\",
  "__proto__",
  "constructor",
  "prototype",
  "hasOwnProperty",
  "toString",
  "0",
  "-0",
  "1",
  "01",
  "NaN",
  "null",
  "undefined",
  "4294967295",
  "\ud800",
  "\udc00",
  "\ud800a",
  "\ud801a",
  "\ud83d\ude00",
  "\ude00\ud83d",
  "\ufffd",
  "\ufeff",
  // The same to the eye, composed and not.
  "price:\u00e9",
  "price:e\u0301",
  // One byte a character and two bytes a character.
  "price:\u00ff",
  "price:\u0100",
];

/** A million characters, alike but for the first, the last, or one in the middle. */
export const LONG_KEYS: readonly string[] = [
  LONG,
  `${LONG.slice(1)}z`,
  `z${LONG.slice(1)}`,
  `${LONG.slice(0, 2 ** 19)}z${LONG.slice(2 ** 19 + 1)}`,
  `${LONG.slice(1)}\ud800`,
];

/** Of how many keys two have the same 32-bit hash, most likely. */
const TRIED_KEYS = 300_000;

/** Different keys with the same hash, in pairs: tables may tell keys apart by their hash first. */
export function collidingKeys(hash: (key: string) => number): string[] {
  const seen = new Map<number, string>();
  const found: string[] = [];
  for (let i = 0; i < TRIED_KEYS; i++) {
    const key = `price:C${i}`;
    const hashed = hash(key);
    const other = seen.get(hashed);
    if (other === undefined) seen.set(hashed, key);
    else found.push(other, key);
  }
  return found;
}

/** Kinds of ordinary keys; patterns protect by them. */
export const KINDS = ["price", "news", "label"] as const;

/** `count` keys: ordinary ones, and of the others as many as fit in a third. */
export function keyUniverse(count: number, random: Random, colliding: readonly string[]): string[] {
  const others = [...HOSTILE_KEYS, ...colliding];
  const keys = new Set<string>();
  while (keys.size < Math.floor(count / 3)) {
    // Rare: each costs as much as thousands of the others.
    const from = random.next() < 0.002 ? LONG_KEYS : others;
    keys.add(from[Math.floor(random.next() * from.length)] as string);
    if (keys.size >= others.length) break;
  }
  for (let i = 0; keys.size < count; i++) keys.add(`${KINDS[i % KINDS.length]}:SYM${i}`);
  return [...keys];
}

/** The same key as another object, as a caller who builds its keys has it. */
export function copyOf(key: string): string {
  // Long ones are not worth a copy at every operation.
  return key.length > 1_000 || key.length < 2 ? key : `${key.slice(0, 1)}${key.slice(1)}`;
}
