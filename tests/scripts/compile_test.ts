/** `deno task compile`: the built file, started in all the ways in which files are started. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { selfUnpacking, tryCompile } from "../../scripts/compile.ts";
import { bundleProgram } from "../../scripts/compile/bundle.ts";
import { cksum } from "../../scripts/compile/cksum.ts";
import { CompileError } from "../../scripts/compile/error.ts";
import { permissionFlags } from "../../scripts/compile/permissions.ts";
import { proofs } from "../../scripts/compile/proof.ts";
import { ran, type Run, type RunOptions } from "../../scripts/compile/run.ts";
import { BuiltService } from "../../scripts/compile/service.ts";
import { nativeTarget } from "../../scripts/compile/targets.ts";
import { ROOT } from "../../scripts/support/root.ts";

const NATIVE = nativeTarget();
const VERSION = `wick ${JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)).version}`;

Deno.test("permissionFlags() says every form of a permission as arguments", () => {
  const flags = permissionFlags({
    read: true,
    run: false,
    net: ["a:1", "b,c"],
    env: { ignore: true, allow: ["A", "B"] },
    sys: { allow: false },
  });
  assertEquals(Object.fromEntries(flags), {
    read: ["--allow-read"],
    run: ["--deny-run"],
    net: ["--allow-net=a:1,b,,c"],
    env: ["--allow-env=A,B", "--ignore-env"],
    sys: [],
  });
});

Deno.test({
  name: "cksum() is what the program prints",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const path = await Deno.makeTempFile();
    for (const bytes of [0, 1, 255, 256, 70_001]) {
      const data = Uint8Array.from({ length: bytes }, (_, i) => i * i % 251);
      await Deno.writeFile(path, data);
      const { text } = await ran("cksum", [path]);
      assertEquals(text, `${cksum(data)} ${bytes} ${path}`);
    }
    await Deno.remove(path);
  },
});

/** What every step has. */
interface Built {
  /** Path of the built file, which is not compressed: it unpacks faster. */
  readonly file: string;
  readonly id: string;
  /** Path of one that is; with a stand-in only. */
  readonly packed: string;
  /** A fresh folder. */
  readonly folder: string;
  /** Runs it with a cache folder in the fresh one. */
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Run>;
}

type Steps = Readonly<Record<string, (built: Built) => Promise<void>>>;

