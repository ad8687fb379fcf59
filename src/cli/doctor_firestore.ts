/**
 * Checks of the collections that Firestore feeds read.
 *
 * @module
 */

import { firestoreLink } from "../feed/firestore_link.ts";
import { firestorePlan } from "../feed/firestore_options.ts";
import { reasonOf } from "./config_file.ts";
import type { FeedConfig } from "./config_schema.ts";
import type { Check, Finding } from "./doctor_check.ts";
import { firestoreOptionsOf } from "./serve_firestore.ts";

/** Longest wait for Firestore, ms: the first call asks for a token too. */
const FIRESTORE_WAIT_MS = 8_000;

/** The collection of every Firestore feed: whether it answers and has what it is read by; 2 reads. */
export const checkFirestore: Check = async ({ config }, { clock }) => {
  const findings: Finding[] = [];
  for (const feed of config.feeds) {
    if (feed.kind !== "firestore") continue;
    const name = "firestore";
    const options = { ...firestoreOptionsOf(feed, config), answerMs: FIRESTORE_WAIT_MS };
    try {
      const plan = firestorePlan(options);
      const link = await firestoreLink(plan, clock);
      try {
        const all = await link.count(false, 1);
        const seen = await link.count(true, 1);
        findings.push(findingOf(feed, all, seen));
      } finally {
        await link.close();
      }
    } catch (error) {
      findings.push({
        name,
        state: "fail",
        detail: reasonOf(error),
        remedy: "see the feed of kind firestore, GCP_PROJECT_ID, GOOGLE_APPLICATION_CREDENTIALS",
      });
    }
  }
  return findings;
};

function findingOf(feed: FeedConfig & { kind: "firestore" }, all: number, seen: number): Finding {
  const name = "firestore";
  const { collection } = feed;
  if (all === 0) {
    return { name, state: "warn", detail: `${collection} answers, and has no complete candle yet` };
  }
  if (seen > 0) return { name, state: "ok", detail: `${collection} answers` };
  return {
    name,
    state: "fail",
    detail: `documents of ${collection} lack the field they are read by`,
    remedy: "set fields.updated and orderAs of the feed",
  };
}
