import { fireEvent, render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import ApprovalWindow from "../src/approval/ApprovalWindow.svelte";
import type { ApprovalCard, Choice, FormField } from "../src/lib/types";
import { desk } from "../src/lib/view.svelte";
import { CARDS, CHOICES, NOW, approval, card, view } from "./fixtures";
import { done, named, rust, type Rust } from "./tauri";

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const decision = (word: string) => {
  const found = document.querySelector<HTMLButtonElement>(`[data-decision="${word}"]`);
  if (found === null) throw new Error(`no decision ${word}`);
  return found;
};
const answers = (side: Rust) => named(side, "approval_answer");

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  desk.view = null;
  desk.now = NOW;
});
afterEach(async () => {
  await done();
  vi.useRealTimers();
});

async function show(first: ApprovalCard | null, more: Record<string, unknown> = {}): Promise<Rust> {
  const side = rust({ approval_current: first, approval_answer: { won: true, state: { state: "sent", by: { by: "control", client: "desktop" }, decision: "accept" } }, ...more });
  render(ApprovalWindow);
  await pass(20);
  await tick();
  return side;
}
/** Gives the body a size, as there is no layout here. */
function tall(height: number) {
  const body = screen.getByRole("region", { name: "The whole request" });
  Object.defineProperty(body, "clientHeight", { value: 100, configurable: true });
  Object.defineProperty(body, "scrollHeight", { value: height, configurable: true });
  return body;
}

/** A card higher than its window, after its first half second. */
async function long(over: Parameters<typeof card>[1] = {}) {
  const side = await show(null);
  await side.emit("approval", card({}, over));
  await tick();
  const body = tall(900);
  await side.emit("approval", card({ nonce: "n-2" }, over));
  await pass(600);
  return { side, body };
}

describe("the first half second", () => {
  test("input is ignored before it is over, and counts after", async () => {
    const side = await show(card());
    await pass(400);
    await fireEvent.click(decision("accept"));
    await fireEvent.click(decision("decline"));
    expect(answers(side)).toEqual([]);
    expect(decision("decline").getAttribute("aria-disabled")).toBe("true");
    await pass(150);
    await fireEvent.click(decision("decline"));
    expect(answers(side)).toHaveLength(1);
  });

  test("it begins again when the card changes, also under the same id", async () => {
    const side = await show(card());
    await pass(600);
    await side.emit("approval", card({ nonce: "n-2" }, { digest: "e".repeat(64) }));
    await pass(300);
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toEqual([]);
    await pass(300);
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toHaveLength(1);
  });

  test("a press that began in it stays without effect when it ends later", async () => {
    const side = await show(card());
    await fireEvent.pointerDown(decision("accept"));
    await pass(600);
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toEqual([]);
  });

  test("a count that changes alone disturbs nobody", async () => {
    const side = await show(card());
    await pass(600);
    await side.emit("approval", card({ count: 2 }));
    await pass(10);
    expect(screen.getByText("1 of 2")).toBeTruthy();
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toHaveLength(1);
  });
});

describe("an answer", () => {
  test("carries id, digest, nonce and the decision exactly as offered", async () => {
    const side = await show(card({ nonce: "once-7" }));
    await pass(600);
    await fireEvent.click(decision("accept"));
    expect(answers(side)[0]?.args).toEqual({ id: "1-0", digest: "d".repeat(64), nonce: "once-7", decision: "accept" });
  });

  test("is sent once however often the button is pressed", async () => {
    const side = await show(card(), { approval_answer: () => new Promise(() => undefined) });
    await pass(600);
    await fireEvent.click(decision("accept"));
    await fireEvent.click(decision("accept"));
    await fireEvent.click(decision("decline"));
    expect(answers(side)).toHaveLength(1);
    expect(screen.getByText("Sending your answer.")).toBeTruthy();
  });

  test("that was refused says why, and the card is asked for anew with another nonce", async () => {
    const side = await show(card(), {
      approval_answer: () => {
        throw { code: "changed", message: "The request changed. Read it again." };
      },
    });
    await pass(600);
    side.answers["approval_current"] = card({ nonce: "n-2" });
    await fireEvent.click(decision("accept"));
    await pass(50);
    expect(screen.getByRole("alert").textContent).toContain("The request changed. Read it again.");
    await pass(600);
    side.answers["approval_answer"] = { won: true, state: { state: "open" } };
    await fireEvent.click(decision("accept"));
    expect(answers(side).at(-1)?.args["nonce"]).toBe("n-2");
  });
});

