// One open thread: its items in order. Deltas wait in a buffer and reach the page once a frame at the most.

import type { About, Item, ThreadChange, ThreadEvent, ThreadItems, TurnState } from "./types";
import { main, messageOf, onThread } from "./ipc";
import { growing } from "./items";
import { Pace } from "./pace";

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
  about = $state.raw<About>({ model: null, branch: null, tokens: null });
  state = $state<"loading" | "ready" | "failed">("loading");
  problem = $state("");
  /** Why nothing new comes at the moment. */
  away = $state("");
  /** Whether there are items before the first. */
  earlier = $state(false);
  /** Grows with every frame that changed something. */
  painted = $state(0);

  /* eslint-disable svelte/prefer-svelte-reactivity -- nothing on the page reads these */
  #known = new Map<string, Entry>();
  #deltas = new Map<string, string[]>();
  /* eslint-enable svelte/prefer-svelte-reactivity */
  /** What is told while everything is asked for; nothing is asked for when null. */
  #early: ThreadEvent[] | null = null;
  #seq = 0;
  #pace = new Pace(() => this.#paint());
  #unlisten: (() => void) | null = null;
  #closed = false;

  constructor(id: string) {
    this.id = id;
  }

  async open(): Promise<void> {
    this.state = "loading";
    this.#early = [];
    try {
      if (this.#unlisten === null) {
        const unlisten = await onThread((event) => this.#heard(event));
        if (this.#closed) {
          unlisten();
          return;
        }
        this.#unlisten = unlisten;
      }
      await this.#whole();
    } catch (reason) {
      this.#failed(reason);
    }
  }

  /** Asks for everything. What is told meanwhile is put behind it. */
  async #whole(): Promise<void> {
    const all = await main.threadOpen(this.id);
    if (this.#closed) return;
    this.#all(all);
    this.state = "ready";
    const early = this.#early ?? [];
    this.#early = null;
    for (const event of early) this.#heard(event, true);
    this.painted += 1;
  }

  /** Something was told that did not come here: what is shown would have a hole. */
  async #again(event: ThreadEvent): Promise<void> {
    this.#early = [event];
    try {
      await this.#whole();
    } catch (reason) {
      this.#failed(reason);
    }
  }

  #failed(reason: unknown): void {
    this.#early = null;
    this.problem = messageOf(reason);
    this.state = "failed";
  }

  close(): void {
    this.#closed = true;
    this.#unlisten?.();
    this.#unlisten = null;
    this.#pace.stop();
    // Nobody waits for this, and a thread that is gone already is closed as well.
    main.threadClose(this.id).catch(() => undefined);
  }

  #all(all: ThreadItems): void {
    this.#seq = all.seq;
    this.#deltas.clear();
    this.#known.clear();
    this.entries = all.items.map((item) => {
      const entry = new Entry(item);
      this.#known.set(item.id, entry);
      return entry;
    });
    this.turn = all.turn;
    this.earlier = all.earlier;
    this.about = { model: all.model, branch: all.branch, tokens: all.tokens };
    this.away = "";
  }

  /** `told`: everything was told just before, so a hole would not be filled by asking again. */
  #heard(event: ThreadEvent, told = false): void {
    if (event.id !== this.id || this.state === "failed") return;
    if (this.#early !== null) {
      // The answer says which of these it contains.
      this.#early.push(event);
      return;
    }
    if (event.seq <= this.#seq) return;
    if (event.seq > this.#seq + 1 && !told && !event.changes.some((change) => "reset" in change)) {
      void this.#again(event);
      return;
    }
    for (const change of event.changes) this.#take(change);
    this.#seq = event.seq;
    this.#pace.soon();
  }

  #take(change: ThreadChange): void {
    if ("delta" in change) {
      const { itemId, text } = change.delta;
      const waiting = this.#deltas.get(itemId);
      if (waiting) waiting.push(text);
      else this.#deltas.set(itemId, [text]);
    } else if ("item" in change) {
      // A whole item has everything the deltas before it said.
      this.#deltas.delete(change.item.id);
      this.#put(change.item);
    } else if ("turn" in change) {
      this.turn = change.turn;
    } else if ("about" in change) {
      this.about = change.about;
    } else if ("reset" in change) {
      this.#all(change.reset);
    } else {
      this.away = change.away.message;
    }
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
