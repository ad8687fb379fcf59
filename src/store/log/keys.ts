/**
 * How the log is laid out in Redis. All keys share one hash tag, so that they lie on one server and
 * one script sees all of them.
 *
 * | key | type | what |
 * |---|---|---|
 * | `PREFIX:{log}:meta` | hash | id, format, last and first position, bytes, snapshot, last token |
 * | `PREFIX:{log}:entries` | stream | the entries; id = position`-0` |
 * | `PREFIX:{log}:writers` | hash | writer → number of its last entry |
 * | `PREFIX:{log}:nodes`, `:names`, `:owners`, `:tokens`, `:moves`, `:ended` | | the group; see `lua/group.lua` |
 * | `PREFIX:{log}:snapshot:` upload `:` number | string | a piece of a snapshot |
 *
 * @module
 */

/** Keys of one log. */
export interface LogKeys {
  readonly meta: string;
  readonly entries: string;
  readonly writers: string;
  readonly nodes: string;
  readonly names: string;
  readonly owners: string;
  readonly tokens: string;
  readonly moves: string;
  readonly ended: string;
  /** Channel on which changes of the group are told. */
  readonly channel: string;
  /** A piece of a snapshot. */
  piece(upload: string, at: number): string;
}

/** Prefix of everything that nodes share, unless another is given. */
export const NODES_PREFIX_DEFAULT = "wick";

/**
 * The keys under a prefix.
 *
 * @throws {TypeError} When the prefix is empty, long, or would make a tag of its own.
 */
export function logKeys(prefix: string): LogKeys {
  if (!/^[^{}\s]{1,128}$/.test(prefix)) {
    throw new TypeError(
      "Cannot use the prefix: expected 1 to 128 characters without braces and blanks: " +
        `current value is ${JSON.stringify(prefix.slice(0, 140))}`,
    );
  }
  const key = (name: string) => `${prefix}:{log}:${name}`;
  return {
    meta: key("meta"),
    entries: key("entries"),
    writers: key("writers"),
    nodes: key("nodes"),
    names: key("names"),
    owners: key("owners"),
    tokens: key("tokens"),
    moves: key("moves"),
    ended: key("ended"),
    channel: key("group"),
    piece: (upload, at) => key(`snapshot:${upload}:${at}`),
  };
}
