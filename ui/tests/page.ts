// The main window in the tests: on a clock of its own, and with nothing remembered.

import { render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, beforeEach, vi } from "vitest";
import App from "../src/App.svelte";
import { firstRun } from "../src/lib/kept.svelte";
import { route } from "../src/lib/route.svelte";
import { desk } from "../src/lib/view.svelte";
import { NOW } from "./fixtures";
import { done, rust, type Rust } from "./tauri";

export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
export const button = (name: string | RegExp) => screen.getByRole("button", { name });

/** Has each test of a file begin anew. */
export function eachOnItsOwn(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: NOW });
    localStorage.clear();
    desk.view = null;
    desk.problem = null;
    desk.now = NOW;
    firstRun.done = true;
    firstRun.trayTold = false;
    location.hash = "";
  });
  afterEach(async () => {
    await done();
    vi.useRealTimers();
  });
}

/** Opens the window on a page. */
export async function showPage(page: string, answers: Record<string, unknown>, rest = ""): Promise<Rust> {
  const side = rust(answers);
  render(App);
  route.go(page, rest);
  await pass(30);
  await tick();
  return side;
}
