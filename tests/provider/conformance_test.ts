import { systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { eodhdMapping } from "../../src/provider/eodhd.ts";
import { httpProvider } from "../../src/provider/http.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { SimulatedServer } from "../../src/provider/simulated_server.ts";
import { testProvider } from "./conformance.ts";
import { driven, WEDNESDAY_MS } from "./support.ts";

testProvider({
  name: "simulated",
  secret: null,
  create: (options) => {
    const clock = new VirtualClock(0, WEDNESDAY_MS);
    const provider = simulatedProvider(clock, { transientRatio: 0, ...options });
    return Promise.resolve({
      provider,
      settle: (promise) => driven(clock, promise),
      stats: () => provider.stats(),
      [Symbol.asyncDispose]: () => provider.close(),
    });
  },
});

// With signs that URLs escape, so that both forms are looked for.
const KEY = "k3y+of/the=test&%";

testProvider({
  name: "http",
  secret: KEY,
  create: async (options) => {
    const server = await SimulatedServer.listen(systemClock, {
      medianMs: 1,
      p99Ms: 1,
      perKeyMs: 0,
      refusalMs: 0,
      transientRatio: 0,
      ...options,
      key: KEY,
    });
    const provider = httpProvider(systemClock, {
      name: "eodhd",
      mapping: eodhdMapping(),
      baseUrl: server.baseUrl,
      hosts: [server.host],
      key: KEY,
    });
    return {
      provider,
      settle: (promise) => promise,
      stats: () => server.stats(),
      async [Symbol.asyncDispose]() {
        await provider.close();
        await server.close();
      },
    };
  },
});
