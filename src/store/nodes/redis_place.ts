/**
 * Where a Redis is: one server, or a Cluster with some of its servers to begin at.
 *
 * | text | what |
 * |---|---|
 * | `redis://[[user]:password@]host[:port][/db]` | one server |
 * | `rediss://…` | the same over TLS |
 * | `redis+cluster://[user:password@]host:port,host:port` | a Cluster |
 * | `redis://host:port,redis://host:port` | a Cluster, too |
 *
 * @module
 */

/** See the module's text. */
export interface RedisPlace {
  readonly isCluster: boolean;
  readonly isTls: boolean;
  /** Empty when none is given. */
  readonly username: string;
  readonly password: string;
  readonly db: number;
  /** At least one; a single server has exactly one. */
  readonly hosts: readonly RedisHost[];
}

/** A server's address. */
export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** Servers that a Cluster is named by at most: any one of them knows the others. */
const HOSTS_MAX = 64;
const PORT_DEFAULT = 6379;

/**
 * The place that a text names. `password`, of a file say, is taken when the text has none.
 *
 * @throws {TypeError} When it names none; the message holds no password.
 */
export function redisPlace(text: string, password = ""): RedisPlace {
  const [first = "", ...others] = text.split(",").map((part) => part.trim());
  const scheme = /^redis(s?)(\+cluster)?:\/\//.exec(first);
  if (scheme === null) throw refusal("redis://, rediss:// or redis+cluster://");
  const urls = [first, ...others.map((part) => part.includes("://") ? part : `redis://${part}`)]
    .map((part) => urlOf(part.replace("+cluster", "")));
  if (urls.length > HOSTS_MAX) throw refusal(`at most ${HOSTS_MAX} servers`);
  const [url] = urls as [URL];
  const db = url.pathname.slice(1);
  if (!/^\d*$/.test(db)) throw refusal("a database number after the host");
  const isCluster = scheme[2] !== undefined || urls.length > 1;
  if (isCluster && Number(db) !== 0) throw refusal("no database number with a Cluster");
  return {
    isCluster,
    isTls: scheme[1] === "s",
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password) || password,
    db: Number(db),
    hosts: urls.map(({ hostname, port }) => ({
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: port === "" ? PORT_DEFAULT : Number(port),
    })),
  };
}

/** The URL of one server with user and password; not to be shown. */
export function redisUrl(place: RedisPlace, { host, port }: RedisHost): string {
  const { isTls, username, password, db } = place;
  const user = `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  const name = host.includes(":") ? `[${host}]` : host;
  const credentials = username === "" && password === "" ? "" : user;
  return `redis${isTls ? "s" : ""}://${credentials}${name}:${port}/${db}`;
}

/** The place without user and password, for people. */
export function shownPlace({ isCluster, isTls, hosts }: RedisPlace): string {
  const names = hosts.map(({ host, port }) => `${host}:${port}`).join(",");
  return `redis${isTls ? "s" : ""}${isCluster ? "+cluster" : ""}://${names}`;
}

function urlOf(text: string): URL {
  try {
    const url = new URL(text);
    if (url.hostname !== "") return url;
  } catch {
    // Said below, without the text: it may hold a password.
  }
  throw refusal("a host, as in redis://host:6379");
}

function refusal(expected: string): TypeError {
  return new TypeError(`Cannot use Redis: expected ${expected}: current value is another text`);
}
