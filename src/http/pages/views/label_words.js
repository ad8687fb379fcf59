// Words and marks of labels that several parts of the view share.

import { make } from "../lib/dom.js";
import { decimal } from "../lib/format.js";
import { OUTCOME_MARKS } from "./candles.js";

const SIGNIFICANT = 7;

/** An outcome with its shape and the label: "▲ upper +1"; `previous` is given again if it fits. */
export function outcomeBadge(outcome, label, previous = null) {
  const { shape, token } = OUTCOME_MARKS[outcome] ?? { shape: "○", token: "soft" };
  return badge(shape, token, `${outcome} ${signed(label)}`, previous);
}

/** The mark of an event that is open. */
export function openBadge(previous = null) {
  return badge("○", "busy", "open", previous);
}

function badge(shape, token, words, previous) {
  if (previous?.lastChild?.textContent === words) return previous;
  return make(
    "span",
    { class: "badge labels-outcome", "data-colour": token },
    make("span", { class: "shape", "aria-hidden": "true" }, shape),
    make("span", { class: "word" }, words),
  );
}

/** A label as text: "+1", "0", "−1". */
export function signed(label) {
  return label > 0 ? `+${label}` : label < 0 ? `−${-label}` : "0";
}

/** A return as text: "+0.312 %". */
export function returnText(ret) {
  return `${ret > 0 ? "+" : ret < 0 ? "−" : ""}${decimal(Math.abs(ret) * 100, 3)}\u00a0%`;
}

/** Digits after the point for prices about this large. */
export function priceDigits(price) {
  const size = Math.abs(price);
  if (!(size > 0) || !Number.isFinite(size)) return 2;
  return Math.max(0, Math.min(8, SIGNIFICANT - 1 - Math.floor(Math.log10(size)) - 1));
}

/** A price in about six digits. */
export function priceText(price, digits = priceDigits(price)) {
  return Number.isFinite(price) ? price.toFixed(digits) : "–";
}
