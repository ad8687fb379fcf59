import { assertBaseUrl } from "../../src/provider/http_base.ts";
import { ProviderError } from "../../src/provider/error.ts";
import { assertEquals, assertThrows } from "@std/assert";

const HOSTS = ["eodhd.com", "127.0.0.1:8080", "intern.example:8443"];

Deno.test("assertBaseUrl() takes hosts of the list, without the slash at the end", () => {
  assertEquals(assertBaseUrl("https://eodhd.com/api/", HOSTS), "https://eodhd.com/api");
  assertEquals(assertBaseUrl("https://EODHD.com:443/api", HOSTS), "https://eodhd.com/api");
  // A backslash is a slash in URLs, so what follows it is a path.
  assertEquals(assertBaseUrl("https://eodhd.com\\@evil/", HOSTS), "https://eodhd.com/@evil");
  assertEquals(assertBaseUrl("http://127.0.0.1:8080", HOSTS), "http://127.0.0.1:8080");
  assertEquals(
    assertBaseUrl("https://intern.example:8443/v1", HOSTS),
    "https://intern.example:8443/v1",
  );
});

Deno.test("assertBaseUrl() refuses every way around the list", () => {
  const urls = [
    "https://evil.example/api",
    "https://eodhd.com.evil.example/api",
    "https://eodhd.com@evil.example/api",
    "https://user:secret@eodhd.com/api",
    "https://eodhd.com:8443/api",
    "http://eodhd.com/api",
    "http://127.0.0.1:9999",
    "http://intern.example:8443/v1",
    "ftp://eodhd.com/api",
    "file:///etc/passwd",
    "https://eodhd.com/api?api_token=secret",
    "https://eodhd.com/api#secret",
    "//eodhd.com/api",
    "eodhd.com",
    "",
  ];
  for (const url of urls) {
    const error = assertThrows(() => assertBaseUrl(url, HOSTS), ProviderError);
    assertEquals([error.code, error.message.includes("secret")], ["options", false], url);
  }
});
