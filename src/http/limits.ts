/**
 * Every bound of the admin HTTP, each with its unit and its reason.
 *
 * @module
 */

/** Time for a connection to send its headers: far above any honest client's. */
export const HEADERS_TIMEOUT_MS = 10_000;

/**
 * Time for a whole request to arrive: a backstop for pushes, which have a limit per chunk; other
 * bodies are bounded by {@linkcode BODY_TIMEOUT_MS}.
 */
export const REQUEST_TIMEOUT_MS = 3_600_000;

/** How often the two above are looked at. */
export const CONNECTION_CHECK_MS = 1_000;

/** How long an idle connection is kept for its next request. */
export const KEEP_ALIVE_MS = 15_000;

/** Open connections: an admin port serves people, scrapers and a few feeds, not the public. */
export const CONNECTIONS_MAX = 512;

/** Bytes of all headers of a request. */
export const HEADER_BYTES_MAX = 16 * 1024;

/** Characters of a request target. */
export const TARGET_CHARS_MAX = 8 * 1024;

/** Bytes of a JSON body: messages, instruments. All connections together hold half a gigabyte. */
export const JSON_BYTES_MAX = 1024 * 1024;

/** Bytes of a list of levels: 100,000 of them at 100 bytes. */
export const LEVELS_BYTES_MAX = 10 * 1024 * 1024;

/** Bytes of a job: 100,000 symbols of 32 characters, with their quotes and commas. */
export const JOB_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of a request to the cache: 1,000 entries of 4 kB, or as many keys of the longest. */
export const CACHE_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of a report of accesses made elsewhere: 10,000 of them at 400 bytes, far more than most. */
export const WARM_ACCESSES_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of a calendar: 20,000 dates at 100 bytes. */
export const WARM_CALENDAR_BYTES_MAX = 2 * 1024 * 1024;

/** Bytes of a map of sectors: 20,000 symbols of 32 characters with sectors of 64. */
export const WARM_SECTORS_BYTES_MAX = 2 * 1024 * 1024;

/** Bytes of changes of edges: 10,000 of them at 400 bytes. */
export const EDGE_CHANGES_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Bytes of correlations: a matrix of 1,000 edges at 20 characters a number and some, or half a
 * million pairs. The matrix takes half a second of the event loop to parse and check, the worst
 * body a whole one.
 */
export const CORRELATIONS_BYTES_MAX = 32 * 1024 * 1024;

/** Members of a cluster whose correlations are shown: 20 MB of JSON, 200 ms of the event loop. */
export const BLOCK_MEMBERS_MAX = 1_000;

/** Bytes of a run or of a change of one: 300,000 sets of five edges at 100 bytes. */
export const RUN_BYTES_MAX = 32 * 1024 * 1024;

/** Bytes of a list of edges: 40,000 of the longest. */
export const EDGES_BYTES_MAX = 10 * 1024 * 1024;

/** Characters of an answer of the cache: some 100 ms of the event loop to write. */
export const CACHE_ANSWER_CHARS_MAX = 16 * 1024 * 1024;

/** Brackets in brackets of a JSON body: schemas are a few deep, and parsers recurse. */
export const JSON_DEPTH_MAX = 32;

/** Time for a JSON body to arrive, and for the next chunk of one. */
export const BODY_TIMEOUT_MS = 10_000;

/** Rate, bytes per ms, at which a body that may be longer than 10 MB has to arrive: 8 Mbit/s. */
export const BODY_BYTES_PER_MS_MIN = 1024;

/** Bytes of one push as sent; a file of 40 million candles. */
export const PUSH_BYTES_MAX = 4 * 1024 * 1024 * 1024;

/** Bytes of one push unpacked: gzip shrinks candles by four to eight, a bomb by a thousand. */
export const PUSH_UNPACKED_BYTES_MAX = 16 * 1024 * 1024 * 1024;

/** Bytes of a push as a JSON array, which has to be held whole. */
export const PUSH_JSON_BYTES_MAX = 16 * 1024 * 1024;

/** Time between two chunks of a push, while the service is ready to read. */
export const PUSH_IDLE_MS = 15_000;

/** Rows of one batch of a push: 8 ms of labelling, and the grain of its back-pressure. */
export const PUSH_BATCH_ROWS = 16_384;

/** Batches of one push under way: one is read while another is committed. */
export const PUSH_BATCHES_UNDER_WAY = 4;

/** Longest that a bulk push waits for room at a time before it is refused after all. */
export const PUSH_ROOM_WAIT_MS = 30_000;

/** Streams open at a time: each holds a queue of events or a page of the log. */
export const STREAMS_MAX = 128;

/** Silence on a stream that a heartbeat ends: below the minute that proxies allow. */
export const HEARTBEAT_MS = 15_000;

/** How long a client of a stream may leave a chunk unread before it is dropped. */
export const STREAM_STALL_MS = 60_000;

/** Rows that the label stream reads from the log at a time. */
export const STREAM_READ_ROWS = 2_048;

/** Rows written as one chunk of text: half a millisecond of the event loop. */
export const TEXT_ROWS = 256;

/** Rows of a page written at a time: 250 KB of labels, half a millisecond of the event loop. */
export const PAGE_PIECE_ROWS = 512;

/**
 * Bytes of a piece that a socket does not take in advance: above what node:http holds before it says
 * that it is full (64 KB).
 */
export const PIECE_BYTES_SOCKET = 96 * 1024;

/**
 * Pieces of a page of stored labels asked for ahead: both who write them have one to go on with. A page
 * holds one more, half a megabyte each, however slow its reader is.
 */
export const TEXT_PIECES_AHEAD = 3;

/** Pieces' memory that is kept for the next pages: that of four of them. */
export const TEXT_MEMORIES_MAX = 4 * (TEXT_PIECES_AHEAD + 1);

/** Pages whose buffers are kept for the next ones: half a megabyte each. */
export const PAGE_BUFFERS_MAX = 4;

/** Bytes of a dead letter's payload that a page shows. */
export const LETTER_PREVIEW_CHARS = 2_048;

/** Bytes of a dead letter's payload that the letter itself shows. */
export const LETTER_CHARS_MAX = 256 * 1024;

/** Time that open requests have to end when the server closes; an actor has 5 s for all of it. */
export const CLOSE_GRACE_MS = 3_000;

/** How long a body that nobody wants is read on, so that its sender sees the answer. */
export const LINGER_MS = 300;

/** Shortest token: 128 bits as text take 22 characters, 32 as hex. */
export const TOKEN_CHARS_MIN = 16;
