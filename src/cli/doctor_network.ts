/**
 * Checks of what is reached over the network: the port, the service.
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
