/** The route about tuning: its shape, and who may read it; and what those with knobs refuse by HTTP. */

import { assertEquals } from "@std/assert";
import { startWick } from "../../actors/tree.ts";
import { systemClock } from "../../src/actor/clock.ts";
import { createApp } from "../../src/http/app.ts";
import { tuningReply } from "../../src/http/tuning_schemas.ts";
import type { TuningView } from "../../src/monitor/tuning_view.ts";
import { simulatedProvider } from "../../src/provider/simulated.ts";
import { MemoryService } from "./service.ts";
import { ACT, READ } from "./support.ts";

const VIEW: TuningView = {
  isOn: true,
  knobs: [{
    ...{ knob: "batch_linger", unit: "ms", isOn: true, value: 5, min: 0, max: 20 },
    trial: { id: 1, endsAt: 1_700_000_120_000 },
    resting: [{ direction: "down", until: 1_700_000_600_000, failures: 2 }],
  }],
  log: [{
    ...{ id: 1, at: 1_700_000_000_000, knob: "batch_linger", from: 5, to: 8 },
    reason: "limits are short and calls are not full",
    evidence: { limitUsed: 0.95, callKeys: 3 },
    expected: [{ measure: "callKeys", atLeast: 3.3, or: { measure: "load", atLeast: 7 } }],
    ...{ outcome: "trial", judged: "" },
  }],
};

Deno.test("GET /api/tuning shows knobs and changes with their evidence to whoever may read", async () => {
  const service = new MemoryService();
  service.tuned = VIEW;
  const app = createApp(service, { tokens: { act: ACT, read: READ } });
  const ask = (headers: Record<string, string>) =>
    app.request("http://127.0.0.1/api/tuning", { headers: { host: "127.0.0.1", ...headers } });
  assertEquals((await ask({})).status, 401);
  const answer = await ask({ authorization: `Bearer ${READ}` });
  assertEquals(answer.status, 200);
  assertEquals(tuningReply.parse(await answer.json()), VIEW);
});

Deno.test("knobs are set by messages, which are refused beyond their bounds", async () => {
  const wick = await startWick({
    workers: 1,
    providers: [{
      name: "simulated",
      begin: "free",
      open: () => simulatedProvider(systemClock, { limits: [] }),
    }],
    cache: { provider: "simulated", shards: 1 },
    warming: {},
    monitor: { intervalMs: 1_000, lagEveryMs: null, tuning: { isOn: false } },
    admin: { about: { name: "wick", version: "1" }, options: { port: 0 } },
    system: { log: null },
  });
  try {
    const { url } = await wick.admin.ask("status", {});
    const send = async (path: string, type: string, payload: unknown) => {
      const answer = await fetch(`${url}/api/actors/${path}/messages`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ type, payload }),
      });
      const { reply } = await answer.json();
      return [answer.status, reply?.state];
    };
    const [shard, provider] = ["core/cache/shard-0", "core/providers/simulated"];
    const wide = { entriesMax: 0, weightMaxBytes: 1 };
    assertEquals((await send(shard, "resize", wide))[0], 422);
    assertEquals(await send(shard, "resize", { ...wide, entriesMax: 9 }), [200, "set"]);
    assertEquals((await send(provider, "setLinger", { lingerMs: 1_001 }))[0], 422);
    assertEquals(await send(provider, "setLinger", { lingerMs: 1_000 }), [200, "set"]);
    const warmer = "core/work/warmer";
    assertEquals((await send(warmer, "setBudget", { callsPerMinute: -1 }))[0], 422);
    assertEquals(await send(warmer, "setBudget", { callsPerMinute: 0 }), [200, "set"]);
  } finally {
    await wick.system.stop();
  }
});