describe("the keyboard", () => {
  test("no decision has the focus at first", async () => {
    await show(card());
    expect(document.activeElement?.tagName).toBe("H1");
    expect(document.activeElement?.textContent).toBe("Run a command");
  });

  test("Enter alone and Escape approve nothing; Ctrl and Enter does", async () => {
    const side = await show(card());
    await pass(600);
    decision("accept").focus();
    expect(await fireEvent.keyDown(decision("accept"), { key: "Enter" }), "the press is stopped").toBe(false);
    await fireEvent.keyDown(decision("accept"), { key: "Escape" });
    await fireEvent.keyDown(window, { key: "Escape" });
    expect(answers(side)).toEqual([]);
    expect(screen.getByText(/Enter alone never approves/)).toBeTruthy();
    await fireEvent.keyDown(decision("accept"), { key: "Enter", ctrlKey: true });
    expect(answers(side)).toHaveLength(1);
  });

  test("Enter declines, as saying no needs no care", async () => {
    await show(card());
    await pass(600);
    expect(await fireEvent.keyDown(decision("decline"), { key: "Enter" }), "left to the button").toBe(true);
  });
});

describe("a long request", () => {
  test("takes a yes only after its end was in view, and says so", async () => {
    const { side, body } = await long();
    expect(screen.getByText(/Scroll to its end before you can approve/)).toBeTruthy();
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toEqual([]);
    body.scrollTop = 500;
    await fireEvent.scroll(body);
    await fireEvent.click(decision("accept"));
    expect(answers(side), "not yet").toEqual([]);
    body.scrollTop = 800;
    await fireEvent.scroll(body);
    await pass(50);
    expect(screen.queryByText(/Scroll to its end/)).toBeNull();
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toHaveLength(1);
  });

  test("does not count its end as seen when the end moves away as the rest takes its height", async () => {
    const { side, body } = await long();
    body.scrollTop = 800;
    await fireEvent.scroll(body);
    tall(3000);
    await pass(50);
    expect(screen.getByText(/Scroll to its end before you can approve/)).toBeTruthy();
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toEqual([]);
    body.scrollTop = 2900;
    await fireEvent.scroll(body);
    await pass(50);
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toHaveLength(1);
  });

  test("takes a no at any time", async () => {
    const { side } = await long();
    await fireEvent.click(decision("decline"));
    expect(answers(side)[0]?.args["decision"]).toBe("decline");
  });

  test("of 4,000 lines is on the page whole", async () => {
    const files = CARDS["files"] as ApprovalCard;
    const lines = Array.from({ length: 4000 }, (_, n) => ({ kind: "added" as const, text: `+line ${n}` }));
    await show({ ...files, parts: [{ part: "diff", label: "Its whole content", added: 4000, removed: 0, binary: false, lines }] });
    expect(document.querySelectorAll(".line")).toHaveLength(4000);
    expect(document.body.textContent).toContain("+line 3999");
  });
});