/** What is seen in a file that holds deno itself. */
const WHOLE: Steps = {
  "does what the source does": async ({ file }) => {
    for await (const { name, failure } of proofs(file, 1)) assertEquals(failure, null, name);
  },

  "two first starts at once unpack one folder": async ({ folder, id, run }) => {
    const both = await Promise.all([run(["--version"]), run(["--version"])]);
    assertEquals(both.map(({ text }) => text), [VERSION, VERSION]);
    assertEquals(names(`${folder}/cache`), [id]);
  },

  "goes on after a start that was killed while it unpacked": async ({ file, folder, id, run }) => {
    // With all that it has started: what unpacks for it would go on to the end.
    const child = new Deno.Command("setsid", {
      args: [file, "--version"],
      env: { WICK_CACHE_DIR: `${folder}/cache` },
      stdout: "null",
      stderr: "null",
    }).spawn();
    while (!names(`${folder}/cache`).some((name) => name.includes(".tmp-"))) await moment();
    Deno.kill(-child.pid, "SIGKILL");
    await child.status;
    assertEquals(names(`${folder}/cache`).includes(id), false);
    assertEquals((await run(["--version"])).text, VERSION);
    assert(names(`${folder}/cache`).includes(id));
    assert(!names(`${folder}/cache`).includes(`${id}.lock`));
  },

  "a damaged cache is unpacked again": async ({ folder, id, run }) => {
    await run(["--version"]);
    const place = `${folder}/cache/${id}`;
    const damage: Record<string, () => Promise<void>> = {
      "a bit of deno": () => flip(`${place}/wick`, 50_000_000),
      "a thread's entry, and the end of the program": async () => {
        await Deno.remove(`${place}/store.js`);
        await Deno.truncate(`${place}/mod.js`, 1_000);
      },
    };
    for (const [name, change] of Object.entries(damage)) {
      await change();
      const left = await run(["--version"]);
      assertMatch(left.text, /is damaged: unpacking it again/, name);
      assertEquals(left.code, 0, name);
    }
    assertEquals((await run(["--version"])).text, VERSION);
  },

  "a cache folder that cannot be used is said to be so": async ({ file, folder, run }) => {
    await Deno.writeTextFile(`${folder}/plain`, "");
    for (const cache of [`${folder}/plain/cache`, "/dev/shm/wick"]) {
      const left = await run(["--version"], { env: { WICK_CACHE_DIR: cache } });
      assertEquals(left.code, 1);
      assertMatch(left.text, /Cannot unpack: .*\n.*(cannot be made|no place for programs)/);
    }
    if (!await canMount()) return skipped("not on a full or read-only disk (no rights to mount)");
    for (const [options, why] of [["size=40m", /needs \d+ kB and has \d+/], ["ro", /read-only/]]) {
      await Deno.mkdir(`${folder}/disk`, { recursive: true });
      const script =
        `mount -t tmpfs -o ${options} none "$1" && WICK_CACHE_DIR=$1 exec "$2" --version`;
      const left = await ran("unshare", ["-m", "sh", "-c", script, "sh", `${folder}/disk`, file]);
      assertEquals(left.code, 1);
      assertMatch(left.text, why as RegExp);
    }
  },

  "starts as a user without a home, and trusts nobody else's cache": async (
    { file, folder, id },
  ) => {
    if (Deno.uid() !== 0 || (await ran("setpriv", ["--version"])).code !== 0) {
      return skipped("not as another user (needs root and setpriv)");
    }
    await Deno.mkdir(`${folder}/tmp`);
    await Deno.chmod(`${folder}/tmp`, 0o1777);
    await Deno.chmod(folder, 0o755);
    const env = { TMPDIR: `${folder}/tmp`, PATH };
    const as = (uid: number) =>
      ran("setpriv", [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", file, "--version"], {
        cwd: "/",
        env,
        clearEnv: true,
      });
    assertEquals((await as(61_234)).text, VERSION);
    assertEquals(names(`${folder}/tmp`), ["wick-61234"]);
    // Somebody was there before the user: what lies there is not started.
    await Deno.rename(`${folder}/tmp/wick-61234`, `${folder}/tmp/wick-61235`);
    const refused = await as(61_235);
    assertEquals(refused.code, 1);
    assertMatch(refused.text, /belongs to another user/);
    // Root's cache is for everybody.
    await Deno.remove(`${folder}/tmp/wick-61235`, { recursive: true });
    const shared = { WICK_CACHE_DIR: `${folder}/shared`, PATH };
    await ran(file, ["--version"], { env: shared });
    const user = ["--reuid=61236", "--regid=61236", "--clear-groups", file, "--version"];
    const left = await ran("setpriv", user, { cwd: "/", env: shared, clearEnv: true });
    assertEquals(left.text, VERSION);
    assertEquals(names(`${folder}/shared`), [id]);
  },

  "serves as the unit has it: another user, no rights, one folder to write": async (built) => {
    if (!await canMount() || (await ran("setpriv", ["--version"])).code !== 0) {
      return skipped(
        "not under the unit's restrictions (needs root, setpriv and the right to mount)",
      );
    }
    const { file, folder } = built;
    // As with DynamicUser, the folders are links to others.
    for (const name of ["state", "cache"]) {
      await Deno.mkdir(`${folder}/private/${name}`, { recursive: true });
      await Deno.chown(`${folder}/private/${name}`, 61_234, 61_234);
      await Deno.symlink(`private/${name}`, `${folder}/${name}`);
    }
    await Deno.chmod(folder, 0o755);
    await Deno.writeTextFile(`${folder}/token`, "0123456789abcdef0123456789abcdef");
    await Deno.chown(`${folder}/token`, 61_234, 61_234);
    const script = `mount --make-rprivate / && cd "$1" &&
      for name in state cache; do mount --bind private/$name private/$name; done &&
      mount -o remount,bind,ro / && cd state && shift && exec setpriv --reuid=61234 --regid=61234 \
        --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"`;
    const environment = unitEnvironment(folder);
    await using service = new BuiltService({
      file,
      folder: `${folder}/state`,
      env: { ...environment, PATH },
      clearEnv: true,
      before: ["unshare", "-m", "sh", "-c", script, "sh", folder],
      token: "0123456789abcdef0123456789abcdef",
    });
    await service.ready();
    await service.push("EUR_USD:M1", 0, 60);
    assertEquals(await service.candles("EUR_USD:M1"), 60);
    const { code, said } = await service.stop();
    assertEquals(code, 0, said);
  },
};

