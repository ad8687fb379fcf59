/** Numbers and times for people, and the progress line. */

import { assertEquals } from "@std/assert";
import { VirtualClock } from "../../src/actor/clock.ts";
import { fractionOf, progressText } from "../../src/cli/label_progress.ts";
import { ProgressLine } from "../../src/cli/progress_line.ts";
import { bytesText, countText, shortText, spanText, timeText } from "../../src/cli/text.ts";
import { fakeIo } from "./support.ts";

Deno.test("numbers and times are short and readable", () => {
  assertEquals([0, 999, 1_000, 1_234_567].map(countText), ["0", "999", "1,000", "1,234,567"]);
  assertEquals(
    [0, 998.4, 999.6, 12_345, 999_600, 1_204_000, 3e9].map(shortText),
    ["0", "998", "1.00 k", "12.3 k", "1.00 M", "1.20 M", "3.00 G"],
  );
  assertEquals([12, 2_500_000].map(bytesText), ["12 B", "2.50 MB"]);
  assertEquals(
    [3, 99.4, 99.6, 9_940, 9_960, 59_400, 59_600, 185_000, 3_599_700, 7_380_000].map(spanText),
    [
      ...["3 ms", "99 ms", "0.1 s", "9.9 s", "10 s", "59 s"],
      ...["1 min 00 s", "3 min 05 s", "1 h 00 min", "2 h 03 min"],
    ],
  );
  assertEquals(
    [0, 5_000, 5_001, Date.UTC(2015, 0, 2, 9)].map(timeText),
    ["1970-01-01 00:00", "1970-01-01 00:00:05", "1970-01-01 00:00:05.001", "2015-01-02 09:00"],
  );
});

const reading = { readBytes: 50, sizeBytes: 100, readRows: 500, labelRows: null, writtenRows: 0 };
const writing = { ...reading, readBytes: 100, readRows: 1_000, labelRows: 1_000, writtenRows: 500 };

Deno.test("fractionOf() rises from 0 to 1, and is null for a pipe being read", () => {
  assertEquals(fractionOf({ ...reading, readBytes: 0 }), 0);
  assertEquals(fractionOf(reading), 0.05);
  assertEquals(fractionOf(writing), 0.55);
  assertEquals(fractionOf({ ...writing, writtenRows: 1_000 }), 1);
  assertEquals(fractionOf({ ...writing, labelRows: 0, writtenRows: 0 }), 1);
  assertEquals(fractionOf({ ...reading, sizeBytes: null }), null);
});

Deno.test("progressText() has rate and time left for one file and for several", () => {
  const file = { input: "a.csv", sizeBytes: 100, output: null };
  const done = new Map<number, number>();
  const of = (...running: (typeof reading | typeof writing)[]) => ({
    files: running.map(() => file),
    running: new Map(running.entries()),
    done,
    elapsedMs: 1_000,
  });
  assertEquals(
    progressText(of(reading)),
    "reading a.csv  50 B of 100 B  500 rows/s  ETA 19 s",
  );
  assertEquals(
    progressText(of(writing)),
    "labelling a.csv  50 %  500 of 1,000 rows  500 rows/s  ETA 0.8 s",
  );
  const pipe = { ...of(reading), files: [{ ...file, input: "-", sizeBytes: null }] };
  const piped = { ...reading, sizeBytes: null };
  assertEquals(
    progressText({ ...pipe, running: new Map([[0, piped]]) }),
    "reading standard input  50 B  500 rows/s",
  );
  const several = { ...of(writing, writing), done: new Map([[0, 1_000]]) };
  several.running.delete(0);
  assertEquals(
    progressText(several),
    "1 of 2 files  77 %  1,500 rows  1.50 k rows/s  ETA 0.3 s",
  );
});

Deno.test("ProgressLine draws within the width, makes way for lines, and leaves nothing", async () => {
  const clock = new VirtualClock();
  const io = fakeIo({ clock, columns: () => 11 });
  const tick = async () => {
    clock.advance(200);
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  let text = "short";
  {
    await using line = new ProgressLine(io, () => Promise.resolve(text));
    line.above("first\n");
    assertEquals(io.text.err, "first\n");
    await tick();
    text = "longer than that";
    await tick();
    line.above("second\n");
    await tick();
  }
  const erase = "\r\x1b[K";
  assertEquals(
    io.text.err,
    `first\n${erase}short${erase}longer th…${erase}second\n${erase}longer th…${erase}`,
  );
  assertEquals(clock.nextTimerAt(), Infinity);
});
