import { assertEquals } from "@std/assert";
import { handedOf } from "../../../src/store/log/redis_group_calls.ts";

Deno.test("handedOf() reads what the script tells, and nothing else", () => {
  assertEquals(handedOf("handed|a:1|17|3,5,255,5"), {
    session: "a:1",
    taken: { position: 17, fences: [{ partition: 3, token: 5 }, { partition: 255, token: 5 }] },
  });
  const others = [
    "",
    "12",
    "handed|a:1|17|",
    "handed||17|3,5",
    "handed|a:1|x|3,5",
    "handed|a|1|3,-5",
  ];
  const beyond = ["handed|a:1|17|256,5", `handed|a:1|17|${"3,5,".repeat(4_000)}3,5`];
  for (const message of [...others, ...beyond]) assertEquals(handedOf(message), null, message);
});
