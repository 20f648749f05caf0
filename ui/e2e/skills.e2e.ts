// The page of skills in a real engine: the keyboard alone, refusals, foreign words, two thousand of them.

import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { HOME, HOSTILE, NOW, manySkills, skill, skillProblem, skillRoot, skills, view } from "../tests/fixtures";
import { axe, calls, open, type Answers, type Look } from "./browser";
import { site, withSite } from "./site";

withSite();

const GIT = `${HOME}/git-history/SKILL.md`;
const BAD = `${HOME}/api-notes/SKILL.md`;
const opened = async (answers: Answers = {}, look: Look = {}, rest = ""): Promise<Page> => {
  const page = await open(site.browser, `${site.url}/index.html#/skills${rest === "" ? "" : `/${encodeURIComponent(rest)}`}`, { snapshot: view(), ...answers }, { now: NOW, ...look });
  await page.waitForSelector("[data-row]", { state: "attached" });
  return page;
};
const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.getAttribute("data-row") ?? document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent?.trim() ?? "");
const tabTo = async (page: Page, wanted: string) => {
  for (let n = 0; n < 40 && (await focused(page)) !== wanted; n += 1) await page.keyboard.press("Tab");
  expect(await focused(page)).toBe(wanted);
};
const overflows = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

describe("the keyboard alone", () => {
  test("goes down the list, opens a skill, closes it and is back where it was", async () => {
    for (const width of [1200, 380]) {
      const page = await opened({}, { width });
      await tabTo(page, "/home/u/src/shop/.codex/skills");
      for (let n = 0; n < 6; n += 1) await page.keyboard.press("ArrowDown");
      expect(await focused(page)).toBe(GIT);
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.waitForSelector("#skill-title");
      expect(await page.textContent("#skill-title")).toBe("git-history");
      if (width === 380) await page.waitForFunction(() => document.activeElement?.id === "skill-title");
      await page.keyboard.press("Escape");
      await page.waitForSelector("#skill-title", { state: "detached" });
      expect(await focused(page)).toBe(GIT);
      await page.context().close();
    }
  });

  test("switches a skill, which keeps the focus while the answer is awaited", async () => {
    const page = await opened({ skill_set: { __never: true } });
    await tabTo(page, "Codex uses git-history");
    await page.keyboard.press("Space");
    await page.waitForSelector("[role=switch][aria-busy=true]");
    await page.keyboard.press("Space");
    expect(await focused(page)).toBe("Codex uses git-history");
    expect((await calls(page, "skill_set")).map((one) => one.args)).toEqual([{ id: GIT, on: false }]);
    expect((await axe(page)).join("\n"), "while it is busy").toBe("");
    await page.context().close();
  });

  test("opens the file of an error and its folder", async () => {
    const page = await opened();
    await tabTo(page, `Open ${BAD}:2:1`);
    await page.keyboard.press("Enter");
    await tabTo(page, GIT);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#skill-title");
    await page.click("text=Open the folder");
    expect((await calls(page, "skill_open")).map((one) => one.args)).toEqual([{ id: BAD, folder: false }, { id: GIT, folder: true }]);
    await page.context().close();
  });
});

test("a switch that is refused and a file that is not opened say why, without a violation", async () => {
  for (const dark of [false, true]) {
    const page = await opened({ skill_set: { __error: { code: "overruled", message: "A profile of Codex switches it on. Change it there." } }, skill_open: { __error: { code: "executable", message: "It may be run as a program. Take that away (chmod a-x)." } } }, { dark });
    const one = page.getByRole("switch", { name: "Codex uses git-history" });
    await one.click();
    await page.getByRole("alert").getByText("git-history stayed on").waitFor();
    expect([await one.getAttribute("aria-checked"), await one.getAttribute("aria-busy")]).toEqual(["true", "false"]);
    expect(await page.getByRole("alert").textContent()).toContain("Change it there.");
    expect((await axe(page)).join("\n")).toBe("");
    await page.getByRole("button", { name: `Open ${BAD}:2:1` }).click();
    await page.getByRole("alert").getByText("chmod a-x").waitFor();
    expect(await page.getByRole("alert").count()).toBe(1);
    await page.context().close();
  }
});

