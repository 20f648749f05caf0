// The page of skills as values: what stands in which row, and what its states are called.

import type { InstructionsView, SkillProblemView, SkillRootView, SkillView, SkillsView } from "./types";
import { inertLine } from "./inert";
import type { Tone } from "./words";

export type Row =
  | { row: "root"; id: string; root: SkillRootView; count: number; problems: SkillProblemView[] }
  | { row: "skill"; id: string; skill: SkillView; inRoot: string; change: string | null; problems: SkillProblemView[] }
  | { row: "instructions"; id: string; file: InstructionsView; change: string | null; problems: SkillProblemView[] };

/** What the person wants to see of it. */
export type Sought = { words: string; onlyProblems: boolean };

/** What happened since this page was last on display. */
export type Since = { changed: ReadonlyMap<string, string>; gone: string[]; /** Changes that are not listed any more. */ more: number };

const CHANGED: Record<string, string> = { created: "new", modified: "changed", renamed: "renamed", moved: "moved" };

/** The changes after so many; of several at one place the last counts. */
export function since(view: SkillsView, seen: number): Since {
  const fresh = Math.max(0, view.changes - seen);
  const listed = Math.min(fresh, view.recent.length);
  const changed = new Map<string, string>();
  const gone = new Map<string, string>();
  for (const one of view.recent.slice(view.recent.length - listed)) {
    changed.delete(one.path);
    gone.delete(one.path);
    if (one.from !== null) changed.delete(one.from);
    if (one.kind === "deleted") gone.set(one.path, one.name ?? one.path);
    else changed.set(one.path, CHANGED[one.kind] ?? one.kind);
  }
  for (const skill of view.skills) gone.delete(skill.path);
  return { changed, gone: [...gone.values()].map(inertLine), more: fresh - listed };
}

export const isError = (problem: SkillProblemView): boolean => problem.severity === "error";
export const unusable = (skill: SkillView): boolean => skill.problems.some(isError);

/** How many places have something wrong, and how many skills cannot be used for it. */
export function count(view: SkillsView): { problems: number; unusable: number } {
  const roots = view.roots.filter((root) => root.problems.length > 0 || troubled(root));
  const skills = view.skills.filter((skill) => skill.problems.length > 0);
  return { problems: roots.length + skills.length, unusable: skills.filter(unusable).length };
}

const troubled = (root: SkillRootView): boolean => root.state !== "present" && root.state !== "missing";

/** Roots with what lies in them, in Codex's order; those that are not there come last, then instructions. */
export function rows(view: SkillsView, sought: Sought, changed: ReadonlyMap<string, string>): Row[] {
  const words = sought.words.trim().toLowerCase();
  const narrowed = words !== "" || sought.onlyProblems;
  const has = (...texts: string[]): boolean => words === "" || texts.some((text) => text.toLowerCase().includes(words));
  const of = (problems: SkillProblemView[]): boolean => !sought.onlyProblems || problems.length > 0;

  const inside = new Map<string, Row[]>();
  for (const skill of view.skills) {
    const { problems } = skill;
    if (!of(problems) || !has(skill.name, skill.description, skill.path, ...problems.map((one) => `${one.code} ${one.message}`))) continue;
    const row: Row = { row: "skill", id: skill.path, skill, inRoot: below(skill.root, skill.path), change: changed.get(skill.path) ?? null, problems };
    const before = inside.get(skill.root);
    if (before) before.push(row);
    else inside.set(skill.root, [row]);
  }

  const rank = (root: SkillRootView): number => (inside.has(root.path) || root.problems.length > 0 || troubled(root) ? 0 : root.state === "present" ? 1 : 2);
  const roots = view.roots.map((root, n) => ({ root, n, rank: rank(root) })).toSorted((a, b) => a.rank - b.rank || a.n - b.n);
  const out: Row[] = [];
  for (const { root } of roots) {
    const skills = inside.get(root.path) ?? [];
    const itself = has(root.path) && (!sought.onlyProblems || root.problems.length > 0 || troubled(root));
    if (narrowed && skills.length === 0 && !itself) continue;
    out.push({ row: "root", id: root.path, root, count: skills.length, problems: root.problems }, ...skills);
    inside.delete(root.path);
  }
  for (const file of view.instructions) {
    if (sought.onlyProblems || !has(file.path)) continue;
    out.push({ row: "instructions", id: file.path, file, change: changed.get(file.path) ?? null, problems: [] });
  }
  return unique(out);
}

/** A list cannot have a row twice, whatever the host says. */
function unique(all: Row[]): Row[] {
  const seen = new Set<string>();
  return all.filter((row) => {
    const key = `${row.row} ${row.id}`;
    return seen.has(key) ? false : (seen.add(key), true);
  });
}

/** The path as seen from a folder above it. */
export function below(folder: string, path: string): string {
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
}

