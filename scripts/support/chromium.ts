/**
 * Chromium, as the tests of the dashboard and `deno task screenshots` use it: Debian's, without a
 * window, and without a way off this machine.
 *
 * @module
 */
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { SERVICES } from "./services.ts";

const ARGS = [
  // The tests of CI run as root in a container, where Chromium's own sandbox cannot start.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Shared memory is small in containers.
  "--disable-dev-shm-usage",
  // Whatever the page or the browser itself asks of another machine fails.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** Starts the browser; whoever has it closes it. @throws {Error} Where there is no Chromium. */
export function openChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: ARGS,
    // Signals are the business of whoever starts it.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

function chromiumPath(): string {
  const [command] = SERVICES.chromium.probe;
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  const found = folders.map((folder) => join(folder, command)).find(isFile);
  if (found !== undefined) return found;
  throw new Error(
    `Cannot start a browser: expected ${command} on the PATH ` +
      `(Debian package ${SERVICES.chromium.package})`,
  );
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
