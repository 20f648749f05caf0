// One Chromium, and pages in it that believe to be windows of the desktop app.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type Page } from "playwright-core";

export type Answers = Record<string, unknown>;
export type Call = { command: string; args: Record<string, unknown> };

declare global {
  interface Window {
    __calls: Call[];
    __answers: Answers;
    __emit: (event: string, payload: unknown) => void;
    __broken: string[];
    __long: number[];
    axe: { run: (root: Document, options: unknown) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }> };
  }
}

/** Stands for the Rust side. An answer of the form `{ __error }` rejects. */
function pretend(init: { answers: Answers; kept: Record<string, string> }): void {
  for (const [key, value] of Object.entries(init.kept)) {
    if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
  }
  // As the shell does it.
  Object.freeze(Object.prototype);
  const callbacks = new Map<number, (payload: unknown) => void>();
  const heard = new Map<number, { event: string; handler: number }>();
  let next = 1;
  window.__calls = [];
  window.__answers = init.answers;
  window.__broken = [];
  window.__long = [];
  document.addEventListener("securitypolicyviolation", (event) => window.__broken.push(`${event.violatedDirective} ${event.blockedURI}`));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.__long.push(entry.duration);
  }).observe({ type: "longtask" });
  window.__emit = (event, payload) => {
    for (const [id, one] of heard) if (one.event === event) callbacks.get(one.handler)?.({ event, id, payload });
  };
  const internals = {
    transformCallback: (callback: (payload: unknown) => void) => {
      const id = next++;
      callbacks.set(id, callback);
      return id;
    },
    unregisterCallback: (id: number) => callbacks.delete(id),
    invoke: async (command: string, args: Record<string, unknown>) => {
      if (command === "plugin:event|listen") {
        const id = next++;
        heard.set(id, { event: String(args["event"]), handler: Number(args["handler"]) });
        return id;
      }
      if (command === "plugin:event|unlisten") {
        heard.delete(Number(args["eventId"]));
        return null;
      }
      window.__calls.push({ command, args: { ...args } });
      const answer = window.__answers[command];
      if (typeof answer === "object" && answer !== null && "__error" in answer) throw (answer as { __error: unknown }).__error;
      if (typeof answer === "object" && answer !== null && "__never" in answer) return new Promise(() => undefined);
      return structuredClone(answer ?? null);
    },
    metadata: { currentWindow: { label: "main" }, currentWebview: { windowLabel: "main", label: "main" } },
  };
  Object.assign(window, { __TAURI_INTERNALS__: internals, __TAURI_EVENT_PLUGIN_INTERNALS__: { unregisterListener: () => undefined } });
}

export async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"],
  });
}

export type Look = { dark?: boolean; width?: number; height?: number; now?: number; kept?: Record<string, string>; textPercent?: number };

export async function open(browser: Browser, url: string, answers: Answers, look: Look = {}): Promise<Page> {
  const context = await browser.newContext({
    colorScheme: look.dark ? "dark" : "light",
    viewport: { width: look.width ?? 1200, height: look.height ?? 760 },
    reducedMotion: "reduce",
    locale: "en-GB",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  if (look.now !== undefined) await page.clock.setFixedTime(look.now);
  await page.addInitScript(pretend, { answers, kept: { "drawbridge.first_run": "1", ...look.kept } });
  await page.goto(url);
  if (look.textPercent !== undefined) {
    await page.evaluate((percent) => document.documentElement.style.setProperty("font-size", `${percent}%`), look.textPercent);
  }
  return page;
}

export async function calls(page: Page, command: string): Promise<Call[]> {
  return page.evaluate((name) => window.__calls.filter((one) => one.command === name), command);
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe has to say, one line a violation. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ""}`));
  });
}
