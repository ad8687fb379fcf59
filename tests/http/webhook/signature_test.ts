/** Signatures: against OpenSSL's, and what is not believed. */

import { assert, assertEquals } from "@std/assert";
import { verifyWebhook, webhookSignature } from "../../../src/http/webhook/signature.ts";

const SECRET = "webhook-secret-0123456789";
const BODY = '{"labels":[]}';
/**
 * `printf '1700000000.{"labels":[]}' | openssl dgst -sha256 -hmac webhook-secret-0123456789`
 */
const MAC = "a43e1e8b193ba40e6277b7d75d6ddf97111d123abb1334aa0719e3de7a19c3d0";
const AT_MS = 1_700_000_000_999;

Deno.test("webhookSignature() is HMAC-SHA-256 of seconds, dot and body", () => {
  assertEquals(webhookSignature(SECRET, AT_MS, BODY), `t=1700000000,v1=${MAC}`);
});

Deno.test("verifyWebhook() believes a signature of the same secret, time and body only", () => {
  const header = `t=1700000000,v1=${MAC}`;
  assert(verifyWebhook(SECRET, header, BODY, AT_MS));
  const wrong: [string, string | null, string][] = [
    ["webhook-secret-0123456780", header, BODY],
    [SECRET, header, `${BODY} `],
    [SECRET, header.replace("t=1700000000", "t=1700000001"), BODY],
    [SECRET, header.replace("a4", "a5"), BODY],
    [SECRET, header.toUpperCase(), BODY],
    [SECRET, header.slice(0, -2), BODY],
    [SECRET, `${header},v1=${MAC}`, BODY],
    [SECRET, "", BODY],
    [SECRET, null, BODY],
  ];
  for (const [secret, given, body] of wrong) {
    assert(!verifyWebhook(secret, given, body, AT_MS), `${secret} ${given} ${body}`);
  }
});

Deno.test("verifyWebhook() does not believe what is too old or of the future", () => {
  const header = `t=1700000000,v1=${MAC}`;
  const at = 1_700_000_000_000;
  assert(verifyWebhook(SECRET, header, BODY, at + 300_000));
  assert(verifyWebhook(SECRET, header, BODY, at - 300_000));
  assert(!verifyWebhook(SECRET, header, BODY, at + 300_001));
  assert(!verifyWebhook(SECRET, header, BODY, at - 300_001));
  assert(!verifyWebhook(SECRET, header, BODY, at + 1_001, 1_000));
});

Deno.test("webhookSignature() signs text as UTF-8", () => {
  const header = webhookSignature(SECRET, AT_MS, "ä€😀");
  assert(verifyWebhook(SECRET, header, "ä€😀", AT_MS));
  assert(!verifyWebhook(SECRET, header, "a€😀", AT_MS));
});
