// The card on display and the rules that guard its answers: nothing counts in its first half second, a
// yes needs the end in view, and an answer carries the nonce of exactly this card.

import type { ApprovalCard, ApprovalState, Choice } from "../lib/types";
import { approval, codeOf, messageOf, onApproval } from "../lib/ipc";
import { desk } from "../lib/view.svelte";
import { did, ended, grants, weighs } from "../lib/words";

/** How long input is ignored after a card appears or changes. */
export const QUIET_MS = 500;
/** How long it stands what became of a card that somebody else ended. */
export const TOLD_MS = 3000;
/** The same for one's own answer. */
const OWN_MS = 900;
/** How often a card is asked for again at most because another was told meanwhile. */
const MOST_ASKED = 5;

export type Ended = { id: string; own: string | null };

/** What makes a card another one than before. */
function keyOf(card: ApprovalCard): string {
  const { view } = card;
  return JSON.stringify([view.id, view.digest, card.nonce, view.choices, card.parts.length]);
}

/** A file change whose changes are not on the card cannot be agreed to, whatever is offered. */
function shows(card: ApprovalCard): boolean {
  if (card.view.kind !== "file_change") return true;
  return card.parts.some((part) => part.part === "diff" || (part.part === "fact" && /^File \d+ of \d+: /.test(part.label)));
}

export class Gate {
  card = $state.raw<ApprovalCard | null>(null);
  /** Changes whenever another card, or another form of it, is on display. */
  shown = $state(0);
  state = $state<"loading" | "ready" | "failed">("loading");
  armed = $state(false);
  endSeen = $state(false);
  sending = $state.raw<Choice | null>(null);
  problem = $state.raw<{ message: string; code: string } | null>(null);
  over = $state.raw<Ended | null>(null);

  #key = "";
  #arming: ReturnType<typeof setTimeout> | undefined;
  #telling: ReturnType<typeof setTimeout> | undefined;
  /** What came while something else had to stay on display. */
  #next: { card: ApprovalCard | null } | null = null;
  #stepping = false;
  /** Counts the cards that were told. */
  #heard = 0;

  readonly choices = $derived(this.card === null ? [] : this.card.view.choices.filter((one) => shows(this.card as ApprovalCard) || !grants(one.decision)));
  readonly late = $derived(this.card !== null && desk.now >= this.card.view.deadline_ms);
  /** Where the card on display stands, by the newest that was heard. */
  readonly standing = $derived.by((): ApprovalState | null => {
    const id = this.over?.id ?? this.card?.view.id;
    const heard = desk.view?.host?.approvals.find((one) => one.id === id)?.state;
    const told = this.card !== null && this.card.view.id === id ? this.card.view.state : null;
    return heard !== undefined && (told === null || told.state === "open") ? heard : told;
  });
  /** What is said instead of the decisions. */
  readonly told = $derived.by((): string | null => {
    if (this.over === null) return null;
    if (this.over.own !== null) return this.over.own;
    return (this.standing && ended(this.standing)) ?? "This does not wait any more";
  });

