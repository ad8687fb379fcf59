/** The command as a process under its permission set: streams, pipes, signals, a terminal. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gzipSync } from "node:zlib";
import { ROOT } from "../../scripts/support/root.ts";
import { COLUMNS } from "../../src/label/format.ts";
import { HEADER, inFolder, linesOf, listed, start, WICK, wick } from "./support.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function rows(count: number): string {
  return Array.from({ length: count }, (_, i) => {
    const close = 100 + Math.sin(i);
    return `${60_000 * i},${close},${close + 1},${close - 1},${close},${i}\n`;
  }).join("");
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("wick --version is that of deno.json", async () => {
  const { version } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
  assertEquals(await wick(["--version"]), { code: 0, out: `wick ${version}\n`, err: "" });
});

Deno.test("wick label reads standard input, plain and gzip, and writes standard output", async () => {
  const csv = HEADER + rows(30);
  const plain = await wick(["label", "-"], { stdin: bytesOf(csv) });
  assertEquals([plain.code, plain.err], [0, ""]);
  assertEquals(linesOf(plain.out)[0], COLUMNS.join(","));
  assertEquals(linesOf(plain.out).length, 31);
  const gzip = await wick(["label", "-"], { stdin: Uint8Array.from(gzipSync(csv)) });
  assertEquals(gzip, plain);
  const empty = await wick(["label", "-"], { stdin: new Uint8Array(0) });
  assertEquals([empty.code, empty.out], [2, ""]);
  assertMatch(empty.err, /^wick label: standard input: Cannot read CSV header: .*\n$/);
});

Deno.test("wick label writes nothing to standard output before it knows the input is whole", () =>
  inFolder(async (folder) => {
    const gzip = Uint8Array.from(gzipSync(HEADER + rows(50_000))).subarray(0, -4);
    await Deno.writeFile(`${folder}/a.gz`, gzip);
    const { code, out, err } = await wick(["label", "a.gz"], { cwd: folder });
    assertEquals([code, out], [1, ""]);
    assertMatch(err, /^wick label: Cannot read a\.gz: the gzip data is damaged or cut short/);
  }));

Deno.test("wick label --json reports on standard error beside labels", async () => {
  const { out, err } = await wick(["label", "-", "--json"], { stdin: bytesOf(HEADER + rows(9)) });
  assertEquals(linesOf(out).length, 10);
  const { input, output, labels } = JSON.parse(err);
  assertEquals([input, output, labels], ["-", null, 9]);
});

Deno.test("wick label ends quietly when its output is closed", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, HEADER + rows(60_000));
    const child = start(["label", `${folder}/a.csv`]);
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    assert(new TextDecoder().decode(value).startsWith(COLUMNS.join(",")));
    await reader.cancel();
    const err = await new Response(child.stderr).text();
    assertEquals([(await child.status).code, err], [0, ""]);
  }));

Deno.test("wick --help and completions end quietly when their output is closed", async () => {
  const words = [...WICK, "completions", "bash"].map((word) => `'${word}'`).join(" ");
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", `'${Deno.execPath()}' ${words} | true; echo \${PIPESTATUS[0]}`],
  }).output();
  assertEquals(new TextDecoder().decode(stdout), "0\n");
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`wick label ends at ${signal} with 130 and no file, or those that were done`, () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/a.csv`, HEADER + rows(5));
      await Deno.writeTextFile(`${folder}/b.csv`, HEADER + rows(400_000));
      const words = ["label", `${folder}/a.csv`, `${folder}/b.csv`, "--out", `${folder}/o`];
      const child = start(words);
      const isUnderWay = () =>
        listed(folder).includes("o") && listed(`${folder}/o`).includes("a.labels.csv") &&
        listed(`${folder}/o`).some((name) => name.startsWith("b.labels.csv.")) &&
        listed(`${folder}/o`).length === 2;
      for (let i = 0; i < 4_000 && !isUnderWay(); i++) await pause(5);
      child.kill(signal);
      const { code, stderr } = await child.output();
      assertEquals(code, 130);
      assertEquals(
        new TextDecoder().decode(stderr),
        "wick label: interrupted; 1 of 2 files are done; no unfinished file is left\n",
      );
      assertEquals(listed(`${folder}/o`), ["a.labels.csv"]);
    }));
}

Deno.test("wick label that waits for standard input ends at SIGINT", async () => {
  const child = start(["label", "-"], {}, "piped");
  const writer = child.stdin.getWriter();
  await writer.write(bytesOf(HEADER));
  await pause(800);
  child.kill("SIGINT");
  const err = await new Response(child.stderr).text();
  assertEquals(err, "wick label: interrupted; no unfinished file is left\n");
  assertEquals((await child.status).code, 130);
  await child.stdout.cancel();
  await writer.close().catch(() => {});
});

Deno.test("wick without a command, with an unknown one or option says so in one line", async () => {
  const none = await wick([]);
  assertEquals(none, { code: 2, out: "", err: "wick: no command given; see wick --help\n" });
  const unknown = await wick(["lable", "x.csv"]);
  assertEquals(unknown.code, 2);
  assertEquals(unknown.err, 'wick: unknown command "lable"; did you mean label?\n');
});
