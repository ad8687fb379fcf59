import { isInstalled, NEEDED, SERVICES } from "./services.ts";

/**
 * Installs from Debian what the tests need and the machine lacks. A failure is told, not thrown:
 * the tests that need the program then fail by name.
 */
export async function installServices(): Promise<void> {
  const packages = NEEDED.filter((name) => !isInstalled(name)).map((name) =>
    SERVICES[name].package
  );
  if (packages.length === 0) return;
  console.log(`Install ${packages.join(", ")}`);
  if (await aptGet("update") && await aptGet("install", "--no-install-recommends", ...packages)) {
    return;
  }
  console.error(`Cannot install ${packages.join(", ")}: the tests that need them will fail`);
}

async function aptGet(...args: string[]): Promise<boolean> {
  const command = ["apt-get", "-y", "-qq", ...args];
  if (Deno.uid() !== 0) command.unshift("sudo", "-n");
  const [program = "", ...rest] = command;
  try {
    const { success } = await new Deno.Command(program, {
      args: rest,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
