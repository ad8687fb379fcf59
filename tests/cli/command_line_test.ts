/** Words to calls: parsing, suggestions, help, completions, all from one table. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { COMMANDS } from "../../src/cli/commands.ts";
import { completionScript, SHELLS } from "../../src/cli/completion_scripts.ts";
import { UsageError } from "../../src/cli/exit_code.ts";
import { runCommand } from "../../src/cli/main.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";
import type { DemoOptions } from "../../src/cli/parts.ts";
import { editDistance, nearest } from "../../src/std/suggest.ts";
import { fakeIo, linesOf, PARTS, run } from "./support.ts";

function call(...words: string[]) {
  const request = parseCommandLine(words, COMMANDS);
  assert(request.kind === "call");
  return request.call;
}

Deno.test("parseCommandLine() reads options in all their forms", () => {
  const { operands, values } = call(
    ...["label", "a.csv", "--up=1e1", "--down", ".2", "-o", "x", "b.csv"],
    ...["--json", "--tie", "upper", "--", "--c.csv"],
  );
  assertEquals(operands, ["a.csv", "b.csv", "--c.csv"]);
  assertEquals([values.number("up"), values.number("down")], [10, 0.2]);
  assertEquals([values.text("out"), values.text("tie")], ["x", "upper"]);
  assertEquals([values.flag("json"), values.text("levels")], [true, undefined]);
  assertEquals(call("label", "-").operands, ["-"]);
});

Deno.test("parseCommandLine() refuses what it does not know, with the nearest it knows", () => {
  const cases: [string[], string][] = [
    [[], "no command given; see wick --help"],
    [["lable"], 'unknown command "lable"; did you mean label?'],
    [["comp"], 'unknown command "comp"; did you mean completions?'],
    [["xyzzy"], 'unknown command "xyzzy"; see wick --help'],
    [["--verison"], 'unknown option "--verison"; did you mean --version?'],
    [["help", "chekc"], 'unknown command "chekc"; did you mean check?'],
    [["check"], "no FILE given; see wick check --help"],
    [["label", ""], 'expected FILE: current value is ""'],
    [["label", "a", "--ouput", "b"], 'unknown option "--ouput"; did you mean --out?'],
    [["label", "a", "--zebra"], 'unknown option "--zebra"; see wick label --help'],
    [["label", "a", "-x"], 'unknown option "-x"; see wick label --help'],
    [["label", "a", "--up"], "option --up needs a value"],
    [["label", "a", "--out="], 'Cannot use --out: expected a value: current value is ""'],
    [["label", "a", "--json=yes"], "option --json takes no value"],
    [["label", "a", "--no-json"], 'unknown option "--no-json"; did you mean --json?'],
    [
      ["label", "a", "--up", "-1"],
      "option --up needs a value; one that begins with a dash is given as --up=-X",
    ],
    [["label", "a", "--up", "0x10"], 'Cannot use --up: expected a number: current value is "0x10"'],
    [["label", "a", "--up", " "], 'Cannot use --up: expected a number: current value is " "'],
    [["demo", "now"], 'expected nothing after demo: current value is "now"'],
    [
      ["completions", "bahs"],
      'Cannot use SHELL: expected bash, zsh, fish: current value is "bahs"; did you mean bash?',
    ],
    [
      ["completions", "bash", "zsh"],
      'expected at most 1 SHELL after completions: current value is "zsh"',
    ],
  ];
  for (const [words, message] of cases) {
    const error = assertThrows(() => parseCommandLine(words, COMMANDS), UsageError);
    assertEquals(error.message, message, words.join(" "));
  }
});

Deno.test("editDistance() equals the recursive definition on short words", () => {
  const slow = (a: string, b: string): number => {
    if (a === "" || b === "") return a.length + b.length;
    const [restA, restB] = [a.slice(1), b.slice(1)];
    const swapped = a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]
      ? slow(a.slice(2), b.slice(2)) + 1
      : Infinity;
    const replaced = slow(restA, restB) + (a[0] === b[0] ? 0 : 1);
    return Math.min(slow(restA, b) + 1, slow(a, restB) + 1, replaced, swapped);
  };
  const words = ["", "a", "ab", "ba", "abc", "acb", "bca", "label", "lable", "tabel"];
  for (const a of words) {
    for (const b of words) assertEquals(editDistance(a, b), slow(a, b), `${a} ${b}`);
  }
});

Deno.test("nearest() finds near words and no far ones", () => {
  const known = ["label", "check", "demo", "completions"];
  assertEquals(nearest("LABEL", known), "label");
  assertEquals(nearest("chek", known), "check");
  assertEquals(nearest("c", known), null);
  assertEquals(nearest("dmeo", known), "demo");
  assertEquals(nearest("dome", known), null);
  assertEquals(nearest("table", known), null);
});

Deno.test("help names every command, option and default, and ends with examples", async () => {
  const { out, code } = await run(["--help"]);
  assertEquals(code, 0);
  for (const { name, about } of COMMANDS) assert(out.includes(name) && out.includes(about));
  for (const word of ["0 ", "1 ", "2 ", "69 ", "70 ", "75 ", "130 "]) assert(out.includes(word));
  for (const command of COMMANDS) {
    const help = await run(["help", command.name]);
    assertEquals(await run([command.name, "--help"]), help);
    assertEquals(await run([command.name, "-h"]), help);
    for (const [name, { byDefault }] of Object.entries(command.options)) {
      assert(help.out.includes(`--${name}`), name);
      if (byDefault !== undefined) {
        assert(help.out.replace(/\s+/g, " ").includes(`default ${byDefault}`), name);
      }
    }
    assertMatch(help.out, /\nExamples:\n( {2}.+\n)+$/);
    assert(linesOf(help.out).every((line) => line.length <= 80), command.name);
  }
});

Deno.test("help has colours only where they are wanted", async () => {
  const io = fakeIo({ hasColour: { stdout: true, stderr: true } });
  await runCommand(["--help"], PARTS, io);
  assert(io.text.out.includes("\x1b[1mCommands:\x1b[22m"));
  assert(!(await run(["--help"])).out.includes("\x1b"));
});

Deno.test("every example in help is a command line that parses", () => {
  for (const { examples } of COMMANDS) {
    for (const { line } of examples) {
      const words = /\bwick ([^|>)]*)/.exec(line)?.[1]?.trim().split(/\s+/) ?? [];
      assertEquals(parseCommandLine(words, COMMANDS).kind, "call", line);
    }
  }
});

Deno.test("completion scripts know every command and option", () => {
  for (const shell of SHELLS) {
    const script = completionScript(shell, COMMANDS);
    for (const { name, options } of COMMANDS) {
      assert(script.includes(name), `${shell} ${name}`);
      for (const option of Object.keys(options)) {
        assert(script.includes(shell === "fish" ? `-l ${option}` : `--${option}`), option);
      }
    }
  }
});

/** What bash offers after these words, the last of which is being typed. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const script = `${completionScript("bash", COMMANDS)}
COMP_WORDS=(wick ${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length}
_wick
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await new Deno.Command("bash", { args: ["-uc", script] }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return linesOf(new TextDecoder().decode(stdout));
}

Deno.test("bash completes commands, options, words and files", async () => {
  assertEquals(await bashOffers("la"), ["label"]);
  assertEquals(await bashOffers("label", "--ho"), ["--horizon"]);
  assertEquals(await bashOffers("label", "--tie", ""), ["lower", "upper"]);
  assertEquals(await bashOffers("label", "--volatility", "y"), ["yang-zhang"]);
  assertEquals(await bashOffers("completions", "z"), ["zsh"]);
  assertEquals(await bashOffers("help", "de"), ["demo"]);
  assertEquals(await bashOffers("dlq", "re"), ["replay"]);
  assertEquals(await bashOffers("serve", "--profile", "l"), ["latency"]);
  const { pathname } = new URL("./support.t", import.meta.url);
  assertEquals(await bashOffers("label", pathname), [`${pathname}s`]);
  assertEquals(await bashOffers("check", "--max-gap-ms", ""), [""]);
});

Deno.test("demo hands its options to the function it is given", async () => {
  const seen: DemoOptions[] = [];
  const parts = {
    runDemo: (options: DemoOptions) => {
      seen.push(options);
      return Promise.resolve(70 as const);
    },
  };
  assertEquals((await run(["demo"], parts)).code, 70);
  await run(["demo", "--seconds", "0", "--seed", "7", "--json"], parts);
  assertEquals(seen, [
    { seconds: 60, seed: null, json: false },
    { seconds: 0, seed: 7, json: true },
  ]);
  const wrong = await run(["demo", "--seconds", "1.5"], parts);
  assertMatch(wrong.err, /Cannot use --seconds: expected a whole number from 0 to 604800/);
  assertEquals([wrong.code, seen.length], [2, 2]);
});

Deno.test("a defect is shown as one and exits with 1", async () => {
  const { code, err } = await run(["demo"], {
    runDemo: () => Promise.reject(new Error("planted")),
  });
  assertEquals(code, 1);
  assertMatch(err, /^wick demo: a defect in wick: Error: planted/);
});
