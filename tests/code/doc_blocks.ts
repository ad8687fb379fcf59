/**
 * Programs that stand in documentation: found, run in a folder of their own, and compared with
 * what is said of their output.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";
import { join } from "node:path";
import { childEnv } from "../../scripts/support/deno.ts";
import { ROOT } from "../../scripts/support/root.ts";

/** A fenced block of a text in Markdown. */
export interface Block {
  /** First word after the fence. */
  readonly language: string;
  readonly text: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** What the comment `<!-- … -->` in the line before, or before an empty one, says. */
  readonly tag: string | null;
}

/** Every fenced block, in order. */
export function blocksOf(markdown: string): Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```(\S*)/.exec(lines[at] ?? "");
    if (fence === null) continue;
    const before = (lines[at - 1] ?? "").trim() === "" ? lines[at - 2] : lines[at - 1];
    const tag = /^<!-- (.*) -->$/.exec(before ?? "")?.[1] ?? null;
    const from = at + 1;
    at = lines.indexOf("```", from);
    if (at < 0) throw new Error(`Cannot read the block at line ${from}: expected its end`);
    const text = lines.slice(from, at).join("\n");
    blocks.push({ language: fence[1] ?? "", text, line: from, tag });
  }
  return blocks;
}

/** The examples of a module's own documentation: every `@example` with its title. */
export function examplesOf(source: string): { readonly title: string; readonly text: string }[] {
  const head = source.slice(0, source.indexOf("\n */"));
  return [...head.matchAll(/^ \* @example (.*)\n \* ```ts\n([\s\S]*?)^ \* ```$/gm)].map(
    ([, title = "", body = ""]) => ({ title, text: body.replace(/^ \* ?/gm, "") }),
  );
}

/** What is said of the output: the comments beside `console.log`, in their order. */
export function saidOutput(program: string): string[] {
  return [...program.matchAll(/^\s*.*console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text = ""]) =>
    text
  );
}

/** Whether a line is as it is said to be; `…` stands for anything. */
export function isAsSaid(line: string, said: string): boolean {
  const parts = said.trimEnd().split("…").map((part) =>
    part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+")
  );
  return new RegExp(`^${parts.join(".*")}$`).test(line.trimEnd());
}

/**
 * The first of the lines that did not come, in their order, among those that did; null when all
 * came.
 */
export function firstMissing(output: string, said: readonly string[]): string | null {
  const lines = output.split("\n");
  let at = 0;
  for (const expected of said) {
    while (at < lines.length && !isAsSaid(lines[at] ?? "", expected)) at++;
    if (at++ >= lines.length) return expected;
  }
  return null;
}

/** Where the programs of a run lie, and where `wick` is found. */
export class Workshop implements AsyncDisposable {
  /** Programs of which a service was made, to be ended. */
  readonly #services: Deno.ChildProcess[] = [];

  private constructor(readonly folder: string, readonly port: number) {}

  /** A folder of its own with the command `wick`, and the port that its service will have. */
  static async open(port: number): Promise<Workshop> {
    const folder = await Deno.makeTempDir({ prefix: "wick-docs-" });
    const wick = join(folder, ".bin", "wick");
    await Deno.mkdir(join(folder, ".bin"));
    const flags = "-q --no-check --v8-flags=--max-semi-space-size=4 -P=wick";
    const command = `"${Deno.execPath()}" run ${flags} --config "${ROOT}deno.json"`;
    await Deno.writeTextFile(wick, `#!/bin/sh\nexec ${command} "${ROOT}mod.ts" "$@"\n`);
    await Deno.chmod(wick, 0o755);
    return new Workshop(folder, port);
  }

  /** Writes a file that the programs read. */
  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.folder, name), text);
  }

  /** Runs a program of TypeScript; `./mod.ts` is the library. Answers what it printed. */
  async runModule(name: string, text: string): Promise<string> {
    await this.write(name, text.replaceAll('"./mod.ts"', `"file://${ROOT}mod.ts"`));
    const args = ["run", "-A", "-q", "--no-check", "--config", `${ROOT}deno.json`, name];
    return await this.#finished(Deno.execPath(), args);
  }

  /** Runs commands of a shell, each failure of which counts. Answers what they printed. */
  async runShell(text: string): Promise<string> {
    return await this.#finished("bash", ["-euo", "pipefail", "-c", this.#here(text)]);
  }

  /** Starts commands of a shell that go on; resolves when the service is ready. */
  async startShell(text: string): Promise<void> {
    const child = new Deno.Command("bash", {
      args: ["-c", `exec ${this.#here(text)}`],
      ...this.#place(),
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#services.push(child);
    for (let look = 0; look < 1_200; look++) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/readyz`).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`Cannot start the service: expected it on port ${this.port} within 30 s`);
  }

  /** Kills what {@linkcode startShell} started at once, and starts these commands in its place. */
  async killAndStart(text: string): Promise<void> {
    for (const child of this.#services.splice(0)) {
      child.kill("SIGKILL");
      await child.status;
    }
    await this.startShell(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#services) {
      child.kill("SIGTERM");
      await child.status;
    }
    await Deno.remove(this.folder, { recursive: true });
  }

  #here(text: string): string {
    return text.replaceAll("8003", String(this.port));
  }

  #place() {
    const { PATH = "" } = Deno.env.toObject();
    const own = { WICK_PORT: String(this.port), WICK_URL: `http://127.0.0.1:${this.port}` };
    const env = { ...childEnv(), ...own, NO_COLOR: "1", PATH: `${this.folder}/.bin:${PATH}` };
    return { cwd: this.folder, env, stdin: "null" as const };
  }

  async #finished(command: string, args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      ...this.#place(),
      signal: AbortSignal.timeout(120_000),
    }).output();
    const [out, errors] = [stdout, stderr].map((bytes) =>
      stripVTControlCharacters(new TextDecoder().decode(bytes))
    );
    if (code !== 0) throw new Error(`It ended with ${code}:\n${out}\n${errors}`);
    return out ?? "";
  }
}
