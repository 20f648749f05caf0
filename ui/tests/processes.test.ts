import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import { megabytes, processRows } from "../src/lib/processes";
import { route } from "../src/lib/route.svelte";
import { NOW, PROCESSES, ROWS, host, link, processView, view } from "./fixtures";
import { button, eachOnItsOwn, pass, showPage } from "./page";
import { named } from "./tauri";

const text = () => document.body.textContent ?? "";

describe("what runs, in words", () => {
  test("is rounded once", () => {
    expect([0, 949_999, 9_949_999, 9_950_000, 61_960_000].map(megabytes)).toEqual(["0.0 MB", "0.9 MB", "9.9 MB", "10 MB", "62 MB"]);
  });

  test("has the app, the host, codex and a connector for each bus, with pid, memory, age and what they started", () => {
    const rows = processRows(view(), PROCESSES, NOW);
    expect(rows.map((one) => [one.id, one.name, one.word])).toEqual([
      ["app", "Drawbridge", "runs"],
      ["host", "Host", "runs"],
      ["app-server", "Codex", "runs"],
      ["connector:studio", "Connector of studio-bus", "runs"],
    ]);
    expect(rows[2]?.facts.slice(0, 3)).toEqual(["pid 4200", "62 MB", "for 4 min"]);
    expect(rows[2]?.notes).toEqual(["2 processes it started have 41 MB more", "Started 2 times.", "Ended 4 min 1 s ago: the app-server ended by itself (signal: 9)"]);
    expect(rows.map((one) => one.restart)).toEqual([false, false, true, true]);
  });

  test("figures of a process that is not there any more are not shown for its successor", () => {
    const next = view({}, { app_server: { ...host().app_server, pid: 9999 } });
    expect(processRows(next, PROCESSES, NOW)[2]?.facts[0]).toBe("pid 9999");
    expect(processRows(next, PROCESSES, NOW)[2]?.facts.join()).not.toContain("MB");
  });

  test("a connector that nobody wants is off and one that ended is started again", () => {
    const off = processRows(view({}, { links: [link({ wanted: false })] }), PROCESSES, NOW)[3];
    expect([off?.word, off?.restart]).toEqual(["off", false]);
    const ended = PROCESSES.map((one) => (one.id === "connector:studio" ? processView({ ...one, state: "waiting", pid: null }) : one));
    expect(processRows(view(), ended, NOW)[3]?.word).toBe("ended");
  });

  test("without a host only the app and what became of the host is known", () => {
    const gone = view({ host: null, supervisor: { state: "waiting", code: "gone", retry_at_ms: NOW + 2000, retry_in_ms: 2000, message: "It was killed." } });
    expect(processRows(gone, PROCESSES, NOW).map((one) => [one.id, one.word, one.notes.join()])).toEqual([
      ["app", "runs", expect.any(String)],
      ["host", "ended", "Starts again in 2 s. It was killed."],
    ]);
  });
});

describe("the section on the page of settings", () => {
  eachOnItsOwn();

  const show = (more: Record<string, unknown> = {}) =>
    showPage("settings", { snapshot: view(), config_show: ROWS, processes: { processes: PROCESSES }, ...more });

  test("asks as long as it is looked at and never twice at once", async () => {
    let answer: (value: unknown) => void = () => undefined;
    const side = await show({ processes: () => new Promise((resolve) => (answer = resolve)) });
    await pass(20_000);
    expect(named(side, "processes")).toHaveLength(1);
    answer({ processes: PROCESSES });
    await pass(10);
    expect(text()).toContain("62 MB");
    await pass(2000);
    expect(named(side, "processes")).toHaveLength(2);
    answer({ processes: PROCESSES });
    route.go("threads");
    await pass(20_000);
    expect(named(side, "processes").length).toBeLessThanOrEqual(2);
  });

  test("says why it could not be measured and goes on trying", async () => {
    const side = await show({
      processes: () => {
        throw { code: "timeout", message: "the host takes too long" };
      },
    });
    expect(text()).toContain("the host takes too long");
    side.answers["processes"] = { processes: PROCESSES };
    await pass(2100);
    expect(text()).not.toContain("the host takes too long");
    expect(text()).toContain("62 MB");
  });

  test("a restart that would interrupt turns asks first", async () => {
    const side = await show({
      restart: ({ interrupt }: { interrupt: boolean }) => {
        if (!interrupt) throw { code: "turns_running", message: "2 running turns would be interrupted" };
        return null;
      },
    });
    await fireEvent.click(button("Restart Codex"));
    await pass(10);
    expect(screen.getByRole("dialog").textContent).toContain("2 running turns would be interrupted");
    await fireEvent.click(button("Cancel"));
    await pass(10);
    expect(named(side, "restart").map((one) => one.args)).toEqual([{ id: "app-server", interrupt: false }]);
    await fireEvent.click(button("Restart Codex"));
    await pass(10);
    await fireEvent.click(button("Interrupt and restart"));
    await pass(10);
    expect(named(side, "restart").at(-1)?.args).toEqual({ id: "app-server", interrupt: true });
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("a refusal is said, and a log is opened and closed", async () => {
    await show({
      logs: ["listening"],
      restart: () => {
        throw { code: "not_running", message: "connect it first" };
      },
    });
    await fireEvent.click(button("Restart Connector of studio-bus"));
    await pass(10);
    expect(screen.getByRole("alert").textContent).toContain("connect it first");
    await fireEvent.click(button("Log of Codex"));
    await pass(10);
    expect(text()).toContain("listening");
    await fireEvent.click(button("Hide log of Codex"));
    expect(text()).not.toContain("listening");
  });
});
