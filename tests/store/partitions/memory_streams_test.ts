import { VirtualClock } from "../../../src/actor/clock.ts";
import { StreamsMemory } from "../../../src/store/partitions/memory_streams.ts";
import { conformance } from "./conformance.ts";

conformance((name, run) => {
  Deno.test(`MemoryStreams: ${name}`, async () => {
    const clock = new VirtualClock();
    const memories = new Map<number | undefined, StreamsMemory>();
    const memoryOf = (waitingBytes?: number) => {
      const known = memories.get(waitingBytes);
      if (known !== undefined) return known;
      const made = new StreamsMemory(clock, waitingBytes === undefined ? {} : { waitingBytes });
      memories.set(waitingBytes, made);
      return made;
    };
    await run({
      connect: (waitingBytes) => memoryOf(waitingBytes).connect(),
      write: (partition, bytes) => {
        for (const memory of memories.values()) memory.append(partition, [bytes]);
        return Promise.resolve();
      },
    });
  });
});
