/**
 * How long the files of tests took, from the JUnit files of `deno test`.
 *
 * @module
 */

/** Adds the seconds of the tests in a JUnit file to those that are known, by file. */
export function addTimes(seconds: Map<string, number>, junit: string): void {
  const cases = /<testcase name="([^"]*)" classname="([^"]*)" time="([\d.]+)"/g;
  for (const [, name = "", file = "", time] of junit.matchAll(cases)) {
    // The time of a step is in that of its test.
    if (!name.includes(" &gt; ")) seconds.set(file, (seconds.get(file) ?? 0) + Number(time));
  }
}

/** A line for every folder of `tests`, the slowest first: its seconds, and its slowest files. */
export function slowest(seconds: ReadonlyMap<string, number>, filesMax: number): string[] {
  const folders = new Map<string, [name: string, seconds: number][]>();
  for (const [file, own] of seconds) {
    const [, folder = "", name = ""] =
      /^(?:\.\/)?tests\/([^/]+)\/(.*?)(?:_test)?\.ts$/.exec(file) ?? [];
    if (folder === "") continue;
    folders.set(folder, [...folders.get(folder) ?? [], [name, own]]);
  }
  const summed = [...folders].map(([folder, files]) => ({
    folder,
    sum: files.reduce((sum, [, own]) => sum + own, 0),
    files: files.sort(([, a], [, b]) => b - a).slice(0, filesMax),
  }));
  return summed.sort((a, b) => b.sum - a.sum).map(({ folder, sum, files }) =>
    `${sum.toFixed(1).padStart(6)} ${folder}: ` +
    files.map(([name, own]) => `${name} ${own.toFixed(1)}`).join(", ")
  );
}
