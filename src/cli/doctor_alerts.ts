/**
 * Checks of whoever is told of alerts: secrets, and whether somebody listens at the address. Nothing
 * is sent; `wick monitoring test` does that.
 *
 * @module
 */

import { shownUrl } from "../http/webhook/options.ts";
import { reasonOf } from "./config_file.ts";
import type { Check, Finding } from "./doctor_check.ts";
import type { CliIo } from "./io.ts";
import { UsageError } from "./exit_code.ts";
import type { AlertSinkConfig } from "./monitor_config.ts";
import { alertSinkOf } from "./serve_alerts.ts";

/** Longest wait for one of them, ms. */
const CONNECT_WAIT_MS = 2_000;

/** Every sink of the configuration. */
export const checkAlertSinks: Check = async ({ config: { alertSinks } }, io) =>
  await Promise.all(alertSinks.map((sink) => sinkFinding(sink, io)));

async function sinkFinding(sink: AlertSinkConfig, io: CliIo): Promise<Finding> {
  const name = "alerts";
  const what = `${sink.kind} ${sink.name}`;
  try {
    await alertSinkOf(sink, io);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const remedy = "the secret stands in secretFile or in the variable that secretEnv names";
    return { name, state: "fail", detail: error.message, remedy };
  }
  const { protocol, hostname, port } = new URL(sink.url);
  const to = {
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
  };
  const shown = shownUrl(sink.url);
  try {
    const connected = await within(Deno.connect(to), io);
    return connected
      ? { name, state: "ok", detail: `${what}: somebody listens at ${shown}` }
      : failed(name, what, shown, `no answer within ${CONNECT_WAIT_MS / 1_000} s`);
  } catch (error) {
    return failed(name, what, shown, reasonOf(error));
  }
}

/** The service starts all the same, and alerts wait: so it is no more than a warning. */
function failed(name: string, what: string, shown: string, reason: string): Finding {
  return {
    name,
    state: "warn",
    detail: `${what}: Cannot reach ${shown}: ${reason}`,
    remedy: "start the receiver or correct alertSinks; then try wick monitoring test",
  };
}

/** Whether it connects in time; one that comes later is closed. */
async function within(connecting: Promise<Deno.Conn>, { clock }: CliIo): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const cancel = clock.setTimer(CONNECT_WAIT_MS, () => late.resolve(false));
  const connected = connecting.then((connection) => {
    connection.close();
    return true;
  });
  // Whoever is late has nobody to tell of an error.
  connected.catch(() => {});
  try {
    return await Promise.race([connected, late.promise]);
  } finally {
    cancel();
  }
}
