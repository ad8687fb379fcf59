/**
 * The machines that a file can be built for, and the deno binary of each: this very deno where it is
 * the one that is wanted, else the one in the npm package, in both cases only with the SHA-256 that
 * stands here.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { ROOT } from "../support/root.ts";
import { CompileError } from "./error.ts";
import { ran } from "./run.ts";

/** The version of deno whose binaries stand here. */
export const DENO_VERSION = "2.9.6";

/** A kind of machine. */
export interface Target {
  /** As `uname -m` says it. */
  readonly machine: string;
  /** As deno says it. */
  readonly triple: string;
  /** The npm package that holds deno for it. */
  readonly package: string;
  /** SHA-256 of the binary in that package at {@linkcode DENO_VERSION}. */
  readonly sha256: string;
}

/** Every target by name. All are Linux with glibc: there are no binaries for musl. */
export const TARGETS = {
  "linux-x64": {
    machine: "x86_64",
    triple: "x86_64-unknown-linux-gnu",
    package: "@deno/linux-x64-glibc",
    sha256: "bceb5b6a6239b0b010418406d8c77a508f67cf4337d94288f1c19fe71304aab0",
  },
  "linux-arm64": {
    machine: "aarch64",
    triple: "aarch64-unknown-linux-gnu",
    package: "@deno/linux-arm64-glibc",
    sha256: "d08d392418df53f4e6e88a08909c0e1bccbf9adcead7232df72b6ad6075ec416",
  },
} as const satisfies Record<string, Target>;

/** Name of a target. */
export type TargetName = keyof typeof TARGETS;

/** The target that this machine is, or null. */
export function nativeTarget(): TargetName | null {
  const names = Object.keys(TARGETS) as TargetName[];
  return names.find((name) => TARGETS[name].triple === Deno.build.target) ?? null;
}

/** Longest that npm may take for its 41 MB, ms: 4 Mbit/s need 80 s. */
const PACK_MAX_MS = 300_000;

/** A binary and where it came from. */
export interface DenoBinary {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: string;
}

/**
 * The deno binary of a target. What npm brought is kept in `dist/deno`.
 *
 * @throws {CompileError} When it cannot be had, or is not the one whose hash stands here.
 */
export async function denoBinary(name: TargetName): Promise<DenoBinary> {
  const target = TARGETS[name];
  if (name === nativeTarget()) {
    const bytes = await Deno.readFile(Deno.execPath());
    if (sha256Of(bytes) === target.sha256) return { bytes, from: "this deno" };
  }
  const kept = `${ROOT}dist/deno/${DENO_VERSION}-${name}`;
  const found = await Deno.readFile(kept).catch(() => null);
  if (found !== null && sha256Of(found) === target.sha256) {
    return { bytes: found, from: "dist/deno" };
  }
  const bytes = await packed(target);
  const sha256 = sha256Of(bytes);
  if (sha256 !== target.sha256) {
    throw new CompileError(
      `Cannot use ${target.package}@${DENO_VERSION}: expected SHA-256 ${target.sha256}: ` +
        `current value is ${sha256}`,
    );
  }
  await Deno.mkdir(`${ROOT}dist/deno`, { recursive: true });
  await Deno.writeFile(kept, bytes);
  return { bytes, from: `npm ${target.package}@${DENO_VERSION}` };
}

async function packed(target: Target): Promise<Uint8Array<ArrayBuffer>> {
  const wanted = `${target.package}@${DENO_VERSION}`;
  const folder = await Deno.makeTempDir({ prefix: "wick-deno-" });
  try {
    // npm itself compares the archive with the integrity that the registry states.
    const npm = await ran("npm", ["pack", "--silent", wanted], {
      cwd: folder,
      limitMs: PACK_MAX_MS,
    });
    const archive = [...Deno.readDirSync(folder)].find(({ name }) => name.endsWith(".tgz"))?.name;
    if (npm.code !== 0 || archive === undefined) {
      throw new CompileError(`Cannot get ${wanted} by npm pack: ${npm.text || "it says nothing"}`);
    }
    const tar = await ran("tar", ["-xzf", archive, "package/deno"], { cwd: folder });
    if (tar.code !== 0) throw new CompileError(`Cannot unpack ${wanted}: ${tar.text}`);
    return await Deno.readFile(`${folder}/package/deno`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** SHA-256 in hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
