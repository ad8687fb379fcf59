/**
 * What one webhook call delivers: consecutive rows of the label log, as a JSON document
 *
 * ```json
 * {"webhook":"desk","after":"17","through":"18-40","gap":null,"labels":[…]}
 * ```
 *
 * `labels` holds the lines of the label stream. `after` and `through` are places of the log: a
 * delivery begins where the one before ended (or later, past rows of series that the webhook is not
 * for), so a receiver that remembers `through` of what it took knows a repetition from news. `gap` is
 * null, or says from where to where the log was given up before it could be delivered.
 *
 * @module
 */

import type { LoggedCommit } from "../../store/port.ts";
import { labelLines, type LabelPlace, placeText } from "../label_lines.ts";

/** Rows of the log as read: whole commits, and where they end. */
export interface LabelPage {
  /** Oldest first. */
  readonly commits: readonly LoggedCommit[];
  /** Everything up to this seq is in them. */
  readonly throughSeq: number;
}

/** Rows that the log had given up, by places. */
export interface LabelGap {
  /** They came after this. */
  readonly after: string;
  /** The last of them may be there. */
  readonly through: string;
}

/** What a batch is for, and how large it may be. */
export interface BatchOptions {
  readonly webhook: string;
  /** Only these; null = all. */
  readonly series: ReadonlySet<string> | null;
  readonly rowsMax: number;
  /** Bytes of the rows; one row always fits. */
  readonly bytesMax: number;
}

/** The rows of one call. */
export interface WebhookBatch {
  /** Rows in it; none when the page has no more. */
  readonly rows: number;
  /** The document. */
  readonly body: string;
  /** Behind its last row, or behind the whole page when nothing follows. */
  readonly through: LabelPlace;
  /** Nothing of the page follows. */
  readonly endsPage: boolean;
}

/** Cuts the next rows behind `after` off a page. O(rows of the page before it and in it). */
export function cutBatch(
  page: LabelPage,
  after: LabelPlace,
  gap: LabelGap | null,
  { webhook, series, rowsMax, bytesMax }: BatchOptions,
): WebhookBatch {
  const texts: string[] = [];
  let bytes = 0, through = after, isCut = false;
  cutting: for (const commit of page.commits) {
    for (const line of labelLines(commit, after, series)) {
      // Names and numbers are ASCII: a character is a byte.
      const text = JSON.stringify(line);
      const isFull = texts.length >= rowsMax || bytes + text.length > bytesMax;
      if (isFull && texts.length > 0) {
        isCut = true;
        break cutting;
      }
      texts.push(text);
      bytes += text.length + 1;
      through = { seq: line.seq, row: line.row };
    }
  }
  if (!isCut) through = { seq: page.throughSeq, row: Infinity };
  const about = { webhook, after: placeText(after), through: placeText(through), gap };
  const head = JSON.stringify(about).slice(0, -1);
  const body = `${head},"labels":[${texts.join(",")}]}`;
  return { rows: texts.length, body, through, endsPage: !isCut };
}