describe("what ends elsewhere", () => {
  test("is told with who answered for three seconds, then the next is shown", async () => {
    const side = await show(card());
    await pass(600);
    await side.emit("approval", card({}, { state: { state: "applied", by: { by: "remote", bus: "studio-bus", client: "phone" }, decision: "accept" } }));
    await side.emit("approval", card({ nonce: "n-9" }, { id: "1-1", headline: "Change 1 file: a" }));
    await pass(2800);
    expect(screen.getByText("Accepted by phone at studio-bus")).toBeTruthy();
    expect(document.querySelector("[data-decision]")).toBeNull();
    await pass(300);
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Change 1 file");
  });

  test("is told also when only the state of the host says so", async () => {
    const side = await show(card());
    await pass(600);
    await side.emit("view", view({}, { approvals: [approval({ state: { state: "lost" } })] }));
    await pass(50);
    expect(screen.getByText("Expired: the agent was restarted")).toBeTruthy();
    side.answers["approval_current"] = null;
    await pass(3000);
    expect(screen.getByText("Nothing waits for you")).toBeTruthy();
  });

  test("is not hidden by a card that is taken away", async () => {
    const side = await show(card());
    await pass(600);
    await side.emit("approval", null);
    await pass(50);
    expect(screen.getByText("This does not wait any more")).toBeTruthy();
    await side.emit("view", view({}, { approvals: [approval({ state: { state: "applied", by: { by: "deadline" }, decision: "decline" } })] }));
    await pass(50);
    expect(screen.getByText("Declined because nobody answered in time")).toBeTruthy();
  });

  test("wins over an answer that came second", async () => {
    await show(card(), { approval_answer: { won: false, state: { state: "applied", by: { by: "control", client: "drawbridge approvals" }, decision: "cancel" } } });
    await pass(600);
    await fireEvent.click(decision("accept"));
    await pass(50);
    expect(screen.getByText("Declined and stopped by drawbridge approvals")).toBeTruthy();
  });
});

describe("what is offered", () => {
  test("wider grants are under More and none is the first", async () => {
    await show(card());
    expect([...document.querySelectorAll("[data-decision]")].map((one) => one.getAttribute("data-decision"))).toEqual(["decline", "cancel", "accept"]);
    await fireEvent.click(screen.getByRole("button", { name: "More" }));
    expect(decision("accept_with_amendment").textContent).toContain("Permanent, in all threads, until you remove the rule.");
  });

  test("a network rule is under More, says what it means, and is sent for its host", async () => {
    const rule = (action: "allow" | "deny"): Choice => ({
      decision: { apply_network_rule: { action, host: "a.example" } },
      label: `${action === "allow" ? "Always" : "Never"} allow connections to a.example (all threads, until you remove the rule)`,
    });
    const choices = [...CHOICES.command.slice(0, 1), rule("allow"), rule("deny"), ...CHOICES.command.slice(3)];
    const side = await show(card({}, { choices }));
    await pass(600);
    expect([...document.querySelectorAll("[data-decision]")].map((one) => one.getAttribute("data-decision"))).toEqual(["decline", "cancel", "accept"]);
    await fireEvent.click(screen.getByRole("button", { name: "More" }));
    const never = screen.getByRole("button", { name: /^Never allow connections to a.example/ });
    expect(never.textContent).toContain("This connection does not happen");
    expect(screen.getByRole("button", { name: /^Always allow connections to a.example/ }).textContent).toContain("This connection is allowed, too.");
    expect(await fireEvent.keyDown(never, { key: "Enter" }), "Enter alone sets no lasting rule").toBe(false);
    expect(answers(side)).toEqual([]);
    await fireEvent.click(never);
    expect(answers(side)[0]?.args["decision"]).toEqual({ apply_network_rule: { action: "deny", host: "a.example" } });
  });

  test("a lasting refusal, too, is taken only after the end was in view", async () => {
    const never: Choice = { decision: { apply_network_rule: { action: "deny", host: "a.example" } }, label: "Never allow connections to a.example" };
    const { side, body } = await long({ choices: [...CHOICES.command.slice(3), never] });
    expect(screen.getByText(/Scroll to its end before you can set a lasting rule/)).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: "More" }));
    expect(decision("apply_network_rule").getAttribute("aria-disabled")).toBe("true");
    await fireEvent.click(decision("apply_network_rule"));
    expect(answers(side)).toEqual([]);
    body.scrollTop = 800;
    await fireEvent.scroll(body);
    await pass(50);
    await fireEvent.click(decision("apply_network_rule"));
    expect(answers(side)).toHaveLength(1);
  });

  test("a file change that shows no change offers no yes, whatever came", async () => {
    await show(CARDS["nodiff"] as ApprovalCard);
    expect([...document.querySelectorAll("[data-decision]")].map((one) => one.getAttribute("data-decision"))).toEqual(["decline", "cancel"]);
    expect(screen.getByText(/can only be declined here/)).toBeTruthy();
  });

  test("after the deadline nothing can be approved", async () => {
    const side = await show(card({}, { deadline_ms: NOW + 1000 }));
    await pass(2500);
    await fireEvent.click(decision("accept"));
    expect(answers(side)).toEqual([]);
    expect(document.body.textContent).toContain("declining by itself now");
  });

  test("the deadline counts down", async () => {
    await show(card());
    expect(document.body.textContent).toContain("declines by itself in 4 min 48 s");
    await pass(3000);
    expect(document.body.textContent).toContain("declines by itself in 4 min 45 s");
  });

  test("next and previous ask for the card", async () => {
    const side = await show(card({ count: 2 }), { approval_step: card({ position: 2, count: 2, nonce: "n-2" }, { id: "1-1", headline: "Change 1 file: a" }) });
    await fireEvent.click(screen.getByRole("button", { name: "Next approval" }));
    await pass(20);
    expect(named(side, "approval_step")[0]?.args).toEqual({ by: 1 });
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Change 1 file");
  });
});

