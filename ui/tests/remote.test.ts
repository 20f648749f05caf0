// A host of which only remote operators answer: nothing here may say that it waits for the person, or
// offer what does nothing.

import { screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { approval, feed, host, thread, view } from "./fixtures";
import { eachOnItsOwn, showPage } from "./page";

eachOnItsOwn();

const state = (answer: "remote" | "both") =>
  view({}, { threads: [thread({ id: "t1" })], approvals: [approval({ thread: "t1" })], policy: { ...host().policy, answer } });
const offers = () => screen.queryAllByRole("button", { name: /^(Read and answer|Look at)/ }).length;

for (const page of ["approvals", "threads/t1"]) {
  test(`what waits for a remote operator is not offered to the person: ${page}`, async () => {
    const [name = "", rest = ""] = page.split("/");
    await showPage(name, { snapshot: state("remote"), thread_open: feed([]) }, rest);
    expect(offers()).toBe(0);
    expect(document.body.textContent).not.toMatch(/waits? for you/);
    expect(document.body.textContent).toContain("waits for a remote operator");
  });

  test(`what the person may answer is offered: ${page}`, async () => {
    const [name = "", rest = ""] = page.split("/");
    await showPage(name, { snapshot: state("both"), thread_open: feed([]) }, rest);
    expect(offers()).toBeGreaterThan(0);
  });
}