test("what is refused beside an open skill is seen in a narrow window, too", async () => {
  const refused = { skill_set: { __error: { code: "overruled", message: "Change it there." } }, skill_open: { __error: { code: "executable", message: "Take that away (chmod a-x)." } } };
  for (const width of [380, 1200]) {
    const page = await opened(refused, { width }, GIT);
    const detail = page.getByRole("region", { name: "What is known of it" });
    for (const [press, words] of [["Open the file", "chmod a-x"], ["Open the folder", "chmod a-x"], ["Codex uses git-history", "git-history stayed on"]] as const) {
      await detail.getByRole(press.startsWith("Open") ? "button" : "switch", { name: press }).click();
      await page.getByRole("alert").getByText(words).waitFor({ timeout: 3000 });
      const box = await page.getByRole("alert").boundingBox();
      expect(box !== null && box.y >= 0 && box.y + box.height <= 760, `${press} at ${width} px: ${JSON.stringify(box)}`).toBe(true);
      await page.getByRole("button", { name: "Understood" }).click();
      expect(await page.getByRole("alert").count()).toBe(0);
    }
    await detail.getByRole("button", { name: "Open the file" }).click();
    await page.getByRole("alert").waitFor();
    expect(await overflows(page)).toBeLessThanOrEqual(0);
    expect((await axe(page)).join("\n")).toBe("");
    await page.context().close();
  }
});

test("markup, terminal codes and signs that turn text stay text, and turn nothing around them", async () => {
  const path = `${HOME}/${HOSTILE}/SKILL.md`;
  const bad = skillProblem(path, { severity: "warning", code: HOSTILE, message: HOSTILE });
  const foreign = skills({ skills: [skill(HOSTILE, { description: HOSTILE, problems: [bad] }), skill("ספר-הוראות", { description: "תיאור" })], roots: [skillRoot({ problems: [bad] })], recent: [{ kind: "deleted", name: HOSTILE, path: "/x", from: null, at_ms: NOW, next_turn: [] }] });
  const page = await opened({ snapshot: view({}, { skills: foreign }) }, {}, path);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.waitForSelector("#skill-title");
  expect(await page.locator("main img, main b, main script").count()).toBe(0);
  const text = (await page.textContent("main")) ?? "";
  expect(text).toContain("‹U+202E RIGHT-TO-LEFT OVERRIDE›txt.exe");
  for (const sign of ["\u001b", "\u202e", "\u200b"]) expect(text).not.toContain(sign);
  expect(await page.evaluate(() => ({ hit: (window as unknown as { hit?: number }).hit, broken: window.__broken }))).toEqual({ broken: [] });
  expect(asked).toEqual([]);
  // The right-to-left name does not move what stands beside it.
  const [name, mark] = await page.evaluate(() => {
    const row = [...document.querySelectorAll("[data-row]")].find((one) => one.textContent === "ספר-הוראות")?.closest("li");
    return [row?.querySelector("[data-row]")?.getBoundingClientRect().left ?? 0, row?.querySelector("[role=switch]")?.getBoundingClientRect().left ?? 0];
  });
  expect(mark).toBeGreaterThan(name ?? 0);
  expect(await overflows(page)).toBeLessThanOrEqual(0);
  await page.context().close();
});

/** How long the page's main thread worked while something was done, in milliseconds of the processor: who else
 *  works on this computer does not count. */
async function worked(page: Page): Promise<(what: () => Promise<unknown>) => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const now = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * (metrics.find((one) => one.name === "TaskDuration")?.value ?? NaN);
  };
  return async (what) => {
    const before = await now();
    await what();
    // The frame with it, and what comes after that.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    return (await now()) - before;
  };
}