/** What the launcher does by itself, seen in a file that holds a stand-in for deno. */
const LAUNCHER: Steps = {
  "starts from a folder with spaces, by a relative path, a link, the PATH, or sh": async (
    built,
  ) => {
    const { folder, id, run } = built;
    const home = `${folder}/a folder 'of' $mine`;
    await Deno.mkdir(home);
    await Deno.copyFile(built.file, `${home}/wick`);
    await Deno.symlink(`a folder 'of' $mine/wick`, `${folder}/link`);
    const cache = `${home}/the cache`;
    const env = { WICK_CACHE_DIR: cache };
    const starts: [string, readonly string[], RunOptions][] = [
      ["./wick", [], { cwd: home }],
      ["../link", [], { cwd: home }],
      ["sh", ["wick"], { cwd: home }],
      ["sh", ["-c", `wick "$@"`, "sh"], { cwd: folder, env: { PATH: `${home}:${PATH}` } }],
    ];
    for (const [program, args, options] of starts) {
      const left = await ran(program, [...args, "--version"], {
        ...options,
        env: { ...env, ...options.env },
      });
      assertEquals(left.text, VERSION, program);
      // The next one finds the file by itself, too; how it does is the same for each kind.
      if (program !== "sh") await Deno.remove(`${cache}/${id}`, { recursive: true });
    }
    const relative = await run(["--version"], { cwd: home, env: { WICK_CACHE_DIR: "the cache" } });
    assertEquals([relative.text, names(cache)], [VERSION, [id]]);
  },

  "leaves arguments, standard input and standard output alone": async ({ file, folder, run }) => {
    await run(["--version"]);
    const wrong = await run(["no such\n'command' *", "--x"]);
    assertEquals(wrong.code, 2);
    const script = `printf 'ts,open,high,low,close,volume\\n0,1,2,0,1,1\\n' | "$1" label - `;
    const left = await ran("sh", ["-c", script, "sh", file], {
      cwd: folder,
      env: { WICK_CACHE_DIR: `${folder}/cache` },
    });
    assertEquals(left.code, 0, left.text);
    assertMatch(left.text, /^ts,/);
    // Names of the launcher's own are no settings that the program would wonder about.
    const doctor = await run(["config", "--json"], { env: { WICK_CACHE_DIR: `${folder}/cache` } });
    assert(!doctor.text.includes("CACHE_DIR"), doctor.text.slice(0, 300));
  },

  "a damaged file is refused, with sha256sum and without": async ({ packed, folder }) => {
    const bytes = await Deno.readFile(packed);
    const flipped = (at: number) => {
      const copy = bytes.slice();
      copy[at] = (copy[at] ?? 0) ^ 4;
      return copy;
    };
    const bare = `${folder}/bin`;
    await Deno.mkdir(bare);
    for (const tool of TOOLS) {
      const { text } = await ran("sh", ["-c", `command -v ${tool}`]);
      await Deno.symlink(text, `${bare}/${tool}`);
    }
    const damages: [name: string, damaged: Uint8Array, path: string][] = [
      ["cut", bytes.slice(0, -1_000), bare],
      ["deno", flipped(Math.floor(bytes.length / 2)), PATH],
      ["deno", flipped(Math.floor(bytes.length / 2)), bare],
      ["program", flipped(bytes.length - 10_000), bare],
    ];
    const cache = `${folder}/cache`;
    for (const [name, damaged, path] of damages) {
      await Deno.writeFile(`${folder}/${name}`, damaged, { mode: 0o755 });
      const left = await ran(`${folder}/${name}`, ["--version"], {
        env: { WICK_CACHE_DIR: cache, PATH: path },
      });
      assertEquals(left.code, 1, left.text);
      assertMatch(left.text, /damaged|gzip|differs/);
      assertEquals(names(cache), []);
    }
    const whole = await ran(packed, ["--version"], { env: { WICK_CACHE_DIR: cache, PATH: bare } });
    assertEquals(whole.text, VERSION);
  },

  "removes what earlier versions left, but for two and those that run": async (built) => {
    const { folder, id, run } = built;
    const old = ["00000000000000aa", "00000000000000bb", "00000000000000cc", "00000000000000dd"];
    for (const [age, name] of old.entries()) {
      const place = `${folder}/cache/${name}`;
      await Deno.mkdir(place, { recursive: true });
      await Deno.writeTextFile(`${place}/used`, "");
      await Deno.utime(`${place}/used`, 1_000_000 - age, 1_000_000 - age);
    }
    await Deno.mkdir(`${folder}/cache/of somebody`);
    await Deno.writeTextFile(`${folder}/cache/of somebody/used`, "");
    const program = `${folder}/cache/${old[3]}/wick`;
    await Deno.copyFile("/bin/sleep", program);
    const running = new Deno.Command(program, { args: ["60"] }).spawn();
    try {
      assertEquals((await run(["--version"])).text, VERSION);
    } finally {
      running.kill("SIGKILL");
      await running.status;
    }
    const [newest, second, , runs] = old;
    assertEquals(names(`${folder}/cache`), [newest, second, runs, id, "of somebody"].sort());
  },

  "may be narrowed by WICK_ALLOW_*, and by nothing widened": async ({ folder, run }) => {
    const out = `${folder}/out.csv`;
    await Deno.writeTextFile(`${folder}/in.csv`, "ts,open,high,low,close,volume\n0,1,2,0,1,1\n");
    const words = ["label", `${folder}/in.csv`, "--out", out];
    const env = { WICK_CACHE_DIR: `${folder}/cache` };
    for (const less of [{ WICK_ALLOW_WRITE: "" }, { WICK_ALLOW_WRITE: "/nowhere" }]) {
      const left = await run(words, { env: { ...env, ...less } });
      assert(left.code !== 0, left.text);
      assertEquals(await Deno.stat(out).catch(() => null), null);
    }
    const unread = await run(words, { env: { ...env, WICK_ALLOW_READ: "" } });
    assert(unread.code !== 0, unread.text);
    const enough = { ...env, WICK_ALLOW_WRITE: folder, WICK_ALLOW_READ: folder };
    const left = await run(words, { env: enough });
    assertEquals(left.code, 0, left.text);
  },
};

