import { keyMask, readKey } from "../../src/provider/http_key.ts";
import { ProviderError } from "../../src/provider/error.ts";
import { assertEquals, assertRejects } from "@std/assert";

const reader = (texts: Readonly<Record<string, string>>) => ({
  env: (name: string) => texts[name],
  file: (path: string) => {
    const text = texts[path];
    return text === undefined ? Promise.reject(new Error("ENOENT")) : Promise.resolve(text);
  },
});

Deno.test("readKey() takes the first line of a file, and a variable", async () => {
  const texts = { KEY: "abc123", "./key": " s3cret \nanother line\n" };
  assertEquals(await readKey({ env: "KEY" }, reader(texts)), "abc123");
  assertEquals(await readKey({ file: "./key" }, reader(texts)), "s3cret");
});

Deno.test("readKey() names where the key should be, never what is there", async () => {
  const texts = { EMPTY: "", BLANKS: "secret with blanks", LONG: "s".repeat(5_000) };
  const cases = [
    [{ env: "NONE" }, "environment variable NONE: current value is not set"],
    [{ env: "EMPTY" }, "environment variable EMPTY: current value is empty"],
    [{ env: "BLANKS" }, "hidden"],
    [{ env: "LONG" }, "5000 characters"],
    [{ file: "./none" }, "file ./none: current value is not readable"],
  ] as const;
  for (const [source, expected] of cases) {
    const error = await assertRejects(
      () => readKey(source, reader(texts)),
      ProviderError,
      expected,
    );
    assertEquals([error.code, error.message.includes("secret")], ["key", false]);
  }
});

Deno.test("keyMask() hides a key as it is and as it stands in URLs", () => {
  const key = "a+b/c=d e&%";
  const mask = keyMask(key);
  const url = new URL("http://x/?y=1");
  url.searchParams.set("api_token", key);
  for (const text of [key, encodeURIComponent(key), url.href]) {
    assertEquals(mask(`<${text}>`).includes("b"), false, text);
  }
  assertEquals(mask("nothing here"), "nothing here");
  assertEquals(keyMask(null)("a"), "a");
});
