/**
 * Checks of what is reached over the network: the port, the service, Redis.
 *
 * @module
 */

import { healthReply } from "../http/schemas.ts";
import { reasonOf } from "./config_file.ts";
import type { Resolved } from "./config.ts";
import type { Check, Finding } from "./doctor_check.ts";
import type { CliIo } from "./io.ts";
import { clientOf, serviceUrl } from "./service_call.ts";
import { bindProblem } from "./serve.ts";
import { ServiceError } from "./service_client.ts";

/** A clock that differs more from the service's makes times of events hard to compare, ms. */
const CLOCKS_DIFFER_MS = 2_000;

/** Longest wait for Redis, ms. */
const REDIS_WAIT_MS = 2_000;

/** The service, and the port it has or would have. */
export const checkService: Check = async (resolved, io) => {
  const service = await serviceFinding(resolved, io);
  return [service.finding, portFinding(resolved, service.answers)];
};

async function serviceFinding(
  resolved: Resolved,
  io: CliIo,
): Promise<{ readonly finding: Finding; readonly answers: boolean }> {
  const name = "service";
  const url = serviceUrl(resolved);
  try {
    const health = await clientOf(resolved, io).ask("/api/health", healthReply);
    const bad = health.parts.filter((part) => part.state !== "ok").map((part) => part.name);
    const detail = `${health.name} ${health.version} answers at ${url}`;
    const finding: Finding = health.state === "ok" ? { name, state: "ok", detail } : {
      name,
      state: health.state === "down" ? "fail" : "warn",
      detail: `${detail}: ${health.state}: ${bad.join(", ")}`,
      remedy: "wick status says more",
    };
    return { finding, answers: true };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const answers = error.status !== null;
    const isDown = error.code === "unreachable";
    const finding: Finding = {
      name,
      state: isDown ? "skipped" : "fail",
      detail: isDown ? `nobody answers at ${url}` : error.message,
      remedy: isDown
        ? "wick serve starts it; --url names another place"
        : error.code === "reply" || error.code.startsWith("http_")
        ? "another program, or another version of wick, answers there"
        : "wick serve writes to its log what is wrong",
    };
    return { finding, answers };
  }
}

/** Whether the service could listen where it is told to. */
function portFinding({ config }: Resolved, answers: boolean): Finding {
  const name = "port";
  const { host, port } = config;
  const problem = bindProblem(config);
  if (problem !== null) {
    return { name, state: "fail", detail: problem, remedy: "see wick serve --help" };
  }
  try {
    Deno.listen({ hostname: host, port }).close();
    return { name, state: "ok", detail: `${host}:${port} is free` };
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      return answers ? { name, state: "ok", detail: `${host}:${port} is the service's` } : {
        name,
        state: "fail",
        detail: `another program has ${host}:${port}`,
        remedy: `see which: ss -ltnp 'sport = :${port}'; or take another one with --port`,
      };
    }
    return {
      name,
      state: "fail",
      detail: `Cannot listen on ${host}:${port}: ${reasonOf(error)}`,
      remedy: port < 1_024 && port > 0
        ? "ports below 1024 need privileges: take another one"
        : "see --host and --port",
    };
  }
}

/** Whether the service's clock and this one agree: only where they are not one. */
export const checkClocks: Check = async (resolved, { clock, interrupted }) => {
  const url = serviceUrl(resolved);
  let date: number;
  try {
    const response = await fetch(`${url}/healthz`, { redirect: "error", signal: interrupted });
    await response.body?.cancel();
    date = Date.parse(response.headers.get("date") ?? "");
  } catch {
    return [];
  }
  if (Number.isNaN(date)) return [];
  // The header has whole seconds, of which it names the beginning.
  const differMs = clock.wallNow() - (date + 500);
  if (Math.abs(differMs) <= CLOCKS_DIFFER_MS) return [];
  return [{
    name: "clock",
    state: "warn",
    detail: `differs from the service's by ${Math.round(differMs / 1_000)} s`,
    remedy: "set both by NTP",
  }];
};

/** Redis, where one is set: whether it answers PING. */
export const checkRedis: Check = async ({ config, origins }, { clock }) => {
  const name = "redis";
  if (config.redisUrl === null) return [{ name, state: "skipped", detail: "none is set" }];
  const { hostname, port, username, password, protocol } = new URL(config.redisUrl);
  const place = `${hostname}:${port === "" ? 6_379 : port}`;
  const where = { hostname, port: port === "" ? 6_379 : Number(port) };
  let connection: Deno.Conn | null = null;
  const cancel = clock.setTimer(REDIS_WAIT_MS, () => connection?.close());
  try {
    connection = protocol === "rediss:" ? await Deno.connectTls(where) : await Deno.connect(where);
    const auth = [decodeURIComponent(username), decodeURIComponent(password)]
      .filter((word) => word !== "");
    if (password !== "") await said(connection, ["AUTH", ...auth], "+OK");
    await said(connection, ["PING"], "+PONG");
    return [{ name, state: "ok", detail: `answers at ${place}` }];
  } catch (error) {
    return [{
      name,
      state: "fail",
      detail: `Cannot reach Redis at ${place}: ${reasonOf(error)}`,
      remedy: `start it, or correct what ${origins.redisUrl} says`,
    }];
  } finally {
    cancel();
    try {
      connection?.close();
    } catch {
      // Closed already, by the timer.
    }
  }
};

/** Sends a command as RESP arrays (redis.io/docs/reference/protocol-spec) and checks the answer. */
async function said(
  connection: Deno.Conn,
  words: readonly string[],
  expected: string,
): Promise<void> {
  const encoder = new TextEncoder();
  const parts = words.map((word) => `$${encoder.encode(word).length}\r\n${word}\r\n`);
  const bytes = encoder.encode(`*${words.length}\r\n${parts.join("")}`);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  const answer = new Uint8Array(512);
  let length = 0;
  while (!answer.subarray(0, length).includes(10) && length < answer.length) {
    const read = await connection.read(answer.subarray(length));
    if (read === null) throw new Error("it closed the connection");
    length += read;
  }
  const line = new TextDecoder().decode(answer.subarray(0, length)).split("\r\n")[0] ?? "";
  if (line !== expected) throw new Error(`it answers ${line.slice(0, 100)}`);
}
