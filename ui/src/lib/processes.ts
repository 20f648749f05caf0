// What runs, in words: how it is from the state that is pushed, what it weighs from the list that is asked for.

import { ago, span } from "./time";
import type { DesktopView, ProcessView } from "./types";
import type { Tone } from "./words";

export type ProcessRow = {
  /** As the host names it; `app` for the app itself. */
  id: string;
  name: string;
  tone: Tone;
  word: string;
  /** Process id, memory, for how long. */
  facts: string[];
  /** What happened to it. */
  notes: string[];
  log: boolean;
  restart: boolean;
};

/** Million bytes, with a digit after the point below ten. */
export function megabytes(bytes: number): string {
  const mb = bytes / 1e6;
  return `${mb < 9.95 ? mb.toFixed(1) : String(Math.round(mb))} MB`;
}

type Said = Pick<ProcessRow, "name" | "tone" | "word" | "notes" | "log" | "restart"> & { more?: string[]; pid?: number | null };

function row(id: string, said: Said, known: ProcessView | undefined, now: number): ProcessRow {
  const { more = [], pid, ...rest } = said;
  const facts: string[] = [];
  const notes = [...said.notes];
  const shown = pid === undefined ? (known?.pid ?? null) : pid;
  if (shown !== null) facts.push(`pid ${shown}`);
  if (known && known.pid === shown && shown !== null) {
    if (known.memory !== null) facts.push(megabytes(known.memory));
    if (known.since_ms !== null) facts.push(`for ${span(now - known.since_ms)}`);
    if (known.below > 0) {
      const many = known.below === 1 ? "1 process it started has" : `${known.below} processes it started have`;
      notes.unshift(`${many} ${megabytes(known.below_memory)} more`);
    }
  }
  if (known && known.starts > 1) notes.push(`Started ${known.starts} times.`);
  if (known?.last_end) notes.push(`Ended ${ago(known.last_end.at_ms, now)}: ${known.last_end.message}`);
  return { id, ...rest, facts: [...facts, ...more], notes };
}

/** The app, the host, codex and a connector for each bus. */
export function processRows(view: DesktopView, list: ProcessView[], now: number): ProcessRow[] {
  const known = new Map(list.map((one) => [one.id, one]));
  const of = (id: string, said: Said) => row(id, said, known.get(id), now);
  const plain = { notes: [], log: false, restart: false };
  const s = view.supervisor;
  const rows = [of("app", { name: "Drawbridge", tone: "up", word: "runs", ...plain, more: [`version ${view.version}`] })];
  rows.push(
    s.state === "up"
      ? of("host", { name: "Host", tone: "up", word: "runs", ...plain, pid: s.pid, more: view.host ? [`version ${view.host.host.version}`] : [] })
      : s.state === "waiting"
        ? of("host", { name: "Host", tone: "problem", word: "ended", ...plain, pid: null, notes: [`Starts again in ${span(s.retry_in_ms)}. ${s.message}`] })
        : s.state === "failed"
          ? of("host", { name: "Host", tone: "problem", word: "failed", ...plain, pid: null, notes: [s.message] })
          : of("host", { name: "Host", tone: "waiting", word: s.state, ...plain, pid: null }),
  );
  if (!view.host) return rows;
  const a = view.host.app_server;
  const state = a.state;
  rows.push(
    of("app-server", {
      name: "Codex",
      tone: state.state === "ready" ? "up" : state.state === "waiting" ? "problem" : state.state === "starting" ? "waiting" : "off",
      word: state.state === "ready" ? "runs" : state.state === "waiting" ? "ended" : state.state,
      notes: state.state === "waiting" ? [`Starts again in ${span(state.retry_in_ms)}. ${state.message}`] : [],
      pid: a.pid,
      more: a.user_agent === null ? [] : [a.user_agent],
      log: true,
      restart: state.state === "ready" || state.state === "waiting" || state.state === "starting",
    }),
  );
  for (const link of view.host.links) {
    const id = `connector:${link.id}`;
    const wanted = link.wanted && link.disabled === null;
    const is = known.get(id)?.state;
    rows.push(
      of(id, {
        name: `Connector of ${link.name}`,
        tone: !wanted ? "off" : is === "running" ? "up" : is === "waiting" ? "problem" : "waiting",
        word: !wanted ? "off" : is === "running" ? "runs" : is === "waiting" ? "ended" : "starting",
        notes: [],
        log: true,
        restart: wanted,
      }),
    );
  }
  return rows;
}