test("2,000 skills: few of them on the page, and no letter, no jump and no news costs 50 ms", async () => {
  const many = manySkills(2000);
  const page = await opened({ snapshot: view({}, { skills: many }) });
  expect(await page.locator("[data-row]").count()).toBeLessThan(60);
  const turned = (on: boolean) => view({}, { skills: { ...many, skills: many.skills.map((one) => ({ ...one, enabled: one.enabled === on })) } });
  // Bringing the news into the page is the test's own work.
  await page.evaluate((news) => Object.assign(window, { __news: news }), [turned(true), turned(false)]);
  const cost = await worked(page);
  const costs: Record<string, number[]> = { letter: [], jump: [], news: [] };
  await page.getByLabel("Find skills").focus();
  for (const letter of "skill-199") costs["letter"]?.push(await cost(() => page.keyboard.press(letter)));
  await page.waitForFunction(() => document.querySelectorAll("[data-row]").length < 15);
  costs["letter"]?.push(await cost(() => page.getByLabel("Find skills").fill("")));
  for (let n = 1; n <= 10; n += 1) {
    costs["jump"]?.push(
      await cost(() =>
        page.evaluate((part) => {
          const list = document.querySelector(".virtual");
          if (list) list.scrollTop = list.scrollHeight * part;
        }, n / 10),
      ),
    );
    costs["news"]?.push(await cost(() => page.evaluate((which) => window.__emit("view", (window as unknown as { __news: unknown[] }).__news[which]), n % 2)));
  }
  await page.waitForFunction(() => document.querySelector("[data-row='/home/u/.agents/skills/skill-1998/SKILL.md']") !== null);
  // Some are those in which the engine tidies up.
  const usual = Object.entries(costs).map(([what, all]) => [what, Math.round(all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN)] as const);
  for (const [what, ms] of usual) expect(ms, `${what}: ${JSON.stringify(costs[what])}`).toBeLessThan(50);
  // The last row is whole.
  const whole = await page.evaluate(() => {
    const rows = document.querySelectorAll(".virtual li");
    const [last, box] = [rows[rows.length - 1]?.getBoundingClientRect(), document.querySelector(".virtual")?.getBoundingClientRect()];
    return last && box ? Math.round(last.bottom - box.bottom) : -1;
  });
  expect(whole).toBeLessThanOrEqual(1);
  await page.context().close();
});

test("no name is cut off that someone switches by, at any width", async () => {
  const long = "a-name-of-sixty-four-signs-which-is-as-long-as-one-is-allowed-to";
  const marked = skill(long, { next_turn: ["t1"], problems: [skillProblem(`${HOME}/${long}/SKILL.md`, { severity: "warning", code: "duplicate_name" })] });
  const wide = skill("W".repeat(64), { next_turn: ["t1"] });
  for (const width of [380, 520, 760, 1200]) {
    const page = await opened({ snapshot: view({}, { skills: skills({ skills: [marked, wide], roots: [skillRoot()] }) }) }, { width, height: 1200 });
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll("[data-row]")].filter((link) => {
        const [title, row] = [link.parentElement, link.closest("li")];
        if (!title || !row) return true;
        const facts = row.querySelector(".texts")?.getBoundingClientRect();
        return title.scrollHeight > title.clientHeight + 1 || title.scrollWidth > title.clientWidth + 1 || (facts !== undefined && facts.bottom > row.getBoundingClientRect().bottom + 1);
      }).map((one) => one.textContent),
    );
    expect(cut, `${width} px`).toEqual([]);
    await page.context().close();
  }
});

test("200 % text and high contrast stay whole", async () => {
  for (const look of [{ textPercent: 200, width: 760 }, { kept: { "drawbridge.contrast": "more" } }, { kept: { "drawbridge.contrast": "more" }, dark: true }]) {
    for (const rest of ["", BAD]) {
      const page = await opened({}, look, rest);
      expect(await overflows(page)).toBeLessThanOrEqual(0);
      expect((await axe(page)).join("\n")).toBe("");
      const name = `${"textPercent" in look ? "large" : "contrast"}-skills${rest === "" ? "" : "-open"}-${"dark" in look ? "dark" : "light"}`;
      await page.screenshot({ path: new URL(`../screenshots/${name}.png`, import.meta.url).pathname });
      await page.context().close();
    }
  }
});
