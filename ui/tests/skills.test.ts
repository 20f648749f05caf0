import { fireEvent, screen, within } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import { route } from "../src/lib/route.svelte";
import { below, count, marks, place, rows, since, summary } from "../src/lib/skills";
import type { DesktopView, SkillsView } from "../src/lib/types";
import { HOME, HOSTILE, NOW, manySkills, skill, skillProblem, skillRoot, skills, view } from "./fixtures";
import { button, eachOnItsOwn, pass, showPage } from "./page";
import { named, type Rust } from "./tauri";

const state = (over: Partial<SkillsView> = {}): DesktopView => view({}, { skills: skills(over) });
const ALL = { words: "", onlyProblems: false };
const NONE = new Map<string, string>();

eachOnItsOwn();

const show = (at: DesktopView = state(), more: Record<string, unknown> = {}, rest = ""): Promise<Rust> => showPage("skills", { snapshot: at, ...more }, rest);
const rowOf = (path: string): HTMLElement => {
  const link = [...document.querySelectorAll<HTMLElement>("[data-row]")].find((one) => one.dataset["row"] === path);
  const row = link?.closest("li");
  if (!row) throw new Error(`no row ${path}`);
  return row;
};
const switchOf = (path: string) => within(rowOf(path)).getByRole("switch");
const GIT = `${HOME}/git-history/SKILL.md`;

test("the place of a mistake is as exact as it is known", () => {
  const at = (line: number | null, column: number | null): string => place(skillProblem("/s", { line, column }));
  expect([at(3, 15), at(3, null), at(null, null)]).toEqual(["/s:3:15", "/s:3", "/s"]);
});

describe("rows", () => {
  test("are grouped by root in Codex's order; what is not there comes last", () => {
    const found = rows(skills(), ALL, NONE).map((row) => (row.row === "root" ? `${row.root.path} ${row.count}` : row.row === "skill" ? `  ${row.skill.name}` : `i ${row.id}`));
    expect(found).toEqual([
      "/home/u/src/shop/.codex/skills 2", "  release-notes", "  deploy",
      "/home/u/.agents/skills 3", "  api-notes", "  deploy", "  git-history",
      "/home/u/.codex/skills 1", "  spreadsheets",
      "/home/u/.codex/skills/.system 1", "  skill-creator",
      "/srv/skills 0",
      "/home/u/src/shop/.agents/skills 0", "/etc/codex/skills 0",
      "i /home/u/src/shop/AGENTS.md",
    ]);
  });

  test("that are said twice stand once", () => {
    const twice = skills({ roots: [skillRoot(), skillRoot()], skills: [skill("a"), skill("a")], instructions: [] });
    expect(rows(twice, ALL, NONE).map((row) => row.id)).toEqual([HOME, `${HOME}/a/SKILL.md`]);
  });

  test("are found by name, path and what is wrong, without roots that have none of it", () => {
    const ids = (words: string, onlyProblems = false) => rows(skills(), { words, onlyProblems }, NONE).map((row) => row.id);
    expect(ids(" GIT-hist ")).toEqual([HOME, GIT]);
    expect(ids("no_description")).toEqual([HOME, `${HOME}/api-notes/SKILL.md`]);
    expect(ids("/etc/codex")).toEqual(["/etc/codex/skills"]);
    expect(ids("nothing has this")).toEqual([]);
    expect(ids("", true)).toEqual([
      "/home/u/src/shop/.codex/skills", "/home/u/src/shop/.codex/skills/deploy/SKILL.md",
      HOME, `${HOME}/api-notes/SKILL.md`, `${HOME}/deploy/SKILL.md`,
      "/srv/skills",
    ]);
    expect(count(skills())).toEqual({ problems: 5, unusable: 1 });
  });

  test("say what is the matter with a root or a skill", () => {
    const words = (over: Partial<SkillsView>) => rows(skills({ skills: [], instructions: [], roots: [skillRoot()], ...over }), ALL, NONE).map((row) => marks(row).map((one) => one.word).join(", "));
    expect(words({ roots: ["missing", "not_a_folder", "unreadable", "newer_word"].map((word) => skillRoot({ path: `/${word}`, state: word })) })).toEqual(["is no folder", "cannot be read", "newer_word", "not there yet"]);
    const bad = [skillProblem("p"), skillProblem("p", { severity: "warning", code: "large" })];
    expect(words({ skills: [skill("a", { problems: bad, next_turn: ["t"] })] })).toEqual(["", "cannot be used, large, applies from the next turn"]);
    const warned = ["duplicate_name", "too_long"].map((code) => skillProblem("p", { severity: "warning", code }));
    expect(words({ skills: [skill("a", { problems: warned }), skill("b", { problems: warned.slice(1) })] })).toEqual(["", "2 remarks", "1 remark"]);
  });

  test("have a path as seen from their root", () => {
    expect([below("/a/b", "/a/b/c/SKILL.md"), below("/a/b", "/a/bc/SKILL.md")]).toEqual(["c/SKILL.md", "/a/bc/SKILL.md"]);
  });
});

