// One open thread: its items in order. Deltas wait in a buffer and reach the page once a frame.

import type { Item, ThreadEvent, ThreadItems, TurnState } from "./types";
import { main, messageOf, onThread } from "./ipc";
import { growing } from "./items";

/** An item with its own signal, so that one item's text does not draw the others anew. */
export class Entry {
  item: Item = $state.raw({ id: "", type: "" });
  constructor(item: Item) {
    this.item = item;
  }
}

export class Feed {
  readonly id: string;
  entries = $state.raw<Entry[]>([]);
  turn = $state.raw<TurnState | null>(null);
  about = $state.raw<Pick<ThreadItems, "model" | "branch" | "tokens">>({});
  state = $state<"loading" | "ready" | "failed">("loading");
  problem = $state("");
  /** Grows with every frame that changed something. */
  painted = $state(0);

  /* eslint-disable svelte/prefer-svelte-reactivity -- nothing on the page reads these */
  #known = new Map<string, Entry>();
  #deltas = new Map<string, string[]>();
  /* eslint-enable svelte/prefer-svelte-reactivity */
  #early: ThreadEvent[] = [];
  #frame = 0;
  #unlisten: (() => void) | null = null;
  #closed = false;

  constructor(id: string) {
    this.id = id;
  }

  async open(): Promise<void> {
    this.state = "loading";
    try {
      if (this.#unlisten === null) {
        const unlisten = await onThread((event) => this.#heard(event));
        if (this.#closed) {
          unlisten();
          return;
        }
        this.#unlisten = unlisten;
      }
      const all = await main.threadOpen(this.id);
      if (this.#closed) return;
      this.#deltas.clear();
      this.#known.clear();
      this.entries = all.items.map((item) => {
        const entry = new Entry(item);
        this.#known.set(item.id, entry);
        return entry;
      });
      this.turn = all.turn;
      this.about = { model: all.model ?? null, branch: all.branch ?? null, tokens: all.tokens ?? null };
      this.state = "ready";
      const early = this.#early;
      this.#early = [];
      for (const event of early) this.#heard(event);
      this.painted += 1;
    } catch (reason) {
      this.problem = messageOf(reason);
      this.state = "failed";
    }
  }

  close(): void {
    this.#closed = true;
    this.#unlisten?.();
    this.#unlisten = null;
    if (this.#frame !== 0) cancelAnimationFrame(this.#frame);
    // Nobody waits for this, and a thread that is gone already is closed as well.
    main.threadClose(this.id).catch(() => undefined);
  }

  #heard(event: ThreadEvent): void {
    if (event.id !== this.id) return;
    if (this.state === "loading") {
      // What came before the answer may be in it: whole items count, deltas would count twice.
      if (!("delta" in event.change)) this.#early.push(event);
      return;
    }
    const change = event.change;
    if ("delta" in change) {
      const { itemId, text } = change.delta;
      const waiting = this.#deltas.get(itemId);
      if (waiting) waiting.push(text);
      else this.#deltas.set(itemId, [text]);
    } else if ("item" in change) {
      // A whole item has everything the deltas before it said.
      this.#deltas.delete(change.item.id);
      this.#put(change.item);
    } else {
      this.turn = change.turn;
    }
    this.#soon();
  }

  #put(item: Item): void {
    const entry = this.#known.get(item.id);
    if (entry) {
      entry.item = item;
      return;
    }
    const fresh = new Entry(item);
    this.#known.set(item.id, fresh);
    this.entries = [...this.entries, fresh];
  }

  #soon(): void {
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#paint();
      });
    }
  }

  #paint(): void {
    for (const [id, texts] of this.#deltas) {
      const added = texts.join("");
      const entry = this.#known.get(id);
      if (!entry) {
        this.#put({ id, type: "agentMessage", text: added });
        continue;
      }
      const member = growing(entry.item.type);
      const before = entry.item[member];
      entry.item = { ...entry.item, [member]: (typeof before === "string" ? before : "") + added };
    }
    this.#deltas.clear();
    this.painted += 1;
  }
}