/** Bytes of the stand-in, so many that most of a packed file is of it. */
const STAND_IN_BYTES = 16_000_000;

/**
 * In the place of deno: starts the deno that runs this, and is unpacked in an instant. No shell reads
 * what follows the first lines, nor is it made smaller by packing.
 */
function standIn(): Uint8Array {
  const bytes = new Uint8Array(STAND_IN_BYTES);
  for (let at = 0; at < bytes.length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  bytes.set(new TextEncoder().encode(`#!/bin/sh\nexec '${Deno.execPath()}' "$@"\n`));
  return bytes;
}

Deno.test({
  name: "a built file",
  ignore: NATIVE === null,
  fn: async (t) => {
    if (NATIVE === null) return;
    const folder = await Deno.makeTempDir({ prefix: "wick-compile-test-" });
    // Others start it, too.
    await Deno.chmod(folder, 0o755);
    try {
      const bundle = await bundleProgram();
      const kinds = [
        { kind: "whole", deno: await Deno.readFile(Deno.execPath()), steps: WHOLE },
        { kind: "launcher", deno: standIn(), steps: LAUNCHER },
      ];
      for (const { kind, deno, steps } of kinds) {
        const [file, packed] = [`${folder}/${kind}`, `${folder}/${kind}-packed`];
        const { id, bytes } = selfUnpacking(NATIVE, bundle, deno, 0);
        await Deno.writeFile(file, bytes, { mode: 0o755 });
        if (kind === "launcher") {
          const small = selfUnpacking(NATIVE, bundle, deno, 1);
          await Deno.writeFile(packed, small.bytes, { mode: 0o755 });
        }
        for (const [name, step] of Object.entries(steps)) {
          await t.step(name, async () => {
            const own = await Deno.makeTempDir({ dir: folder });
            const env = { WICK_CACHE_DIR: `${own}/cache` };
            const run = (args: readonly string[], options: RunOptions = {}) =>
              ran(file, args, { cwd: own, env, ...options });
            await step({ file, id, packed, folder: own, run });
            await Deno.remove(own, { recursive: true });
          });
        }
      }
      await t.step("packing the same again gives the same bytes", () => {
        const again = () => selfUnpacking(NATIVE, bundle, new Uint8Array(1_000), 9).bytes;
        assertEquals(again(), again());
      });
      await t.step("deno compile with a base binary that is none does not pass", async () => {
        Deno.env.set("DENORT_BIN", Deno.execPath());
        try {
          const said: string[] = [];
          const isGood = await tryCompile(NATIVE, bundle, `${folder}/compiled`, (line) => {
            said.push(line);
          });
          assertEquals(isGood, false);
          assertMatch(said.join("\n"), /by deno compile\n +version +FAILED .*deno/);
        } finally {
          Deno.env.delete("DENORT_BIN");
        }
      });
    } catch (error) {
      if (!(error instanceof CompileError && /esbuild.*Download/s.test(error.message))) throw error;
      console.log("skipped: the built file (its bundler cannot be downloaded)");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("the units are what systemd takes for units", async () => {
  if ((await ran("systemd-analyze", ["--version"])).code !== 0) {
    console.log("skipped: the units (systemd-analyze is absent)");
    return;
  }
  const folder = await Deno.makeTempDir({ prefix: "wick-units-" });
  try {
    const units = ["wick.service", "wick-backup.service", "wick-backup.timer"];
    for (const name of units) {
      const text = await Deno.readTextFile(`${ROOT}scripts/service/${name}`);
      // What is not installed here would be complained about.
      const unit = text.replaceAll("/usr/local/bin/wick", "/bin/true");
      await Deno.writeTextFile(`${folder}/${name}`, unit);
    }
    const paths = units.map((name) => `${folder}/${name}`);
    const verified = await ran("systemd-analyze", ["verify", ...paths]);
    assertEquals([verified.code, verified.text], [0, ""]);
    const judged = await ran("systemd-analyze", ["security", "--offline=true", paths[0] ?? ""]);
    const exposure = Number(/Overall exposure level.*: ([\d.]+)/.exec(judged.text)?.[1]);
    assert(exposure <= 2, `exposure ${exposure}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The variables of the unit, with the folders of the test in place of systemd's. */
function unitEnvironment(folder: string): Record<string, string> {
  const unit = Deno.readTextFileSync(`${ROOT}scripts/service/wick.service`);
  const places: Record<string, string> = {
    "%S/wick": `${folder}/state`,
    "%C/wick": `${folder}/cache`,
    "%d": folder,
    "/etc/wick": folder,
  };
  const words = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, all = ""]) =>
    all.split(" ")
  );
  return Object.fromEntries(words.map((word) => {
    const [name = "", value = ""] = word.split("=");
    return [name, value.replaceAll(/%S\/wick|%C\/wick|%d|\/etc\/wick/g, (at) => places[at] ?? at)];
  }));
}

function skipped(what: string): void {
  console.log(`skipped: ${what}`);
}

/** What the launcher needs of the target, and no sha256sum. */
const TOOLS = [
  ...["sh", "cat", "chmod", "cksum", "df", "find", "gzip", "head", "id", "ls", "mkdir", "mktemp"],
  ...["mv", "rm", "sleep", "tail", "uname", "wc"],
];

const PATH = Deno.env.get("PATH") ?? "/usr/bin:/bin";

/** Whether this process may mount in a namespace of its own. */
async function canMount(): Promise<boolean> {
  if (Deno.uid() !== 0) return false;
  const { code } = await ran("unshare", ["-m", "sh", "-c", "mount -t tmpfs none /mnt"]);
  return code === 0;
}

function names(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await Deno.writeFile(path, bytes);
}

function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
