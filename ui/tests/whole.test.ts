// A message that is told whole at its end was on the page before: it is not drawn anew.

import { expect, test } from "vitest";
import { ROWS, feed, view } from "./fixtures";
import { eachOnItsOwn, pass, showPage } from "./page";

eachOnItsOwn();

test.each(["as it came", "without the blank at its end"])("a long message that is told whole, %s, is not drawn anew", async (how) => {
  const side = await showPage("threads/t1", { snapshot: view(), config_show: ROWS, thread_open: feed([{ id: "m", type: "agentMessage", text: "" }]) });
  const text = Array.from({ length: 20_000 }, (_, n) => `tok${n} `).join("");
  let seq = 0;
  for (let n = 0; n < text.length; n += 2000) {
    await side.emit("thread", { id: "t1", seq: (seq += 1), changes: [{ delta: { itemId: "m", text: text.slice(n, n + 2000) } }] });
    await pass(40);
  }
  expect(document.querySelectorAll(".group").length).toBeGreaterThan(20);
  let drawn = 0;
  const watch = new MutationObserver((all) => (drawn += all.length));
  watch.observe(document.body, { subtree: true, childList: true, characterData: true });
  const whole = how === "as it came" ? text : text.trimEnd();
  await side.emit("thread", { id: "t1", seq: seq + 1, changes: [{ item: { id: "m", type: "agentMessage", text: whole } }] });
  await pass(100);
  watch.disconnect();
  expect(drawn).toBeLessThanOrEqual(3);
  expect(document.querySelector(".said")?.textContent.trim()).toBe(text.trim());
});
