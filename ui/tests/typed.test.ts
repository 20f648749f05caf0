import { fireEvent, screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { approval, feed, thread, view } from "./fixtures";
import { button, eachOnItsOwn, pass, showPage } from "./page";

eachOnItsOwn();

test("what is typed while a message is on its way stays", async () => {
  let taken: (value: null) => void = () => undefined;
  const answers = { snapshot: view(), thread_open: feed([]), thread_send: () => new Promise((done) => (taken = done)) };
  await showPage("threads", answers, "t2");
  const box = screen.getByLabelText<HTMLTextAreaElement>("Message to the agent");
  await fireEvent.input(box, { target: { value: "go on" } });
  await fireEvent.click(button("Send"));
  await fireEvent.input(box, { target: { value: "go on, and then the tests" } });
  taken(null);
  await pass(30);
  expect(box.value).toBe(", and then the tests");
});

test("a title that turns the words after it is named where approvals are listed", async () => {
  const threads = [thread({ id: "t1", title: "Fix \u202eit\u200b" })];
  await showPage("approvals", { snapshot: view({}, { threads, approvals: [approval({ thread: "t1" })] }) });
  const line = screen.getByText(/^Fix/).textContent ?? "";
  expect(line).toContain("Fix ‹U+202E RIGHT-TO-LEFT OVERRIDE›it‹U+200B ZERO WIDTH SPACE›");
});
