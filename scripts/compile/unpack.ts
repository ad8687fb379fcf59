/**
 * The part of a built file's first start that the script in front of it leaves to the program just
 * unpacked: checks the payload, which comes in on standard input, where nobody has, and writes the
 * files of the program, which stand at its end. It is packed as it stands, so it imports nothing of the project.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { gunzipSync } from "node:zlib";

const [sha256 = "-", bytes = "0", appBytes = "0", folder = "."] = Deno.args;
const given = await readAll(Number(bytes));
if (sha256 !== "-") {
  const found = createHash("sha256").update(given).digest("hex");
  if (found !== sha256) fail(`expected SHA-256 ${sha256}: current value is ${found}`);
}

const app = gunzipSync(given.subarray(given.length - Number(appBytes)));
const indexEnd = app.indexOf(0x0a);
const index: [name: string, bytes: number][] = JSON.parse(
  new TextDecoder().decode(app.subarray(0, indexEnd)),
);
let at = indexEnd + 1;
for (const [name, bytes] of index) {
  const path = `${folder}/${name}`;
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "wx", 0o644);
  writeFileSync(file, app.subarray(at, at + bytes));
  closeOnDisk(file);
  at += bytes;
}
closeOnDisk(openSync(`${folder}/wick`, "r"));

/** A rename may reach the disk before what is renamed: after a power cut that would be zeros. */
function closeOnDisk(file: number): void {
  fsyncSync(file);
  closeSync(file);
}

async function readAll(bytes: number): Promise<Uint8Array> {
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes;) {
    const count = await Deno.stdin.read(all.subarray(at));
    if (count === null) fail(`expected ${bytes} bytes: current value is ${at}`);
    at += count;
  }
  return all;
}

function fail(why: string): never {
  console.error(`the file is damaged: ${why}`);
  Deno.exit(1);
}