  async follow(): Promise<() => void> {
    const unlisten = await onApproval((card) => this.heard(card));
    const hidden = () => {
      // Shown again is the same as appeared.
      if (document.visibilityState !== "hidden") this.#arm();
    };
    document.addEventListener("visibilitychange", hidden);
    await this.load();
    return () => {
      unlisten();
      document.removeEventListener("visibilitychange", hidden);
      clearTimeout(this.#arming);
      clearTimeout(this.#telling);
    };
  }

  async load(): Promise<void> {
    this.state = this.card === null ? "loading" : this.state;
    try {
      this.#put(await this.#newest(approval.current()));
      this.state = "ready";
    } catch (reason) {
      this.problem = { message: messageOf(reason), code: codeOf(reason) };
      this.state = this.card === null ? "failed" : "ready";
    }
  }

  heard(card: ApprovalCard | null): void {
    this.#heard += 1;
    this.state = "ready";
    if (this.sending !== null || this.over !== null) {
      // The answer of the command, or what is being told, comes first.
      if (card?.view.id !== this.card?.view.id || card?.view.state.state === "open") this.#next = { card };
      return;
    }
    const now = this.card;
    if (now !== null && now.view.state.state === "open" && !this.#stepping) {
      if (card !== null && card.view.id === now.view.id) {
        if (card.view.state.state !== "open") {
          this.card = card;
          this.#tell(now.view.id, null, TOLD_MS);
          return;
        }
      } else {
        const stands = desk.view?.host?.approvals.find((one) => one.id === now.view.id)?.state.state;
        if (card === null || stands !== "open") {
          this.#next = { card };
          this.#tell(now.view.id, null, TOLD_MS);
          return;
        }
      }
    }
    this.#put(card);
  }

  /** The state of the host says that the card on display is over. */
  check(): void {
    const stands = this.standing;
    if (this.card === null || this.sending !== null || this.over !== null || stands === null || stands.state === "open") return;
    this.#tell(this.card.view.id, null, TOLD_MS);
  }

  async step(by: 1 | -1): Promise<void> {
    if (this.sending !== null || this.over !== null || this.#stepping) return;
    this.#stepping = true;
    try {
      this.#put(await this.#newest(approval.step(by)));
      this.problem = null;
    } catch (reason) {
      this.problem = { message: messageOf(reason), code: codeOf(reason) };
    } finally {
      this.#stepping = false;
    }
  }

  /** Whether this choice would be taken now. */
  open(choice: Choice): boolean {
    if (!this.armed || this.sending !== null || this.over !== null || this.card === null) return false;
    return !weighs(choice.decision) || (this.endSeen && !this.late && shows(this.card));
  }

  async answer(choice: Choice, replies?: Record<string, unknown>): Promise<void> {
    const card = this.card;
    if (card === null || !this.open(choice)) return;
    this.sending = choice;
    this.problem = null;
    try {
      const result = await approval.answer({
        id: card.view.id,
        digest: card.view.digest,
        nonce: card.nonce,
        decision: choice.decision,
        ...(replies === undefined ? {} : { replies }),
      });
      this.sending = null;
      if (result.won) this.#tell(card.view.id, `${did(choice.decision)} by you`, OWN_MS);
      else {
        this.card = { ...card, view: { ...card.view, state: result.state } };
        this.#tell(card.view.id, null, TOLD_MS);
      }
    } catch (reason) {
      this.sending = null;
      const problem = { message: messageOf(reason), code: codeOf(reason) };
      // A nonce counts once, so the card is asked for anew with another.
      this.#next = null;
      await this.load();
      this.problem = problem;
    }
  }

  /**
   * What was answered, or what is on display now: answers and what is told come by two ways, so of a card
   * that was told while an answer was awaited nobody knows which of the two is newer.
   */
  async #newest(answer: Promise<ApprovalCard | null>): Promise<ApprovalCard | null> {
    for (let asked = 1; ; asked += 1) {
      const before = this.#heard;
      const card = await answer;
      if (before === this.#heard || asked >= MOST_ASKED) return card;
      answer = approval.current();
    }
  }

  #tell(id: string, own: string | null, ms: number): void {
    this.over = { id, own };
    this.armed = false;
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => void this.#after(id), ms);
  }

  async #after(id: string): Promise<void> {
    const next = this.#next;
    this.#next = null;
    if (next !== null) {
      this.over = null;
      this.#put(next.card);
      return;
    }
    try {
      const card = await this.#newest(approval.current());
      this.#next = null;
      this.over = null;
      this.#put(card !== null && card.view.id === id && card.view.state.state !== "open" ? null : card);
    } catch (reason) {
      this.over = null;
      this.#put(null);
      this.problem = { message: messageOf(reason), code: codeOf(reason) };
    }
  }

  #put(card: ApprovalCard | null): void {
    const key = card === null ? "" : keyOf(card);
    this.card = card;
    if (key === this.#key) return;
    this.#key = key;
    this.problem = null;
    this.endSeen = false;
    this.shown += 1;
    if (card === null) {
      clearTimeout(this.#arming);
      this.armed = false;
    } else this.#arm();
  }

  #arm(): void {
    this.armed = false;
    clearTimeout(this.#arming);
    if (this.card === null) return;
    this.#arming = setTimeout(() => (this.armed = true), QUIET_MS);
  }
}
