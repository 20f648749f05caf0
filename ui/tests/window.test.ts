import { fireEvent, render, screen, within } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import App from "../src/App.svelte";
import { firstRun } from "../src/lib/kept.svelte";
import { route } from "../src/lib/route.svelte";
import type { DesktopView } from "../src/lib/types";
import { AUDIT, ITEMS, NOW, ROWS, approval, digest, feed, link, view } from "./fixtures";
import { button, eachOnItsOwn, pass, showPage } from "./page";
import { named, rust, type Rust } from "./tauri";

eachOnItsOwn();

const show = (page: string, state: DesktopView | (() => unknown) = view(), more: Record<string, unknown> = {}): Promise<Rust> =>
  showPage(page, { snapshot: state, config_show: ROWS, audit_tail: AUDIT, thread_open: feed(ITEMS), ...more });

describe("the state", () => {
  test("is listened to before it is asked for, and an event in between is not lost", async () => {
    const order: string[] = [];
    let answer: (value: DesktopView) => void = () => undefined;
    const side = rust({ snapshot: () => (order.push("snapshot"), new Promise((resolve) => (answer = resolve))) });
    render(App);
    await pass(10);
    await side.emit("view", view({}, { links: [link({ name: "newer-bus" })] }));
    answer(view({}, { links: [link({ name: "older-bus" })] }));
    await pass(10);
    expect(order).toEqual(["snapshot"]);
    expect(document.body.textContent).toContain("Connected to newer-bus");
    expect(document.body.textContent).not.toContain("older-bus");
  });

  test("that cannot be had says so and offers another try", async () => {
    const side = await show("threads", () => {
      throw { code: "gone", message: "The window lost the app." };
    });
    expect(screen.getByRole("alert").textContent).toContain("The window lost the app.");
    side.answers["snapshot"] = view();
    await fireEvent.click(button("Try again"));
    await pass(20);
    expect(screen.getByRole("heading", { name: "Threads" })).toBeTruthy();
  });

  test("stands in the strip with round trip and the age of the pong, and disconnects", async () => {
    const side = await show("threads");
    const strip = screen.getByRole("banner");
    expect(strip.textContent).toContain("18 ms");
    await pass(6000);
    expect(strip.textContent).toContain("pong 10 s ago");
    await fireEvent.click(within(strip).getByRole("button", { name: "Disconnect" }));
    expect(named(side, "set_bus")[0]?.args).toEqual({ id: "studio", on: false });
  });

  test.each([
    [view({}, { links: [] }), "This computer only", "off"],
    [view({}, { links: [link({ link: { state: "connecting", attempt: 3 } })] }), "Connecting to studio-bus, attempt 3", "connecting"],
    [view({}, { links: [link({ since_ms: NOW, link: { state: "waiting", retry_in_ms: 8000, code: "refused", message: "Is it running?" } })] }), "studio-bus is offline, next try in 8 s", "problem"],
    [view({ paused_until_ms: NOW + 600_000 }), "Paused, connects again in 10 min", "off"],
    [view({ host: null, supervisor: { state: "starting" } }), "The host is starting", "connecting"],
    [view({}, { links: [link(), link({ id: "b", link: { state: "disconnected" } })] }), "Connected to 1 of 2 buses", "connecting"],
  ])("has a sentence and a shape: %#", async (state, sentence, deck) => {
    await show("threads", state);
    expect(screen.getByRole("banner").textContent).toContain(sentence);
    expect(document.querySelector("[data-deck]")?.getAttribute("data-deck")).toBe(deck);
  });
});

describe("approvals", () => {
  test("are opened by the Rust side; this window has nothing to answer with", async () => {
    const side = await show("approvals");
    await fireEvent.click(button("Read and answer"));
    expect(named(side, "open_approvals")).toHaveLength(1);
    expect(side.calls.some((call) => call.command.startsWith("approval_"))).toBe(false);
    expect(document.querySelector("[data-decision]")).toBeNull();
  });

  test("that ended say by whom and what came of it", async () => {
    const past = approval({ state: { state: "applied", by: { by: "remote", bus: "studio-bus", client: "phone" }, decision: "accept" }, outcome: { outcome: "completed", exit_code: 0 } });
    await show("approvals", view({}, { approvals: [past] }));
    expect(document.body.textContent).toContain("Accepted by phone at studio-bus");
    expect(document.body.textContent).toContain("carried out, exit code 0");
  });
});

