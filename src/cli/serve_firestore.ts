/**
 * From the configuration of a Firestore feed to what its source takes.
 *
 * @module
 */

import type { FirestoreFields, FirestoreOptions } from "../feed/firestore_options.ts";
import type { FeedConfig, WickConfig } from "./config_schema.ts";

/** Settings that all Firestore feeds of a service share. */
export type FirestorePlace = Pick<
  WickConfig,
  "gcpProjectId" | "googleCredentialsFile" | "firestoreEmulatorHost"
>;

/** Nothing of them is set. */
export const NO_FIRESTORE: FirestorePlace = {
  gcpProjectId: null,
  googleCredentialsFile: null,
  firestoreEmulatorHost: null,
};

/** Options of the source of a feed; whether they can work, `firestorePlan` says. */
export function firestoreOptionsOf(
  feed: FeedConfig & { readonly kind: "firestore" },
  place: FirestorePlace,
): FirestoreOptions {
  const { name, collection, group, databaseId, symbols, granularities, orderAs } = feed;
  return {
    name,
    collection,
    isGroup: group,
    databaseId,
    symbols,
    granularities,
    orderAs,
    fields: fieldsOf(feed.fields),
    skewMs: feed.skewMs,
    lookMs: feed.lookMs,
    follow: feed.follow,
    projectId: feed.projectId ?? place.gcpProjectId ?? "",
    credentialsFile: place.googleCredentialsFile,
    emulatorHost: place.firestoreEmulatorHost,
  };
}

function fieldsOf(fields: (FeedConfig & { kind: "firestore" })["fields"]) {
  const given = Object.entries(fields).filter(([, field]) => field !== undefined);
  return Object.fromEntries(given) as Partial<FirestoreFields>;
}
