import { describe, expect, test } from "vitest";
import { inert, visible } from "../src/lib/inert";
import { Growing, markdown, spans, type Span } from "../src/lib/markdown";
import { span } from "../src/lib/time";
import { grouped } from "../src/lib/words";

describe("markdown", () => {
  test("is read into values; an address is shown behind its words", () => {
    expect(markdown("# A\n\nsay **b** `c` [d](https://e)\n- x\n```sh\nls\n```")).toEqual([
      { block: "heading", level: 1, spans: [{ mark: "plain", text: "A" }] },
      { block: "text", spans: [{ mark: "plain", text: "say " }, { mark: "strong", text: "b" }, { mark: "plain", text: " " }, { mark: "code", text: "c" }, { mark: "plain", text: " " }, { mark: "plain", text: "d (https://e)" }] },
      { block: "item", sign: "•", depth: 0, spans: [{ mark: "plain", text: "x" }] },
      { block: "code", language: "sh", text: "ls" },
    ]);
  });

  test("that grows letter by letter ends as it would in one piece", () => {
    const text = "# T\n\na **b**\nc\n\n```js\nlet x;\n\nlet y;\n```\n1. one\n2. two\n\n> q\n\n" + "word ".repeat(2000) + "\n\n```\n" + "code\n".repeat(500) + "```\nend";
    const growing = new Growing();
    for (let n = 1; n <= text.length; n += 7) {
      const part = text.slice(0, n);
      expect(growing.update(part).flat(), `after ${n}`).toEqual(markdown(part));
    }
    expect(growing.update(text).flat()).toEqual(markdown(text));
  });

  test("that becomes another text keeps the groups before the difference and reads as it would in one piece", () => {
    const growing = new Growing();
    const text = "# T\n\n" + "word ".repeat(4000) + "\n\n```\n" + "code\n".repeat(900) + "```\n- a\n- b\n\n" + "more ".repeat(3000);
    const before = growing.update(text + " ");
    expect(before.length).toBeGreaterThan(5);
    const after = growing.update(text);
    expect(after.flat()).toEqual(markdown(text));
    expect(after.slice(0, -3).every((group, n) => group === before[n])).toBe(true);
    let state = 7;
    for (let n = 0; n < 60; n += 1) {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      const at = state % text.length;
      const other = text.slice(0, at) + ["", "\n\n# x\n", "x", "\n```\n"][n % 4] + text.slice(at + (n % 3));
      expect(growing.update(other).flat(), `other at ${at}`).toEqual(markdown(other));
    }
  });

  test("that is long is laid out in small parts, and a part that is full is never made anew", () => {
    const growing = new Growing();
    const words = (count: number) => Array.from({ length: count }, (_, n) => `tok${n} `).join("");
    let before: unknown[] = [];
    for (let count = 500; count <= 20_000; count += 500) {
      const groups = growing.update(words(count));
      for (const group of groups) {
        const length = group.flatMap((block) => ("spans" in block ? block.spans : [])).reduce((sum, one) => sum + one.text.length, 0);
        expect(length).toBeLessThan(8000);
      }
      expect(groups.slice(0, before.length).every((group, n) => group === before[n]), `after ${count}`).toBe(true);
      before = groups.slice(0, -1);
    }
    expect(before.length).toBeGreaterThan(5);
  });

  test("marks within a line are those of one expression that may look back", () => {
    // What it does, said in one expression, which is too slow for the page.
    const whole = /(`+)([^`]|[^`].*?[^`])\1(?!`)|\*\*([^*]+)\*\*|(?<![\w*])\*([^*\s][^*]*)\*(?!\w)|!?\[([^\]]*)\]\(([^)\s]*)\)/gs;
    const asked = (text: string): Span[] => {
      const out: Span[] = [];
      let end = 0;
      for (const found of text.matchAll(whole)) {
        if (found.index > end) out.push({ mark: "plain", text: text.slice(end, found.index) });
        const [all, , code, strong, em, words, address] = found;
        if (code !== undefined) out.push({ mark: "code", text: code });
        else if (strong !== undefined) out.push({ mark: "strong", text: strong });
        else if (em !== undefined) out.push({ mark: "em", text: em });
        else out.push({ mark: "plain", text: `${words ?? ""} (${address ?? ""})` });
        end = found.index + all.length;
      }
      if (end < text.length) out.push({ mark: "plain", text: text.slice(end) });
      return out;
    };
    expect(spans("a *b* 2*3*4 **c**")).toEqual(asked("a *b* 2*3*4 **c**"));
    const signs = "ab *`[]()!_\n";
    let state = 11;
    for (let n = 0; n < 5000; n += 1) {
      let text = "";
      for (let m = 0; m < 24; m += 1) {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        text += signs.charAt((state >> 8) % signs.length);
      }
      expect(spans(text), text).toEqual(asked(text));
    }
  });

  test("takes no longer for a line made to be slow", () => {
    const began = performance.now();
    markdown("`a``b".repeat(40_000));
    markdown("*a [b](".repeat(1000));
    expect(performance.now() - began).toBeLessThan(1500);
  });
});

test("numbers are grouped", () => {
  expect([0, 999, 1000, 20_000, 1_234_567].map(grouped)).toEqual(["0", "999", "1,000", "20,000", "1,234,567"]);
});

describe("text from outside", () => {
  test("loses its terminal codes and hides no sign", () => {
    expect(inert("\u001b[31mred\u001b[0m \u001b]0;title\u0007ok\r\n\u202eevil\u2066\u{e0041}")).toBe(
      "red ok\n‹U+202E RIGHT-TO-LEFT OVERRIDE›evil‹U+2066 LEFT-TO-RIGHT ISOLATE›‹U+E0041›",
    );
    expect(inert("a\u200db ✔\ufe0f")).toBe("a‹U+200D ZERO WIDTH JOINER›b ✔\ufe0f");
  });
  test("of a request loses nothing at all", () => {
    expect(visible("\u001b[31mred\r")).toBe("‹U+001B›[31mred‹U+000D›");
  });
});

test("spans have units", () => {
  expect([0, 4000, 130_000, 3_600_000, 200_000_000].map(span)).toEqual(["0 s", "4 s", "2 min 10 s", "1 h", "2 d"]);
});