describe("connections", () => {
  test("a bus is forgotten only after a yes, and the harmless answer has the focus", async () => {
    const side = await show("connections");
    await fireEvent.click(button("Forget studio-bus"));
    expect(document.activeElement?.textContent).toBe("Keep it");
    expect(named(side, "forget")).toEqual([]);
    await fireEvent.click(button("Forget it"));
    expect(named(side, "forget")[0]?.args).toEqual({ id: "studio" });
  });

  test("enrolling sends what was typed, names what is missing, and shows the remedy", async () => {
    const side = await show("connections", view(), {
      enroll: () => {
        throw { code: "bad_code", message: "The bus does not know this code. Ask for a new one." };
      },
    });
    await fireEvent.click(button("Enroll at a bus"));
    await fireEvent.click(button("Enroll and connect"));
    expect(named(side, "enroll")).toEqual([]);
    expect(document.activeElement?.id).toBe("enroll-api");
    await fireEvent.input(screen.getByLabelText("Address of the bus"), { target: { value: " https://bus.example " } });
    await fireEvent.input(screen.getByLabelText("Code", { selector: "#enroll-secret" }), { target: { value: "ABCDE-FGHJK" } });
    await fireEvent.click(button("Enroll and connect"));
    await pass(10);
    expect(named(side, "enroll")[0]?.args).toEqual({ api: "https://bus.example", code: "ABCDE-FGHJK" });
    expect(screen.getByRole("alert").textContent).toContain("Ask for a new one.");
  });

  test("of an enrollment only what was changed is sent, and its token is never shown", async () => {
    const side = await show("connections", view(), { set_enrollment: link() });
    await fireEvent.click(button("Edit studio-bus"));
    const token = screen.getByLabelText("New token for the MCP server") as HTMLInputElement;
    expect([token.type, token.value]).toEqual(["password", ""]);
    await fireEvent.input(screen.getByLabelText("Name of the bus here"), { target: { value: "atelier" } });
    await fireEvent.click(button("Change"));
    await pass(10);
    expect(named(side, "set_enrollment").map((call) => call.args)).toEqual([{ id: "studio", name: "atelier" }]);
    expect(screen.queryByLabelText("Name of the bus here")).toBeNull();
  });

  test("this computer only turns every bus off", async () => {
    const side = await show("connections", view({}, { links: [link(), link({ id: "b", name: "home-bus" }), link({ id: "c", wanted: false })] }));
    await fireEvent.click(button("Use this computer only"));
    await pass(10);
    expect(named(side, "set_bus").map((call) => call.args)).toEqual([{ id: "studio", on: false }, { id: "b", on: false }]);
  });
});

describe("settings", () => {
  test("problems of the file stand with their place, and what waits is accepted by its digest", async () => {
    const side = await show(
      "settings",
      view({}, {
        config: {
          file: "/c/config.toml", in_force: "last_good", at_next_start: [], confirmed: "defaults", ...digest("abc"),
          problems: [{ severity: "error", code: "unknown_key", file: "/c/config.toml", start: [12, 3], end: null, text: "config.toml:12:3: no such key" }],
          waiting: [{ key: "security.answer", from: "local", to: "both" }],
        },
      }),
    );
    expect(document.body.textContent).toContain("/c/config.toml:12:3");
    await fireEvent.click(button("Accept this"));
    expect(named(side, "config_accept")[0]?.args).toEqual({ digest: "abc" });
  });

  test("a folder is added to those there are", async () => {
    const side = await show("settings");
    await fireEvent.input(screen.getByLabelText("Another folder"), { target: { value: '/home/u/"odd"' } });
    await fireEvent.click(button("Add folder"));
    expect(named(side, "config_set")[0]?.args).toEqual({ key: "security.roots", value: '["/home/u/src/shop", "/home/u/src/site", "/home/u/\\"odd\\""]' });
  });

  test("quit asks when turns are running", async () => {
    const side = await show("settings", view(), { quit: (args: { really: boolean }) => ({ running: args.really ? 0 : 2 }) });
    await fireEvent.click(button("Quit"));
    await pass(10);
    expect(screen.getByText("2 turns are running")).toBeTruthy();
    expect(named(side, "quit").map((call) => call.args)).toEqual([{ really: false }]);
    await fireEvent.click(button("Stop and quit"));
    expect(named(side, "quit").at(-1)?.args).toEqual({ really: true });
  });
});