/** The first eight of a hash; enough to tell two texts apart by eye. */
export const short = (hash: string | null): string => (hash === null ? "not read whole" : hash.slice(0, 8));

/** `file:line:column`, as editors and compilers write it; what is not known is left out. */
export function place(problem: SkillProblemView): string {
  const at = problem.line === null ? [] : problem.column === null ? [problem.line] : [problem.line, problem.column];
  return [inertLine(problem.path), ...at].join(":");
}

const KINDS: Record<string, string> = {
  codex_home: "Yours, in Codex's own folder, for all threads",
  home: "Yours, for all threads",
  extra: "Yours, a further folder of the configuration",
  system: "Come with Codex, which alone changes them",
  admin: "From the administrator of this computer",
};

/** Whose skills a root has. */
export function kindWord(root: SkillRootView): string {
  if (root.kind === "folder") return root.folder === null ? "For threads of a folder" : `For threads in ${inertLine(root.folder)}`;
  return KINDS[root.kind] ?? inertLine(root.kind);
}

const SCOPES: Record<string, string> = { repo: "of a folder", user: "yours", system: "of Codex", admin: "of the administrator" };
export const scopeWord = (scope: string): string => SCOPES[scope] ?? inertLine(scope);

const REMARKS: Record<string, string> = { duplicate_name: "name taken twice", shadowed: "hidden by another", linked_file: "is a link", hidden_characters: "hidden characters", large: "large" };

export type State = { tone: Tone; word: string };

const NONE: State[] = [];

/** The marks of a row, the gravest first. */
export function marks(row: Row): State[] {
  // Most rows of a long list; it is asked for the height of each.
  if (row.row === "skill" && row.problems.length === 0 && row.skill.next_turn.length === 0) return NONE;
  const out: State[] = [];
  if (row.row === "root") {
    const { state } = row.root;
    if (state === "missing") out.push({ tone: "off", word: "not there yet" });
    else if (state === "not_a_folder") out.push({ tone: "problem", word: "is no folder" });
    else if (state === "unreadable") out.push({ tone: "problem", word: "cannot be read" });
    else if (state !== "present") out.push({ tone: "problem", word: inertLine(state) });
  } else if (row.problems.some(isError)) {
    out.push({ tone: "problem", word: "cannot be used" });
  }
  const remarks = row.problems.filter((one) => (row.row === "root" ? row.root.state !== "unreadable" || one.path !== row.id : !isError(one)));
  const only = remarks.length === 1 ? remarks[0] : undefined;
  if (remarks.length > 0) {
    const word = (only && REMARKS[only.code]) ?? (remarks.length === 1 ? "1 remark" : `${remarks.length} remarks`);
    out.push({ tone: remarks.some(isError) ? "problem" : "waiting", word });
  }
  if (row.row === "skill" && row.skill.next_turn.length > 0) out.push({ tone: "waiting", word: "applies from the next turn" });
  if (row.row === "root" && row.root.not_in.length > 0) out.push({ tone: "waiting", word: "not in every thread" });
  if (row.row === "instructions" && row.file.old_in.length > 0) out.push({ tone: "waiting", word: "applies to new threads" });
  return out;
}

/** The one sentence about all of it. */
export function summary(view: SkillsView, fresh: number): string {
  const { unusable: bad } = count(view);
  const off = view.skills.filter((skill) => skill.enabled === false).length;
  const parts = [view.skills.length === 1 ? "1 skill" : `${view.skills.length} skills`];
  if (off > 0) parts.push(`${off} switched off`);
  if (bad > 0) parts.push(`${bad} cannot be used`);
  if (fresh > 0) parts.push(`${fresh} changed since you last looked`);
  return parts.join(", ");
}

/** Widths in rem: a sign of a name at its widest, a mark, what stands beside the texts of a row. */
const [SIGN, MARK, BESIDE] = [0.58, 12, 9.5];
/** Lines of a name in the list; longer ones are whole where it is opened. */
const LINES = 4;

/** How high a row is, in rem: a name that someone switches by is not cut off. */
export function height(row: Row, room: number, stacked: boolean): number {
  const name = row.row === "skill" ? row.skill.name : row.id;
  const many = marks(row).length + (row.row !== "root" && row.change !== null ? 1 : 0);
  const texts = room - BESIDE - (stacked ? 0 : many * MARK);
  // The host has made visible what hides in a name, so its length is what is shown.
  const lines = Math.min(LINES, Math.max(1, Math.ceil((name.length * SIGN) / Math.max(8, texts))));
  const below = stacked ? Math.min(LINES, Math.ceil((many * MARK) / Math.max(MARK, texts))) : 0;
  return (row.row === "skill" ? 5 : 3.5) + 1.375 * (below + lines - 1);
}
