// A small part of Markdown, read into plain values. Nothing in it can link, load or run: an address is
// shown behind its words, and everything else is text.

import { inert } from "./inert";

export type Span = { mark: "plain" | "strong" | "em" | "code"; text: string };
export type Block =
  /** `cut` says that it goes on in the next block. */
  | { block: "text"; spans: Span[]; cut?: true }
  | { block: "heading"; level: number; spans: Span[] }
  | { block: "quote"; spans: Span[] }
  | { block: "item"; sign: string; depth: number; spans: Span[] }
  | { block: "code"; language: string; text: string }
  | { block: "rule" };

/** A paragraph longer than this is split: the page lays the one that grows out anew with every frame. */
const LONGEST = 1500;
/** In a text longer than this nobody looks for pairs of signs. */
const PAIRED = 8000;
/** The same for code, in lines. */
const MOST_LINES = 200;

/** What may stand before a single star is looked at by hand: WebKit interprets expressions that look back,
 *  which is far slower. */
const INLINE = /(`+)([^`]|[^`].*?[^`])\1(?!`)|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*(?!\w)|!?\[([^\]]*)\]\(([^)\s]*)\)/gs;
const NOT_BEFORE_A_STAR = /[\w*]/;

export function spans(raw: string): Span[] {
  const text = inert(raw);
  // Looking for pairs in a line without end would take its square.
  if (text.length > PAIRED) return [{ mark: "plain", text }];
  const out: Span[] = [];
  let end = 0;
  INLINE.lastIndex = 0;
  for (let found = INLINE.exec(text); found !== null; found = INLINE.exec(text)) {
    if (found[4] !== undefined && found.index > 0 && NOT_BEFORE_A_STAR.test(text.charAt(found.index - 1))) {
      INLINE.lastIndex = found.index + 1;
      continue;
    }
    if (found.index > end) out.push({ mark: "plain", text: text.slice(end, found.index) });
    const [whole, , code, strong, em, words, address] = found;
    if (code !== undefined) out.push({ mark: "code", text: code });
    else if (strong !== undefined) out.push({ mark: "strong", text: strong });
    else if (em !== undefined) out.push({ mark: "em", text: em });
    else out.push({ mark: "plain", text: `${words ?? ""} (${address ?? ""})` });
    end = found.index + whole.length;
  }
  if (end < text.length) out.push({ mark: "plain", text: text.slice(end) });
  return out;
}

type Read = { blocks: Block[]; /** Where each ends; none for one that goes on in the same fence. */ ends: (number | null)[]; /** Where the last block begins, which more text may change. */ tail: number };

/** Reads blocks from `from` on. */
function read(text: string, from: number): Read {
  const blocks: Block[] = [];
  const ends: (number | null)[] = [];
  const ended = () => {
    while (ends.length < blocks.length) ends.push(ends.length === blocks.length - 1 ? at : null);
  };
  let tail = from;
  let at = from;
  const line = (start: number) => {
    const end = text.indexOf("\n", start);
    return end < 0 ? text.length : end;
  };
  while (at < text.length) {
    ended();
    const end = line(at);
    const one = text.slice(at, end);
    if (one.trim() === "") {
      at = end + 1;
      continue;
    }
    tail = at;
    const fence = /^\s{0,3}(```+|~~~+)\s*([^`\s]*)/.exec(one);
    if (fence) {
      const close = fence[1] ?? "```";
      let start = end + 1;
      let next = start;
      let lines = 0;
      let closed = false;
      while (next < text.length) {
        const stop = line(next);
        if (text.slice(next, stop).trim().startsWith(close)) {
          blocks.push({ block: "code", language: inert(fence[2] ?? ""), text: inert(text.slice(start, Math.max(start, next - 1))) });
          at = stop + 1;
          closed = true;
          break;
        }
        next = stop + 1;
        lines += 1;
        if (lines % MOST_LINES === 0 && next < text.length) {
          blocks.push({ block: "code", language: inert(fence[2] ?? ""), text: inert(text.slice(start, next - 1)) });
          start = next;
        }
      }
      if (!closed) {
        blocks.push({ block: "code", language: inert(fence[2] ?? ""), text: inert(text.slice(start)) });
        at = text.length;
      }
      continue;
    }
    const heading = /^(#{1,6})\s+(.*)$/.exec(one);
    if (heading) {
      blocks.push({ block: "heading", level: (heading[1] ?? "#").length, spans: spans(heading[2] ?? "") });
      at = end + 1;
      continue;
    }
    if (/^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(one)) {
      blocks.push({ block: "rule" });
      at = end + 1;
      continue;
    }
    const item = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/.exec(one);
    if (item) {
      const sign = item[2] ?? "-";
      blocks.push({
        block: "item",
        sign: /\d/.test(sign) ? sign : "•",
        depth: Math.min(4, Math.floor((item[1] ?? "").length / 2)),
        spans: spans(item[3] ?? ""),
      });
      at = end + 1;
      continue;
    }
    const quote = /^\s{0,3}>\s?(.*)$/.exec(one);
    if (quote) {
      blocks.push({ block: "quote", spans: spans(quote[1] ?? "") });
      at = end + 1;
      continue;
    }
    // A paragraph: up to an empty line or one that begins something else.
    let stop = end;
    while (stop < text.length && stop - at < LONGEST) {
      const next = text.slice(stop + 1, line(stop + 1));
      if (next.trim() === "" || /^(\s*([-*+]|\d{1,9}[.)])\s|#{1,6}\s|\s{0,3}(```|~~~|>))/.test(next)) break;
      stop = line(stop + 1);
    }
    if (stop - at > LONGEST) {
      const space = text.lastIndexOf(" ", at + LONGEST);
      stop = space > at ? space + 1 : at + LONGEST;
      blocks.push({ block: "text", spans: spans(text.slice(at, stop)), cut: true });
      at = stop;
      continue;
    }
    blocks.push({ block: "text", spans: spans(text.slice(at, stop)) });
    at = stop + 1;
  }
  ended();
  return { blocks, ends, tail };
}

/** All blocks of a text. */
export function markdown(text: string): Block[] {
  return read(text, 0).blocks;
}

/** How many blocks make a group, at the most. */
const GROUP = 40;
/** From how many characters on it is full before: the page lays the last group out with every frame. */
const FULL = 4000;

/** How far before a difference a block may end and still be the same: it ends where the next one begins, or
 *  where it is too long. */
const LOOKED_AT = 2 * LONGEST;

/** How many characters two texts have in common at the beginning. */
function common(one: string, other: string): number {
  let [low, high] = [0, Math.min(one.length, other.length)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (one.slice(low, middle) === other.slice(low, middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function length(block: Block): number {
  if (block.block === "rule") return 0;
  return block.block === "code" ? block.text.length : block.spans.reduce((sum, span) => sum + span.text.length, 0);
}

/** Blocks of a text that grows at its end, in groups. Only the last block is read again, and a group that
 *  is full is the same array from then on, so that a page need not look at it. */
export class Growing {
  #full: Block[][] = [];
  /** Where each of these ends. */
  #ends: (number | null)[] = [];
  #done: Block[] = [];
  /** Characters of these. */
  #size = 0;
  #from = 0;
  #text = "";

  update(text: string): Block[][] {
    if (text.length < this.#text.length || !text.startsWith(this.#text.slice(0, this.#from))) this.#back(text);
    this.#text = text;
    const { blocks, ends, tail } = read(text, this.#from);
    // A fence makes several blocks from one place, and stays open to its end: all of those are the last.
    const settled = tail > this.#from ? blocks.length - read(text, tail).blocks.length : 0;
    if (settled > 0) {
      for (const [n, block] of blocks.splice(0, settled).entries()) {
        this.#done.push(block);
        this.#size += length(block);
        if (this.#done.length >= GROUP || this.#size >= FULL) {
          this.#full.push(this.#done);
          this.#ends.push(ends[n] ?? null);
          this.#done = [];
          this.#size = 0;
        }
      }
      this.#from = tail;
    }
    const last = [...this.#done, ...blocks];
    return last.length === 0 ? [...this.#full] : [...this.#full, last];
  }

  /** Another text: the groups before the difference stay. An item that is told whole at its end often differs
   *  from what was told in pieces by a blank at the end. */
  #back(text: string): void {
    const same = common(text, this.#text);
    const stays = (end: number | null | undefined) => typeof end === "number" && end + LOOKED_AT <= same;
    while (this.#full.length > 0 && !stays(this.#ends.at(-1))) {
      this.#full.pop();
      this.#ends.pop();
    }
    this.#done = [];
    this.#size = 0;
    this.#from = this.#ends.at(-1) ?? 0;
  }
}