describe("the first run", () => {
  test("comes without a bus, checks itself, and every step can be skipped", async () => {
    firstRun.done = false;
    const side = await show("threads", view({}, { links: [], approvals: [], app_server: { generation: 1, pid: null, user_agent: null, state: { state: "waiting", retry_in_ms: 5000, code: "codex_not_found", message: "Codex was not found on the PATH." } } }));
    expect(screen.getByRole("heading", { name: "Set up Drawbridge" })).toBeTruthy();
    expect(screen.getByRole("alert").textContent).toContain("Codex was not found on the PATH.");
    await side.emit("view", view({}, { links: [], approvals: [] }));
    await pass(10);
    expect(document.body.textContent).toContain("codex_app_server/0.169.0");
    await fireEvent.click(button("Next"));
    await fireEvent.click(button("Skip this step"));
    await fireEvent.click(button("Use this computer only"));
    await fireEvent.click(screen.getByRole("radio", { name: /Look only/ }));
    await pass(10);
    expect(named(side, "config_set").map((call) => call.args)).toEqual([{ key: "security.role", value: "viewer" }, { key: "security.answer", value: "local" }]);
    await fireEvent.click(button("Done"));
    await pass(10);
    expect(screen.getByRole("heading", { name: "Threads" })).toBeTruthy();
  });
});

