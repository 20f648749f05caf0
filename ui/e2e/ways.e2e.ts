// What a person does, in a real engine: the keyboard alone, a long turn, a long diff, larger text.

import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { CARDS, NOW, card, feed, view } from "../tests/fixtures";
import { axe, calls, open } from "./browser";
import { site, withSite } from "./site";

withSite();

const live = { deadline_ms: Date.now() + 300_000, raised_at_ms: Date.now() };
const won = { won: true, state: { state: "sent", by: { by: "control", client: "desktop" }, decision: "accept" } };
const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.getAttribute("data-decision") ?? document.activeElement?.textContent?.trim() ?? "");
const shows = (page: Page, text: string) => page.waitForFunction((words) => document.body.textContent?.includes(words), text);
const armed = (page: Page) => page.waitForSelector("[data-decision=decline][aria-disabled=false]");

describe("the keyboard alone", () => {
  test("goes from the window to the dialog", async () => {
    const page = await open(site.browser, `${site.url}/index.html`, { snapshot: view() });
    await page.waitForSelector("h1");
    for (let n = 0; n < 30 && (await focused(page)) !== "1 approval waits"; n += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await calls(page, "open_approvals")).toHaveLength(1);
    await page.context().close();
  });

  test("reads a request to its end and approves it, and not before", async () => {
    const page = await open(site.browser, `${site.url}/approval.html`, { approval_current: card({ parts: CARDS["long"]?.parts ?? [] }, live), approval_answer: won }, { width: 560, height: 560 });
    await armed(page);
    expect(await focused(page), "no decision").toBe("Run a command");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    for (let n = 0; n < 20 && (await focused(page)) !== "accept"; n += 1) await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("accept");
    await page.keyboard.press("Space");
    expect(await calls(page, "approval_answer"), "its end was not in view").toEqual([]);
    for (let n = 0; n < 20; n += 1) {
      await page.keyboard.press("Shift+Tab");
      if (await page.evaluate(() => document.activeElement?.getAttribute("aria-label") === "The whole request")) break;
    }
    await page.keyboard.press("End");
    await page.waitForSelector("[data-decision=accept][aria-disabled=false]");
    for (let n = 0; n < 20 && (await focused(page)) !== "accept"; n += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await calls(page, "approval_answer"), "Enter alone").toEqual([]);
    await page.keyboard.press("Space");
    await shows(page, "Accepted by you");
    const sent = await calls(page, "approval_answer");
    expect(sent.map((one) => one.args)).toEqual([{ id: "1-0", digest: "d".repeat(64), nonce: "n-1", decision: "accept" }]);
    await page.context().close();
  });

  test("answers a question", async () => {
    const question = CARDS["question"];
    if (!question) throw new Error("no question");
    const page = await open(site.browser, `${site.url}/approval.html`, { approval_current: { ...question, view: { ...question.view, ...live } }, approval_answer: won }, { width: 560, height: 900 });
    await armed(page);
    const to = async (id: string) => {
      for (let n = 0; n < 20 && (await page.evaluate(() => document.activeElement?.id)) !== id; n += 1) await page.keyboard.press("Tab");
    };
    await to("field-0");
    await page.keyboard.press("Space");
    await to("field-1");
    await page.keyboard.type("s3cret");
    await page.keyboard.press("Enter");
    expect(await calls(page, "approval_answer")).toEqual([]);
    for (let n = 0; n < 20 && (await focused(page)) !== "answers"; n += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Control+Enter");
    await shows(page, "Answered by you");
    expect((await calls(page, "approval_answer"))[0]?.args["replies"]).toEqual({ db: "SQLite", password: "s3cret", retries: 3, slow: false });
    await page.context().close();
  });
});

test("a press that began before the dialog was ready approves nothing", async () => {
  const page = await open(site.browser, `${site.url}/approval.html`, { approval_current: card({ parts: [{ part: "text", label: "Command", text: "true" }] }, live), approval_answer: won }, { width: 560, height: 620 });
  const button = await page.waitForSelector("[data-decision=accept]");
  const box = await button.boundingBox();
  if (!box) throw new Error("not on the page");
  await page.mouse.move(box.x + 20, box.y + 10);
  await page.mouse.down();
  await armed(page);
  await page.mouse.up();
  expect(await calls(page, "approval_answer")).toEqual([]);
  await page.mouse.down();
  await page.mouse.up();
  expect(await calls(page, "approval_answer")).toHaveLength(1);
  await page.context().close();
});

test("a diff of 4,000 lines is whole, scrolls to its end, and only then takes a yes", async () => {
  const files = CARDS["files"];
  if (!files) throw new Error("no files");
  const lines = Array.from({ length: 4000 }, (_, n) => ({ kind: "added" as const, text: `+line ${n} ${"x".repeat(n % 150)}` }));
  const parts = [{ part: "fact" as const, label: "File 1 of 1: create", value: "a" }, { part: "diff" as const, label: "Its whole content", added: 4000, removed: 0, binary: false, lines }];
  const page = await open(site.browser, `${site.url}/approval.html`, { approval_current: { ...files, parts, view: { ...files.view, ...live } } }, { width: 640, height: 620 });
  await armed(page);
  expect(await page.locator(".line").count()).toBe(4000);
  expect(await page.getAttribute("[data-decision=accept]", "aria-disabled")).toBe("true");
  await page.focus(".body");
  // Looks after each painting, when heights are no longer guessed: was the end in view before a yes was open?
  await page.evaluate(() => {
    const seen = { end: false, early: false, open: false };
    Object.assign(window, { seen });
    const look = () => {
      const body = document.querySelector(".body")?.getBoundingClientRect();
      const last = document.querySelector(".end")?.getBoundingClientRect();
      seen.open = document.querySelector("[data-decision=accept]")?.getAttribute("aria-disabled") === "false";
      if (body && last && last.bottom <= body.bottom + 20) seen.end = true;
      if (seen.open && !seen.end) seen.early = true;
      requestAnimationFrame(() => setTimeout(look, 0));
    };
    look();
  });
  const seen = () => page.evaluate(() => (window as unknown as { seen: { end: boolean; early: boolean; open: boolean } }).seen);
  // What lies behind takes its height as it comes into view, so the end may move away a few times.
  const until = Date.now() + 20_000;
  while (Date.now() < until && !(await seen()).open) {
    await page.keyboard.press("End");
    await page.waitForTimeout(50);
  }
  expect(await seen(), "a yes is open, and not before the end was in view").toEqual({ end: true, early: false, open: true });
  expect(await page.locator("text=End of the request").isVisible()).toBe(true);
  await page.context().close();
});

test("20,000 deltas: no task over 50 ms, the text as sent, the end in view", async () => {
  const page = await open(site.browser, `${site.url}/index.html#/threads/t1`, {
    snapshot: view(),
    thread_open: feed([{ id: "m", type: "agentMessage", text: "" }], { id: "x", status: "inProgress" }),
  });
  await page.waitForSelector(".items .item");
  // Tasks of the start are told late.
  await page.waitForTimeout(500);
  await page.evaluate(() => (window.__long.length = 0));
  const sent = await page.evaluate(async () => {
    let text = "";
    // As they come over the bridge: a few hundred a frame.
    for (let n = 0; n < 20_000; ) {
      for (let m = 0; m < 100 && n < 20_000; m += 1, n += 1) {
        const part = n % 40 === 39 ? `word${n}.\n\n` : `word${n} `;
        text += part;
        window.__emit("thread", { id: "t1", seq: n + 1, changes: [{ delta: { itemId: "m", text: part } }] });
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    return text;
  });
  const long = await page.evaluate(() => window.__long);
  const shown = await page.evaluate(() => [...document.querySelectorAll(".said p")].map((one) => one.textContent).join("\n\n"));
  expect(shown.trim()).toBe(sent.trim());
  const away = await page.evaluate(() => {
    const box = document.querySelector(".items");
    return box ? box.scrollHeight - box.scrollTop - box.clientHeight : -1;
  });
  expect(Math.abs(away), "the end is followed").toBeLessThan(30);
  expect(long.filter((one) => one > 50).map(Math.round)).toEqual([]);
  await page.context().close();
});

test("markup, links and scripts of an agent stay text under the policy of the windows", async () => {
  const evil = '<img src="https://evil.example/x" onerror="window.hit=1"><script>window.hit=1</script><a href="https://evil.example">x</a><style>*{display:none}</style>[x](javascript:window.hit=1)';
  const page = await open(site.browser, `${site.url}/index.html#/threads/t1`, {
    snapshot: view({}, { threads: [{ id: "t1", title: evil, cwd: evil, status: "idle", turn: null, wide: false, approval_policy: evil, sandbox: evil, origin: evil }] }),
    thread_open: feed([{ id: "1", type: "agentMessage", text: evil }, { id: "2", type: evil, x: evil }]),
  });
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.waitForSelector(".items .item");
  expect(await page.locator(".items img, .items a, .items script, .items style").count()).toBe(0);
  expect(await page.evaluate(() => ({ hit: (window as unknown as { hit?: number }).hit, broken: window.__broken, at: location.hash }))).toEqual({ broken: [], at: "#/threads/t1" });
  expect(asked.filter((one) => one.includes("evil"))).toEqual([]);
  await page.context().close();
});

describe("200 % text", () => {
  test.each(["index.html#/threads/t1", "index.html#/connections", "index.html#/settings", "approval.html"])("%s stays whole", async (at) => {
    const page = await open(site.browser, `${site.url}/${at}`, { snapshot: view(), config_show: [], thread_open: feed([]), approval_current: CARDS["command"] }, { now: NOW, width: 760, height: 760, textPercent: 200 });
    await page.waitForFunction(() => [...document.querySelectorAll("h1")].some((one) => one.checkVisibility()));
    await page.screenshot({ path: new URL(`../screenshots/large-${at.replace(/\W+/g, "-")}.png`, import.meta.url).pathname });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
    await page.context().close();
  });
});

test("forms of the connections page have no violation", async () => {
  const page = await open(site.browser, `${site.url}/index.html#/connections`, { snapshot: view() }, { now: NOW, width: 380, height: 1400 });
  await page.click("text=Enroll at a bus");
  await page.click("text=Edit");
  await page.waitForSelector("#mcp-token-studio");
  expect((await axe(page)).join("\n")).toBe("");
  await page.context().close();
});

test("high contrast has no violation", async () => {
  for (const at of ["index.html#/connections", "approval.html"]) {
    for (const dark of [false, true]) {
      const page = await open(site.browser, `${site.url}/${at}`, { snapshot: view(), approval_current: CARDS["command"] }, { now: NOW, dark, kept: { "drawbridge.contrast": "more" } });
      await page.waitForSelector("h1");
      expect((await axe(page)).join("\n")).toBe("");
      await page.screenshot({ path: new URL(`../screenshots/contrast-${at.replace(/\W+/g, "-")}-${dark ? "dark" : "light"}.png`, import.meta.url).pathname });
      await page.context().close();
    }
  }
});