describe("a question", () => {
  test("is a form; what is needed is asked for, and the answers go along by id", async () => {
    const side = await show(CARDS["question"] as ApprovalCard);
    await pass(600);
    await fireEvent.click(decision("answers"));
    expect(answers(side)).toEqual([]);
    expect(screen.getAllByText("An answer is needed here.")).toHaveLength(2);
    await fireEvent.click(screen.getByRole("radio", { name: /PostgreSQL/ }));
    const secret = screen.getByLabelText(/What is the password/) as HTMLInputElement;
    expect(secret.type).toBe("password");
    await fireEvent.input(secret, { target: { value: "s3cret" } });
    expect(await fireEvent.keyDown(secret, { key: "Enter" }), "Enter in a field sends nothing").toBe(false);
    await fireEvent.click(decision("answers"));
    expect(answers(side)[0]?.args["decision"]).toEqual({ answers: {} });
    expect(answers(side)[0]?.args["replies"]).toEqual({ db: "PostgreSQL", password: "s3cret", retries: 3, slow: false });
  });
});

describe("what is typed", () => {
  test("stays, and so does the focus, when only how many wait or until when changes", async () => {
    const question = CARDS["question"] as ApprovalCard;
    const side = await show(question);
    await pass(600);
    const secret = screen.getByLabelText(/What is the password/) as HTMLInputElement;
    await fireEvent.click(screen.getByRole("radio", { name: /PostgreSQL/ }));
    secret.focus();
    await fireEvent.input(secret, { target: { value: "s3cret" } });
    const later = { ...question.view, deadline_ms: question.view.deadline_ms + 60_000 };
    await side.emit("approval", { ...question, view: later, form: structuredClone(question.form), count: question.count + 1 });
    await pass(50);
    expect(secret.value).toBe("s3cret");
    expect(document.activeElement).toBe(secret);
    await fireEvent.click(decision("answers"));
    expect(answers(side)[0]?.args["replies"]).toMatchObject({ db: "PostgreSQL", password: "s3cret" });
  });
});

