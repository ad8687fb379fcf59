/**
 * Every bound of the providers, each with its unit and its reason.
 *
 * @module
 */

/** Most symbols of one call to any provider: what a batch end-of-day call of a night sync takes. */
export const CALL_SYMBOLS_MAX = 2_000;

/** Most candles of one symbol in one answer: 50 years of days, five weeks of minutes, 2.4 MB. */
export const PRICE_ROWS_MAX = 50_000;

/** Most refused rows of one symbol that are told one by one; all are counted. */
export const PRICE_REJECTIONS_MAX = 256;

/** Most dividends of one symbol: 100 years of monthly ones. */
export const DIVIDENDS_MAX = 1_200;

/** Most news of one symbol in one answer: the largest page of the APIs there are. */
export const NEWS_MAX = 1_000;

/** Most rows of one answer of the `http` provider, over all symbols. */
export const ANSWER_ROWS_MAX = 100_000;

/** Longest name of a thing in a value, in characters; longer ones are cut. */
export const NAME_CHARS_MAX = 256;

/** Longest title and longest extract of a news item, in characters; longer ones are cut. */
export const TEXT_CHARS_MAX = 1_000;

/** Longest address of a news item, in characters; an item with a longer one has none. */
export const URL_TEXT_CHARS_MAX = 2_048;

/** Most tags, and most symbols, of one news item; more are cut. */
export const TAGS_MAX = 64;

/** Longest URL of a call, in characters: what common servers take as a request line. */
export const CALL_URL_CHARS_MAX = 8_000;

/** Bytes of one answer, unpacked, unless configured otherwise: a whole exchange's day is 8 MB. */
export const BODY_BYTES_DEFAULT = 16 * 1024 * 1024;

/** Most bytes of one answer that may be configured: it is held whole, as text and as objects. */
export const BODY_BYTES_MAX = 128 * 1024 * 1024;

/** Longest time of one call unless configured otherwise, ms: 12 times a slow call of p99 800 ms. */
export const CALL_TIMEOUT_MS_DEFAULT = 10_000;

/** Longest time of one call that may be configured, ms. */
export const CALL_TIMEOUT_MS_MAX = 300_000;

/** Redirects of one call that are followed, all on the same host: more are a loop. */
export const REDIRECTS_MAX = 3;

/** Longest wait that a provider may ask for, ms: quotas are by the day. */
export const RETRY_AFTER_MS_MAX = 86_400_000;

/** Most headers about limits that are handed on, and most characters of each value. */
export const LIMIT_HEADERS_MAX = 16;
/** See {@linkcode LIMIT_HEADERS_MAX}. */
export const LIMIT_HEADER_CHARS_MAX = 128;

/** Transient failures in a row that open the circuit breaker of the `http` provider. */
export const CIRCUIT_FAILURES_DEFAULT = 5;

/** How long an open circuit lets no call through, ms. */
export const CIRCUIT_PAUSE_MS_DEFAULT = 10_000;

/** Longest key in characters, and bytes of its file that are read. */
export const KEY_CHARS_MAX = 4_096;

/** Most providers of one configuration: each is an actor with a queue of its own. */
export const PROVIDERS_MAX = 16;

/** Most keys that wait to be grouped into calls of one provider: 100,000 take some 20 MB. */
export const WAITING_KEYS_MAX = 100_000;

/** Most who wait for one key: each gets the answer. */
export const WAITERS_PER_KEY_MAX = 10_000;
