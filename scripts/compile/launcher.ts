/**
 * A file that runs by itself: a script (`launcher.sh`), and behind it the deno binary and the
 * program. Its first start unpacks them into a cache folder, every later one checks and starts them.
 *
 * The payload is `unpack.ts`, the deno binary (gzip, or as it is) and the files of the program (one
 * line of JSON with names and sizes, then their bytes; gzip). gzip, because every Linux has it; tar
 * is not asked for, since small containers lack it.
 *
 * @module
 */

import { constants, gzipSync } from "node:zlib";
import { cksum } from "./cksum.ts";
import { CompileError } from "./error.ts";
import launcher from "./launcher.sh" with { type: "text" };
import { sha256Of, type Target } from "./targets.ts";
import unpack from "./unpack.ts" with { type: "text" };

/** What a file is made of. */
export interface LauncherParts {
  readonly version: string;
  readonly targetName: string;
  readonly target: Target;
  /** The deno binary. */
  readonly deno: Uint8Array;
  /** Files of the program; `mod.js` is its entry. */
  readonly files: ReadonlyMap<string, string>;
  /** Arguments of deno by permission; `read`, `write` and `net` may be narrowed at the start. */
  readonly permissions: ReadonlyMap<string, readonly string[]>;
  /** V8's flags for what runs long, and for everything else. */
  readonly v8: { readonly service: string; readonly command: string };
  /** How hard gzip tries, 1 to 9; 0 keeps the binary as it is. */
  readonly level: number;
}

/** The bytes of the file, and the name of the folder that it unpacks into. */
export interface LauncherFile {
  readonly bytes: Uint8Array;
  readonly id: string;
}

/** Makes the file; the same parts give the same bytes. */
export function launcherFile(parts: LauncherParts): LauncherFile {
  const { deno, level } = parts;
  const encoder = new TextEncoder();
  const files = new Map([...parts.files].map(([name, text]) => [name, encoder.encode(text)]));
  const strange = [...files.keys()].find((name) => !/^[\w./-]+$/.test(name));
  if (strange !== undefined) throw new CompileError(`Cannot pack the file ${strange}: its name`);
  const pieces = {
    unpack: encoder.encode(unpack),
    deno: level === 0 ? deno : gzip(deno, level),
    app: gzip(appOf(files), constants.Z_BEST_COMPRESSION),
  };
  const payload = joined([pieces.unpack, pieces.deno, pieces.app]);
  const sha256 = sha256Of(payload);
  const all: [string, Uint8Array][] = [["wick", deno], ...files];
  const unpackedBytes = all.reduce((sum, [, { length }]) => sum + length, 0);
  const id = sha256.slice(0, 16);
  const values = (head: number): Record<string, string> => ({
    VERSION: parts.version,
    TARGET: parts.targetName,
    MACHINE: parts.target.machine,
    ID: id,
    SHA256: sha256,
    ...offsets(head, pieces),
    PAYLOAD_BYTES: String(payload.length),
    // While it unpacks, and in blocks of the file system.
    UNPACKED_KB: String(Math.ceil(unpackedBytes / 1_000 * 1.1)),
    SUMS: all.map(([name, bytes]) => `${cksum(bytes)} ${bytes.length} ${name}`).join("\n"),
    FILES: all.map(([name]) => name).join(" "),
    DECOMPRESS: level === 0 ? "cat" : "gzip -dc",
    TOOLS: level === 0 ? "cat" : "gzip",
    V8_SERVICE: quoted(parts.v8.service),
    V8_COMMAND: quoted(parts.v8.command),
    ...permissionValues(parts.permissions),
  });
  // The offsets are padded to a width, so the length of the script does not depend on them.
  const head = encoder.encode(filled(launcher, values(0))).length;
  return { bytes: joined([encoder.encode(filled(launcher, values(head))), payload]), id };
}

interface Pieces {
  readonly unpack: Uint8Array;
  readonly deno: Uint8Array;
  readonly app: Uint8Array;
}

/** Where the pieces begin, counted from 1 as `tail -c +N` does. */
function offsets(head: number, { unpack, deno, app }: Pieces): Record<string, string> {
  const at = (offset: number) => String(offset + 1).padEnd(10);
  return {
    PAYLOAD_AT: at(head),
    UNPACK_AT: at(head),
    DENO_AT: at(head + unpack.length),
    APP_AT: at(head + unpack.length + deno.length),
    UNPACK_BYTES: String(unpack.length),
    DENO_BYTES: String(deno.length),
    APP_BYTES: String(app.length),
  };
}

function permissionValues(
  permissions: ReadonlyMap<string, readonly string[]>,
): Record<string, string> {
  // A list in the environment takes the place of these, so they must be all there is: else it
  // could widen them.
  const all = (name: string) => {
    const flags = String(permissions.get(name));
    if (flags === `--allow-${name}`) return quoted(flags);
    throw new CompileError(
      `Cannot build the permission ${name} in: expected all of it: current value is ${flags}`,
    );
  };
  const others = [...permissions].filter(([name]) => !["read", "write", "net"].includes(name));
  return {
    READ: all("read"),
    WRITE: all("write"),
    NET: all("net"),
    OTHER_PERMISSIONS: others.flatMap(([, flags]) => flags).map(quoted).join(" "),
  };
}

function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/@([A-Z0-9_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new CompileError(`Cannot fill @${name}@ of the launcher`);
    return value;
  });
}

function appOf(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const index = [...files].map(([name, { length }]) => [name, length]);
  return joined([new TextEncoder().encode(`${JSON.stringify(index)}\n`), ...files.values()]);
}

function gzip(bytes: Uint8Array, level: number): Uint8Array {
  return gzipSync(bytes, { level });
}

/** As one word of the shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