describe("a thread", () => {
  test("shows its items, with output folded after 12 lines and the exit code", async () => {
    await show("threads/t1");
    const text = () => document.querySelector(".items")?.textContent ?? "";
    expect(text()).toContain("exit 1");
    expect(text()).not.toContain("line 18 of");
    expect(text()).toContain("line 19 of");
    expect(text()).not.toContain("\u001b");
    await fireEvent.click(button("Show 18 earlier lines"));
    expect(text()).toContain("line 1 of");
    expect(document.querySelector(".items a")).toBeNull();
    expect(text()).toContain("the notes (https://example.org/notes)");
  });

  test("paints deltas once a frame and ends with exactly what was sent", async () => {
    const side = await show("threads/t1", view(), { thread_open: feed([{ id: "m", type: "agentMessage", text: "" }], { id: "x", status: "inProgress" }) });
    let frames = 0;
    const real = globalThis.requestAnimationFrame;
    vi.spyOn(globalThis, "requestAnimationFrame").mockImplementation((run) => ((frames += 1), real(run)));
    let sent = "";
    for (let n = 0; n < 500; n += 1) {
      const text = `word${n} `;
      sent += text;
      await side.emit("thread", { id: "t1", seq: n + 1, changes: [{ delta: { itemId: "m", text } }] });
    }
    await side.emit("thread", { id: "another", seq: 900, changes: [{ delta: { itemId: "m", text: "not here" } }] });
    await pass(100);
    expect(document.querySelector(".said")?.textContent?.trim()).toBe(sent.trim());
    expect(frames).toBeLessThan(20);
  });

  test("takes what came before the answer once, and nothing that the answer contains", async () => {
    const late = { ...feed([{ id: "m", type: "agentMessage", text: "one two " }]), seq: 2 };
    let answer = (): void => undefined;
    const side = await show("threads/t1", view(), { thread_open: () => new Promise((done) => (answer = () => done(late))) });
    for (const [n, text] of ["one ", "two ", "three "].entries()) {
      await side.emit("thread", { id: "t1", seq: n + 1, changes: [{ delta: { itemId: "m", text } }] });
    }
    answer();
    await pass(50);
    expect(document.querySelector(".said")?.textContent?.trim()).toBe("one two three");
  });

  test("asks for everything again when something that was told did not come", async () => {
    const answers = [feed([{ id: "m", type: "agentMessage", text: "" }]), { ...feed([{ id: "m", type: "agentMessage", text: "one two " }]), seq: 2 }];
    let asked = 0;
    const side = await show("threads/t1", view(), { thread_open: () => answers[asked++] ?? answers[1] });
    const tell = (seq: number, text: string) => side.emit("thread", { id: "t1", seq, changes: [{ delta: { itemId: "m", text } }] });
    await tell(1, "one ");
    await tell(3, "three ");
    await tell(4, "four");
    await pass(60);
    expect(asked).toBe(2);
    expect(document.querySelector(".said")?.textContent?.trim()).toBe("one two three four");
    await tell(5, " five");
    await pass(60);
    expect(asked).toBe(2);
    expect(document.querySelector(".said")?.textContent?.trim()).toBe("one two three four five");
  });

  test("says that nothing new comes, and shows the thread anew when it is back", async () => {
    const side = await show("threads/t1", view(), { thread_open: feed([{ id: "m", type: "agentMessage", text: "broken o" }], { id: "x", status: "inProgress" }) });
    await side.emit("thread", { id: "t1", seq: 1, changes: [{ away: { code: "agent_restarted", message: "the agent was restarted" } }] });
    await pass(30);
    expect(document.body.textContent).toContain("the agent was restarted");
    await side.emit("thread", { id: "t1", seq: 2, changes: [{ reset: { ...feed([{ id: "n", type: "agentMessage", text: "anew" }]), seq: 1 } }, { delta: { itemId: "n", text: " and on" } }] });
    await pass(30);
    expect(document.body.textContent).not.toContain("the agent was restarted");
    expect([...document.querySelectorAll(".said")].map((one) => one.textContent?.trim())).toEqual(["anew and on"]);
  });

  test("sends, steers and interrupts, and says what the next turn may do", async () => {
    const side = await show("threads/t2");
    expect(document.body.textContent).toContain("Next turn: writes in its folder, asks when it wants more");
    await fireEvent.input(screen.getByLabelText("Message to the agent"), { target: { value: "go on" } });
    await fireEvent.click(button("Send"));
    await pass(10);
    expect(named(side, "thread_send")[0]?.args).toEqual({ id: "t2", text: "go on" });
    route.go("threads", "t1");
    await pass(30);
    await fireEvent.input(screen.getByLabelText("Steer the running turn"), { target: { value: "the other file" } });
    await fireEvent.click(button("Steer"));
    await pass(10);
    expect(named(side, "thread_steer")[0]?.args).toEqual({ id: "t1", text: "the other file" });
    await fireEvent.click(button("Interrupt"));
    expect(named(side, "thread_interrupt")).toHaveLength(1);
    expect(named(side, "thread_close")[0]?.args).toEqual({ id: "t2" });
  });

  test("stops following when the person scrolls back, and counts what is new", async () => {
    const side = await show("threads/t1");
    const box = document.querySelector(".items") as HTMLElement;
    Object.defineProperty(box, "scrollHeight", { value: 2000, configurable: true });
    Object.defineProperty(box, "clientHeight", { value: 400, configurable: true });
    box.scrollTop = 1600;
    await fireEvent.scroll(box);
    box.scrollTop = 900;
    await fireEvent.scroll(box);
    for (const [n, id] of ["a", "b"].entries()) await side.emit("thread", { id: "t1", seq: n + 1, changes: [{ item: { id, type: "agentMessage", text: "more" } }] });
    await pass(50);
    expect(box.scrollTop).toBe(900);
    await fireEvent.click(button("2 new"));
    expect(box.scrollTop).toBe(2000);
  });

  test("shows an agent's markup as text", async () => {
    const evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>[x](javascript:window.hit=1)';
    await show("threads/t1", view(), {
      thread_open: feed([
          { id: "1", type: "agentMessage", text: evil },
          { id: "2", type: "commandExecution", command: evil, cwd: evil, status: "completed", aggregatedOutput: `${evil}\u202e\u001b]8;;http://evil\u0007x` },
          { id: "3", type: "fileChange", status: "completed", changes: [{ path: evil, kind: { type: "add" }, diff: `+${evil}` }] },
          { id: "4", type: "mcpToolCall", server: evil, tool: evil, status: "completed", arguments: { evil }, result: evil },
          { id: "5", type: evil, text: evil },
        ]),
    });
    expect(document.querySelector(".items img, .items script, .items a")).toBeNull();
    expect((window as unknown as { hit?: number }).hit).toBeUndefined();
    expect(document.querySelector(".items")?.textContent).toContain("‹U+202E RIGHT-TO-LEFT OVERRIDE›x");
  });
});

test("activity shows a kind it does not know as it came", async () => {
  await show("activity");
  expect(document.body.textContent).toContain('something_newer {"what":"<b>bold</b>"}');
  expect(document.querySelector("main b")).toBeNull();
});

test("a long list keeps only what is in view on the page", async () => {
  const threads = Array.from({ length: 5000 }, (_, n) => ({ ...view().host?.threads[0], id: `t${n}` })) as NonNullable<DesktopView["host"]>["threads"];
  await show("threads", view({}, { threads }));
  expect(document.querySelectorAll("a.thread").length).toBeGreaterThan(5);
  expect(document.querySelectorAll("a.thread").length).toBeLessThan(60);
});