describe("a card that is told while another is asked for", () => {
  /** An answer of the Rust side that comes when it is told to. */
  function held<T>(): { promise: Promise<T>; come: (value: T) => void } {
    let come: (value: T) => void = () => undefined;
    return { promise: new Promise<T>((done) => (come = done)), come: (value) => come(value) };
  }
  const next = card({ nonce: "n-9" }, { id: "1-1", headline: "Change 1 file: a" });
  const heading = () => screen.getByRole("heading", { level: 1 }).textContent;

  test("is shown, when the window is only just there", async () => {
    const first = held<ApprovalCard>();
    let asked = 0;
    const side = await show(null, { approval_current: () => (asked++ === 0 ? first.promise : next) });
    await side.emit("approval", next);
    first.come(card());
    await pass(50);
    expect(heading()).toBe("Change 1 file");
  });

  test("is shown, when the one before it was told to be over", async () => {
    const over = card({}, { state: { state: "applied", by: { by: "deadline" }, decision: "decline" } });
    const side = await show(card());
    await pass(600);
    await side.emit("approval", over);
    const late = held<ApprovalCard>();
    let asked = 0;
    side.answers["approval_current"] = () => (asked++ === 0 ? late.promise : next);
    await pass(3100);
    await side.emit("approval", next);
    late.come(over);
    await pass(50);
    expect(heading()).toBe("Change 1 file");
  });

  test("is shown, when the person turned to another", async () => {
    const side = await show(card({ count: 2 }));
    await pass(600);
    const turned = held<ApprovalCard>();
    side.answers["approval_step"] = () => turned.promise;
    await fireEvent.click(screen.getByRole("button", { name: "Next approval" }));
    await pass(20);
    const changed = card({ nonce: "n-3" }, { id: "1-1", headline: "Change 1 file: a", digest: "e".repeat(64) });
    side.answers["approval_current"] = changed;
    await side.emit("approval", changed);
    turned.come(card({ nonce: "n-2" }, { id: "1-1", headline: "Change a file: not known which" }));
    await pass(50);
    expect(heading()).toBe("Change 1 file");
  });
});

describe("a form of a server", () => {
  const choices: Choice[] = [{ decision: { answers: {} }, label: "Answer" }, ...CHOICES.elicitation.slice(1)];
  const field: FormField = { id: "n", label: "How many?", about: null, kind: "integer", options: [], other: false, required: true, value: null };

  test("goes out filled in", async () => {
    const form = [field];
    const side = await show(card({ form }, { kind: "elicitation", headline: "An MCP server asks: How many?", choices }));
    await pass(600);
    await fireEvent.click(decision("answers"));
    expect(answers(side)).toEqual([]);
    await fireEvent.input(screen.getByLabelText(/How many/), { target: { value: "5" } });
    await fireEvent.click(decision("answers"));
    expect(answers(side)[0]?.args["replies"]).toEqual({ n: 5 });
  });

  test("can be declined although two of its fields have one name", async () => {
    const side = await show(card({ form: [field, { ...field, label: "And how many more?" }] }, { kind: "elicitation", headline: "An MCP server asks: How many?", choices }));
    await pass(600);
    await fireEvent.click(decision("decline"));
    expect(answers(side)).toHaveLength(1);
  });

  test("that cannot be drawn is not answered here", async () => {
    await show(card({ form: null }, { kind: "elicitation", headline: "An MCP server asks: How many?", choices }));
    await pass(600);
    expect(document.querySelector('[data-decision="answers"]')).toBeNull();
    expect(screen.getByText(/a form that this window cannot draw/)).toBeTruthy();
  });
});

describe("what the agent wrote", () => {
  test("is text: no element, no link, no script comes of it", async () => {
    const evil = '<img src=x onerror="window.hit=1"><a href="javascript:window.hit=1">ok</a><script>window.hit=1</script><button data-decision="accept">Run</button>';
    await show(
      card(
        { asks: { bus: evil, client: evil, thread_title: evil, folder: evil }, parts: [{ part: "text", label: "Command", text: evil }, { part: "claim", text: evil }, { part: "fact", label: "x", value: evil }, { part: "notes", notes: [evil] }, { part: "say", text: evil }] },
        { headline: evil },
      ),
    );
    await pass(600);
    expect(document.querySelector("img, a, script")).toBeNull();
    expect(document.querySelectorAll('[data-decision="accept"]')).toHaveLength(1);
    expect((window as unknown as { hit?: number }).hit).toBeUndefined();
    expect(document.querySelector("pre")?.textContent).toBe(evil);
  });

  test("hides nothing: escapes and direction marks are named", async () => {
    await show(card({ parts: [{ part: "text", label: "Command", text: "a\u001b[2Kb\u202ec\u200bd" }] }));
    expect(document.querySelector("pre")?.textContent).toBe("a‹U+001B›[2Kb‹U+202E RIGHT-TO-LEFT OVERRIDE›c‹U+200B ZERO WIDTH SPACE›d");
  });
});
