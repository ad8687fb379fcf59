/**
 * Keeping secrets out of what is shown: by the name of what holds them, by their own text, and by
 * the shape of URLs with a password.
 *
 * @module
 */

/** What stands in a secret's place. */
export const HIDDEN = "[hidden]";

const SECRET_NAME = /token|secret|passw|authori[sz]ation|cookie|credential|api[-_]?key|private/i;

/** Endings of what is no secret itself: `tokenFile`, `WICK_TOKEN_FILE`, `tokenTimeoutMs`. */
const NO_SECRET = /(?:File|Path|Count|Ms)$|[-_](?:file|path|count|ms)$/;

/** `scheme://user:password@` and `scheme://:password@`. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]{0,31}:\/\/[^\s:@/]{0,256}):[^\s@/]{1,256}@/gi;

const BEARER = /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi;

/** Shorter texts are no secrets: hiding them would hide parts of ordinary words. */
const SECRET_CHARS_MIN = 6;

/** Whether a field of this name is hidden whatever it holds; names of files are not. */
export function isSecretName(name: string): boolean {
  if (!SECRET_NAME.test(name)) return false;
  return !NO_SECRET.test(/[a-z]/.test(name) ? name : name.toLowerCase());
}

/** Takes known secrets, and what looks like one, out of a text. O(text · secrets). */
export type Redact = (text: string) => string;

/** A {@linkcode Redact} that knows these texts. */
export function redactor(secrets: readonly string[]): Redact {
  // The longer first: one may be part of another.
  const known = secrets.filter((secret) => secret.length >= SECRET_CHARS_MIN)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    for (const secret of known) text = text.replaceAll(secret, HIDDEN);
    return text.replace(URL_PASSWORD, `$1:${HIDDEN}@`).replace(BEARER, `$1 ${HIDDEN}`);
  };
}
