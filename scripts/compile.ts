/**
 * `deno task compile`: the program as one file, `dist/wick`, that needs nothing installed. It is run
 * before it counts: a line per check. Exits with 1 when one fails.
 *
 * - `--method auto|compile|bundle`: `compile` is `deno compile`, where its base binary can be had;
 *   `bundle` a file made of what npm provides, which unpacks itself once (see `launcher.ts`); `auto`
 *   tries the first, and takes the second when that fails or does not pass.
 * - `--target A,B`: linux-x64, linux-arm64; this machine's unless given. The file for another
 *   machine is called `wick-TARGET` and cannot be run here.
 * - `--out DIR`: where they go instead of `dist`.
 * - `--level N`: how hard gzip tries, 1 to 9 (default 9); `--no-compress` keeps the deno binary as it
 *   is: twice the size, a faster first start, and no gzip needed on the target.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { resolve } from "node:path";
import config from "../deno.json" with { type: "json" };
import { type Bundle, bundleProgram } from "./compile/bundle.ts";
import { compileProgram } from "./compile/denort.ts";
import { CompileError } from "./compile/error.ts";
import { type LauncherFile, launcherFile } from "./compile/launcher.ts";
import { licensed } from "./compile/licences.ts";
import { permissionFlags, type PermissionSet } from "./compile/permissions.ts";
import { proofs } from "./compile/proof.ts";
import {
  DENO_VERSION,
  denoBinary,
  nativeTarget,
  sha256Of,
  type TargetName,
  TARGETS,
} from "./compile/targets.ts";
import { ROOT } from "./support/root.ts";

type Method = "auto" | "compile" | "bundle";

interface Options {
  readonly method: Method;
  readonly targets: readonly TargetName[];
  readonly out: string;
  readonly level: number;
}

/** Builds what the arguments ask for; whether all of it passed. */
export async function main(args: readonly string[]): Promise<boolean> {
  try {
    const options = optionsOf(args);
    const bundle = await licensed(await bundleProgram());
    const { files, packages } = bundle;
    const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    console.log(`bundle: ${files.size} files, ${mb(bytes)}, ${packages.length} packages`);
    await Deno.mkdir(options.out, { recursive: true });
    let isGood = true;
    for (const name of options.targets) {
      isGood = await build(name, bundle, options) && isGood;
    }
    return isGood;
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    console.error(error.message);
    return false;
  }
}

function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      method: { type: "string", default: "auto" },
      target: { type: "string" },
      out: { type: "string", default: `${ROOT}dist` },
      level: { type: "string", default: "9" },
      "no-compress": { type: "boolean", default: false },
    },
  });
  const { method } = values;
  if (method !== "auto" && method !== "compile" && method !== "bundle") {
    throw new CompileError(
      `Cannot build: expected --method auto, compile or bundle: current value is ${method}`,
    );
  }
  const level = values["no-compress"] ? 0 : Number(values.level);
  if (!Number.isInteger(level) || level < 0 || level > 9) {
    throw new CompileError(
      `Cannot build: expected --level from 1 to 9: current value is ${values.level}`,
    );
  }
  const names = (values.target ?? nativeTarget() ?? "").split(",");
  const targets = names.filter((name): name is TargetName => Object.hasOwn(TARGETS, name));
  if (targets.length < names.length) {
    throw new CompileError(
      `Cannot build: expected --target of ${Object.keys(TARGETS).join(", ")}: ` +
        `current value is ${names.join(",") || Deno.build.target}`,
    );
  }
  return { method, targets, out: resolve(values.out), level };
}

/** Builds for one target and says how it went. */
async function build(name: TargetName, bundle: Bundle, options: Options): Promise<boolean> {
  const isNative = name === nativeTarget();
  const output = `${options.out}/wick${isNative ? "" : `-${name}`}`;
  // What cannot be run here is not trusted to deno compile unless that is asked for.
  if (options.method === "compile" || (options.method === "auto" && isNative)) {
    if (await tryCompile(name, bundle, output)) return true;
    if (options.method === "compile") return false;
    console.log(`${name}: falling back to the bundle`);
  }
  const deno = await denoBinary(name);
  return await proven(name, output, console.log, async (path) => {
    const { bytes, id } = selfUnpacking(name, bundle, deno.bytes, options.level);
    await Deno.writeFile(path, bytes);
    return `${mb(bytes.length)} (deno ${DENO_VERSION} from ${deno.from}), unpacks into ${id}, ` +
      `SHA-256 ${sha256Of(bytes)}`;
  });
}

/** The file that unpacks itself, of the program and a deno binary. */
export function selfUnpacking(
  name: TargetName,
  bundle: Bundle,
  deno: Uint8Array,
  level: number,
): LauncherFile {
  return launcherFile({
    version: config.version,
    targetName: name,
    target: TARGETS[name],
    deno,
    files: bundle.files,
    permissions: PERMISSIONS,
    v8: { service: v8Flags("serve"), command: v8Flags("wick") },
    level,
  });
}

/** Builds by deno compile; whether what it built passed. */
export async function tryCompile(
  name: TargetName,
  bundle: Bundle,
  output: string,
  say: (line: string) => void = console.log,
): Promise<boolean> {
  try {
    return await proven(name, output, say, async (path) => {
      await compileProgram({
        files: bundle.files,
        permissions: PERMISSIONS,
        target: TARGETS[name],
        v8: v8Flags("serve"),
        output: path,
      });
      return `${mb((await Deno.stat(path)).size)} by deno compile`;
    });
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    say(`${name}: ${error.message}`);
    return false;
  }
}

/** Has a program written, and puts it in its place, at once, when it has passed. */
async function proven(
  name: TargetName,
  output: string,
  say: (line: string) => void,
  write: (path: string) => Promise<string>,
): Promise<boolean> {
  const path = `${output}.unproven`;
  try {
    say(`${name}: ${output}, ${await write(path)}`);
    await Deno.chmod(path, 0o755);
    if (!await passes(name, path, say)) return false;
    await Deno.rename(path, output);
    return true;
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

async function passes(
  name: TargetName,
  file: string,
  say: (line: string) => void = console.log,
): Promise<boolean> {
  if (name !== nativeTarget()) {
    say(`${name}: not run: this machine is ${Deno.build.target}`);
    return true;
  }
  let failed = 0;
  for await (const { name: check, failure, detail } of proofs(file)) {
    say(
      `  ${check.padEnd(22)} ${failure === null ? `ok      ${detail}` : `FAILED  ${failure}`}`,
    );
    if (failure !== null) failed++;
  }
  return failed === 0;
}

const PERMISSIONS = permissionFlags(config.permissions.wick as PermissionSet);

/** The flags of V8 with which a task of deno.json runs the program. */
function v8Flags(task: "serve" | "wick"): string {
  const flags = /--v8-flags=\S+/.exec(config.tasks[task].command)?.[0];
  if (flags !== undefined) return flags;
  throw new CompileError(`Cannot build: the task ${task} has no --v8-flags`);
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

if (import.meta.main) Deno.exit(await main(Deno.args) ? 0 : 1);
