// The state every page draws from. Listens before it asks, so that no change in between is lost.

import type { DesktopView } from "./types";
import { main, messageOf, onView } from "./ipc";

class Desk {
  view = $state.raw<DesktopView | null>(null);
  /** Why there is no view. */
  problem = $state<string | null>(null);
  /** Now, in steps of a second while the window is to be seen. */
  now = $state(Date.now());

  /** Starts to follow; the returned function ends it. */
  async follow(): Promise<() => void> {
    let heard = false;
    const unlisten = await onView((view) => {
      heard = true;
      this.view = view;
      this.problem = null;
    });
    const tick = () => {
      if (document.visibilityState !== "hidden") this.now = Date.now();
    };
    const timer = setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
    try {
      const view = await main.snapshot();
      // An event that came in between is newer than the answer.
      if (!heard) this.view = view;
    } catch (reason) {
      this.problem = messageOf(reason);
    }
    return () => {
      unlisten();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }

  async again(): Promise<void> {
    this.problem = null;
    try {
      this.view = await main.snapshot();
    } catch (reason) {
      this.problem = messageOf(reason);
    }
  }
}

export const desk = new Desk();