test("what changed since is told once, as what it last was", () => {
  const change = (kind: string, path: string, at_ms: number, from: string | null = null) => ({ kind, name: path, path, from, at_ms, next_turn: [] });
  const recent = [change("modified", "seen", 5), change("created", "a", 11), change("modified", "a", 12), change("renamed", "c", 13, "b"), change("deleted", "d", 14), change("deleted", "e", 15), change("created", "e", 16)];
  const after = (seen: number, changes: number) => since(skills({ recent, changes, skills: [] }), seen);
  // Seven are listed of a hundred and seven, the first of which was seen.
  const found = after(101, 107);
  expect([...found.changed]).toEqual([["a", "changed"], ["c", "renamed"], ["e", "new"]]);
  expect([found.gone, found.more]).toEqual([["d"], 0]);
  // Clocks do not count: more have come than are listed, or none, or those of another host.
  expect([after(90, 107).more, after(107, 107).more, after(200, 107).more]).toEqual([10, 0, 0]);
  expect(after(107, 107).changed.size).toBe(0);
  expect(summary(skills(), 2)).toBe("7 skills, 1 switched off, 1 cannot be used, 2 changed since you last looked");
});

describe("the page", () => {
  test("shows each skill with what is known of it, and each root with how it is", async () => {
    await show();
    const row = rowOf("/home/u/src/shop/.codex/skills/release-notes/SKILL.md");
    for (const words of ["release-notes", "changed", "applies from the next turn", "How the release notes", "release-notes/SKILL.md", "20 s ago", "5f2c1d9b", "On"]) expect(row.textContent).toContain(words);
    expect(rowOf(HOME).textContent).toContain("Yours, for all threads");
    expect(rowOf("/srv/skills").textContent).toContain("cannot be read");
    expect(rowOf("/etc/codex/skills").textContent).toContain("not there yet");
    expect(rowOf("/home/u/src/shop/AGENTS.md").textContent).toContain("applies to new threads");
    expect(document.body.textContent).toContain("Gone since you last looked: old-style");
    expect(within(screen.getByRole("navigation")).getByRole("link", { name: "Skills" }).getAttribute("aria-current")).toBe("page");
  });

  test("marks what changed until it is opened again", async () => {
    await show();
    expect(rowOf(GIT).textContent).toContain("new");
    route.go("threads");
    await pass(30);
    route.go("skills");
    await pass(30);
    expect(rowOf(GIT).textContent).not.toContain("new");
    expect(document.body.textContent).not.toContain("Gone since");
  });

  test("a switch is busy until the list has it", async () => {
    let answer = (): void => undefined;
    const side = await show(state(), { skill_set: () => new Promise((yes) => (answer = () => yes(null))) });
    await fireEvent.click(switchOf(GIT));
    await fireEvent.click(switchOf(GIT));
    expect(named(side, "skill_set").map((one) => one.args)).toEqual([{ id: GIT, on: false }]);
    const told = () => [switchOf(GIT).getAttribute("aria-checked"), switchOf(GIT).getAttribute("aria-busy"), switchOf(GIT).textContent];
    expect(told()).toEqual(["true", "true", "Turning off"]);
    answer();
    await pass(20);
    expect(told(), "the answer comes before the list").toEqual(["true", "true", "Turning off"]);
    await side.emit("view", state({ skills: skills().skills.map((one) => (one.path === GIT ? { ...one, enabled: false } : one)) }));
    await pass(20);
    expect(told()).toEqual(["false", "false", "Off"]);
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test("a switch says in which turns it does not count yet", async () => {
    const side = await show();
    expect(rowOf(GIT).textContent).not.toContain("applies from the next turn");
    await fireEvent.click(switchOf(GIT));
    await side.emit("view", state({ skills: skills().skills.map((one) => (one.path === GIT ? { ...one, enabled: false, next_turn: ["t1"] } : one)) }));
    await pass(20);
    expect(switchOf(GIT).textContent).toBe("Off");
    expect(rowOf(GIT).textContent).toContain("applies from the next turn");
  });

  test("more changes than are listed are counted, and another host counts anew", async () => {
    const side = await show(state({ changes: 120 }));
    expect(document.body.textContent).toContain("… and 117 more changes before these");
    route.go("threads");
    await pass(30);
    await side.emit("view", state({ changes: 121 }));
    route.go("skills");
    await pass(30);
    expect(document.body.textContent).not.toContain("more changes");
    expect(document.body.textContent, "one is new").toContain("Gone since you last looked: old-style");
    expect(rowOf(GIT).textContent).not.toContain("new");
    route.go("threads");
    await pass(30);
    const other = view({}, { skills: skills({ changes: 3 }) });
    if (other.host !== null) other.host.host = { ...other.host.host, pid: 9999 };
    await side.emit("view", other);
    route.go("skills");
    await pass(30);
    expect(rowOf(GIT).textContent).toContain("new");
  });

  test("a switch that was refused is back to what is true, with the reason", async () => {
    await show(state(), {
      skill_set: () => {
        throw { code: "overruled", message: "A profile of Codex switches it on. Change it there." };
      },
    });
    await fireEvent.click(switchOf(GIT));
    await pass(20);
    expect([switchOf(GIT).getAttribute("aria-checked"), switchOf(GIT).getAttribute("aria-busy")]).toEqual(["true", "false"]);
    const alert = screen.getByRole("alert");
    for (const words of ["git-history stayed on", "overruled", "Change it there."]) expect(alert.textContent).toContain(words);
    await fireEvent.click(button("Understood"));
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test.each([
    ["timeout", "may not have changed"],
    ["codex_refused", "may not have changed"],
    ["codex_answer", "may not have changed"],
    ["no_agent", "stayed on"],
  ])("a switch is said to have stayed only when that is known: %s", async (code, title) => {
    await show(state(), {
      skill_set: () => {
        throw { code, message: "Look again." };
      },
    });
    await fireEvent.click(switchOf(GIT));
    await pass(20);
    expect(screen.getByRole("alert").textContent).toContain(`git-history ${title}`);
  });

  test("what the reason of a refusal quotes turns no text around it", async () => {
    await show(state(), {
      skill_open: () => {
        throw { code: "not_there", message: "/a/\u202etxt\u001b[31m.md is not there any more" };
      },
    });
    await fireEvent.click(button(`Open ${HOME}/api-notes/SKILL.md:2:1`));
    await pass(20);
    const said = screen.getByRole("alert").textContent;
    expect(said).toContain("/a/‹U+202E RIGHT-TO-LEFT OVERRIDE›txt.md");
    expect(said).not.toContain("\u202e");
    expect(said).not.toContain("\u001b");
  });

  test("a list that never has it does not keep the switch busy", async () => {
    await show();
    await fireEvent.click(switchOf(GIT));
    await pass(2100);
    expect(switchOf(GIT).getAttribute("aria-busy")).toBe("false");
    expect(switchOf(GIT).getAttribute("aria-checked")).toBe("true");
  });

  test("without Codex's word there is no switch, and for what cannot be used a way to its file", async () => {
    const side = await show(state({ skills: [skill("quiet", { enabled: null }), skill("api-notes", { enabled: null, problems: [skillProblem(`${HOME}/api-notes/SKILL.md`)] })] }));
    expect(rowOf(`${HOME}/quiet/SKILL.md`).textContent).toContain("not known");
    const row = rowOf(`${HOME}/api-notes/SKILL.md`);
    expect(row.textContent).toContain("line 2: there is no `description`");
    await fireEvent.click(within(row).getByRole("button", { name: `Open ${HOME}/api-notes/SKILL.md:2:1` }));
    expect(named(side, "skill_open").map((one) => one.args)).toEqual([{ id: `${HOME}/api-notes/SKILL.md`, folder: false }]);
    expect(screen.queryByRole("switch")).toBeNull();
  });

  test("a file that cannot be opened says why and what to do", async () => {
    await show(state(), {
      skill_open: () => {
        throw { code: "executable", message: "SKILL.md may be run as a program; take that away (chmod a-x)." };
      },
    });
    await fireEvent.click(button(`Open ${HOME}/api-notes/SKILL.md:2:1`));
    await pass(20);
    expect(screen.getByRole("alert").textContent).toContain("The file could not be opened");
    expect(screen.getByRole("alert").textContent).toContain("chmod a-x");
  });

  test("opened, a skill shows its places and its threads, and everything of it can be opened", async () => {
    const link = `${HOME}/borrowed`;
    const side = await show(state(), {}, HOME);
    const detail = screen.getByRole("region", { name: "What is known of it" });
    expect(detail.textContent).toContain(link);
    await fireEvent.click(within(detail).getByRole("button", { name: `Open its folder: ${link}` }));
    await fireEvent.click(within(detail).getByRole("button", { name: "Open the folder" }));
    expect(named(side, "skill_open").map((one) => one.args)).toEqual([{ id: link, folder: true }, { id: HOME, folder: true }]);
    route.go("skills", "/home/u/src/shop/.codex/skills/release-notes/SKILL.md");
    await pass(20);
    const of = screen.getByRole("region", { name: "What is known of it" });
    expect(within(of).getByRole("link", { name: "Fix flaky login test" }).getAttribute("href")).toBe("#/threads/t1");
    expect(of.textContent).toContain("5f2c1d9be7a04c3388d1f0a6b2e94c7755aa01cd23ef45678990abcdef123456");
    await fireEvent.click(within(of).getByRole("button", { name: "Close" }));
    await pass(20);
    expect(route.rest).toBe("");
    expect(document.activeElement?.getAttribute("data-row")).toBe("/home/u/src/shop/.codex/skills/release-notes/SKILL.md");
    route.go("skills", "/gone/SKILL.md");
    await pass(20);
    expect(document.body.textContent).toContain("It is not there any more");
  });

  test("of what is wrong the errors come first", async () => {
    const path = `${HOME}/a/SKILL.md`;
    await show(state({ skills: [skill("a", { problems: [skillProblem(path, { severity: "warning", code: "large" }), skillProblem(path)] })] }), {}, path);
    expect([...document.querySelectorAll(".detail li code")].map((one) => one.textContent)).toEqual(["no_description", "large"]);
  });

  test("looks again, says so, and says what went wrong", async () => {
    let answer = (): void => undefined;
    const side = await show(state(), { skills_rescan: () => new Promise((yes) => (answer = () => yes(null))) });
    await fireEvent.click(button("Rescan"));
    await fireEvent.click(button("Looking again"));
    expect(named(side, "skills_rescan")).toHaveLength(1);
    answer();
    await pass(20);
    expect(document.body.textContent).toContain("Looked at again just now.");
    side.answers["skills_rescan"] = () => {
      throw { code: "not_watched", message: "Skills are not watched." };
    };
    await fireEvent.click(button("Rescan"));
    await pass(20);
    expect(screen.getByRole("alert").textContent).toContain("not_watched");
    expect(document.body.textContent).not.toContain("Looked at again just now.");
  });

  test.each([
    [state({ watching: { state: "polled", every_ms: 2000, code: "overflow", message: "too much happened at once" } }), ["Looked at every 2 s, not watched", "overflow", "too much happened at once"]],
    [state({ watching: { state: "off", message: "the watcher could not start" } }), ["Changes are not noticed", "the watcher could not start"]],
    [state({ codex: { state: "failed", message: "it closed the connection" } }), ["Codex did not read them again", "it closed the connection", "Rescan does"]],
    [state({ unwatched: { code: "too_many_folders", message: "threads work in more folders than are watched", folders: ["/home/u/one", "/home/u/two"] } }), ["Not watched in 2 folders", "too_many_folders", "threads work in more", "/home/u/two"]],
    [state({ codex: { state: "refreshing" } }), ["Codex is reading them again."]],
    [state({ watching: { state: "starting" }, skills: [], roots: [] }), ["The folders are looked at"]],
    [view({}, { skills: skills(), app_server: { generation: 1, pid: null, user_agent: null, state: { state: "stopped" } } }), ["Codex does not run at the moment"]],
    [state({ skills: [], recent: [] }), ["No skill yet", `${HOME}/release-notes/SKILL.md`, "name: release-notes"]],
    [view({ host: null, supervisor: { state: "waiting", code: "ended", message: "It ended before it stood.", retry_in_ms: 4000, retry_at_ms: NOW + 4000 } }), ["The host ended and starts again by itself", "It ended before it stood."]],
  ])("has a sentence for each state: %#", async (at, sentences) => {
    await show(at);
    const text = document.querySelector("main")?.textContent ?? "";
    for (const sentence of sentences) expect(text).toContain(sentence);
  });

  test("finds among many, and shows all again", async () => {
    await show(view({}, { skills: manySkills(2000) }));
    expect(document.querySelectorAll("[data-row]").length).toBeLessThan(40);
    await fireEvent.input(screen.getByLabelText("Find skills"), { target: { value: "skill-1777" } });
    await pass(20);
    expect([...document.querySelectorAll<HTMLElement>("[data-row]")].map((one) => one.textContent)).toEqual(["/home/u/src/shop/.codex/skills", "skill-1777"]);
    await fireEvent.input(screen.getByLabelText("Find skills"), { target: { value: "nowhere" } });
    await pass(20);
    await fireEvent.click(button("Show all skills"));
    expect(document.querySelectorAll("[data-row]").length).toBeGreaterThan(10);
    await fireEvent.click(button("Needs a look (6)"));
    await pass(20);
    expect(document.querySelectorAll("[data-row]").length).toBeLessThan(12);
  });

  test("what a skill says is text, with what hides in it named", async () => {
    const bad = skillProblem(`${HOME}/${HOSTILE}/SKILL.md`, { message: HOSTILE, code: HOSTILE });
    await show(state({ skills: [skill(HOSTILE, { description: HOSTILE, problems: [bad] })], roots: [skillRoot({ kind: HOSTILE, state: HOSTILE })], recent: [] }), {}, `${HOME}/${HOSTILE}/SKILL.md`);
    expect(document.querySelector("main img, main b")).toBeNull();
    expect((window as unknown as { hit?: number }).hit).toBeUndefined();
    const text = document.querySelector("main")?.textContent ?? "";
    expect(text).toContain("‹U+202E RIGHT-TO-LEFT OVERRIDE›txt.exe‹U+200B ZERO WIDTH SPACE›");
    for (const sign of ["\u001b", "\u202e", "\u200b"]) expect(text).not.toContain(sign);
    const labels = [...document.querySelectorAll("[aria-label]")].map((one) => one.getAttribute("aria-label")).join();
    for (const sign of ["\u001b", "\u202e", "\u200b"]) expect(labels).not.toContain(sign);
  });
});
