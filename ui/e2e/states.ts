// Every page and dialog in every state that is looked at.

import { AUDIT, CARDS, HOME, HOSTILE, NOW, PROCESSES, ROWS, ITEMS, approval, digest, feed, link, manySkills, skill, skillProblem, skillRoot, skills, thread, view } from "../tests/fixtures";
import type { Answers, Look } from "./browser";

const base: Answers = {
  snapshot: view(),
  config_show: ROWS,
  audit_tail: AUDIT,
  thread_open: { ...feed(ITEMS, { id: "turn-1", status: "inProgress" }), model: "gpt-5.5", branch: "main*", tokens: 48210 },
  processes: { processes: PROCESSES },
  logs: ["listening on 127.0.0.1"],
};
const failing = (message: string) => ({ __error: { code: "broken", message } });

export type Shot = { name: string; at: string; answers: Answers; look?: Look; press?: string };

const quiet = view({}, { approvals: [], threads: [], links: [], connections: [] });
const broken = view(
  {},
  {
    approvals: [],
    threads: [],
    app_server: { generation: 3, pid: null, user_agent: null, state: { state: "waiting", retry_in_ms: 8000, code: "codex_config_invalid", message: "Codex does not start: ~/.codex/config.toml line 3 is not TOML. Mend the line; it is tried again by itself." } },
    links: [
      link({ link: { state: "waiting", retry_in_ms: 8000, code: "refused", message: "bus.example:443 refuses connections. Is the bus running? It is tried again by itself." }, since_ms: NOW, pong_at_ms: null }),
      link({ id: "home", name: "home-bus", api: "https://home.example:8443", wanted: true, link: { state: "failed", code: "unauthorized", message: "The bus does not take the token. Ask for a new code and enroll again." }, mcp: null }),
      link({ id: "old", name: "old-bus", wanted: false, link: { state: "disconnected" }, disabled: { reason: "revoked", at_ms: NOW - 86_400_000 }, mcp: { name: "old", url: "https://old.example/mcp", has_token: false, check: { state: "bad", code: "mcp_no_token", message: "The server wants a token. Set one with drawbridge bus set." }, after_restart: true } }),
    ],
    vault: { state: { state: "failed", code: "keyring_locked", message: "The keyring is locked. Unlock it, then open the vault again." }, key: "keyring", place: "the key is in the system's keyring", files: [{ name: "home", code: "torn", message: "It was cut off. Enroll again." }], notices: [] },
    config: {
      file: "/home/u/.config/drawbridge/config.toml",
      in_force: "last_good", at_next_start: [], confirmed: "defaults",
      ...digest("abc"),
      problems: [{ severity: "error", code: "unknown_key", file: "/home/u/.config/drawbridge/config.toml", start: [12, 1], end: [12, 7], text: "config.toml:12:1: there is no key `anwser`; did you mean `answer`?\n12 | anwser = \"both\"\n   | ^^^^^^" }],
      waiting: [{ key: "security.answer", from: "local", to: "both" }],
    },
    policy: { answer: "local", role: "operator", roots: [], ceilings: [] },
  },
);
const busy = view(
  {},
  {
    links: [link(), link({ id: "home", name: "home-bus", api: "https://home.example:8443", link: { state: "connecting", attempt: 2 }, pong_at_ms: null, mcp: null })],
    approvals: [
      approval({ id: "1-9", state: { state: "applied", by: { by: "remote", bus: "studio-bus", client: "phone" }, decision: "accept" }, outcome: { outcome: "completed", exit_code: 0 }, headline: "Run a command: git pull", raised_at_ms: NOW - 400_000 }),
      approval({ id: "1-8", state: { state: "applied", by: { by: "deadline" }, decision: "decline" }, outcome: { outcome: "declined" }, headline: "Run a command: rm -rf build", raised_at_ms: NOW - 900_000 }),
      approval({ id: "1-7", state: { state: "lost" }, headline: "Change 3 files: src/a.ts", kind: "file_change", raised_at_ms: NOW - 990_000 }),
      approval(),
      approval({ id: "1-1", kind: "file_change", headline: "Change 2 files: src/login.ts", choices: [] }),
    ],
    threads: Array.from({ length: 300 }, (_, n) => thread({ id: `t${n}`, title: `Thread number ${n}`, status: ["active", "idle", "waiting_on_approval", "system_error"][n % 4] ?? "idle" })),
  },
);

const hostile = `${HOME}/${HOSTILE}/SKILL.md`;
const poor = skills({
  watching: { state: "polled", every_ms: 2000, code: "limit", message: "the system lets this user watch no more folders (fs.inotify.max_user_watches is 8192); raise it, or remove folders you do not need; until then it is looked at every 2 s" },
  codex: { state: "failed", message: "the app-server closed the connection" },
  roots: [skillRoot(), skillRoot({ path: "/srv/skills", kind: "extra", state: "not_a_folder" }), skillRoot({ path: "/opt/skills", kind: "extra", state: "unreadable", problems: [skillProblem("/opt/skills", { code: "unreadable", line: null, message: "it cannot be read (permission denied); look at its permissions" })] })],
  skills: [
    skill(HOSTILE, { description: HOSTILE.repeat(3), next_turn: ["t1"] }),
    skill("torn", { enabled: null, hash: null, description: "", problems: [skillProblem(`${HOME}/torn/SKILL.md`, { code: "open_front_matter", line: 1, message: `the front matter has no end ${HOSTILE}; close it with a line of three dashes` }), skillProblem(`${HOME}/torn/SKILL.md`, { severity: "warning", code: "large", line: null, message: "it is larger than 64 KiB, all of which the agent reads when it uses it; move parts into files of their own" })] }),
    skill("a-name-of-sixty-four-signs-which-is-as-long-as-one-is-allowed-to", { enabled: null, problems: [skillProblem(hostile, { severity: "warning", code: "hidden_characters", line: 3, message: "the name has characters that do not show" })] }),
  ],
});

const page = (name: string, at: string, answers: Answers = {}, look?: Look): Shot => ({ name, at: `index.html#/${at}`, answers: { ...base, ...answers }, ...(look ? { look } : {}) });
const dialog = (name: string, card: unknown, look?: Look): Shot => ({ name: `dialog-${name}`, at: "approval.html", answers: { approval_current: card }, ...(look ? { look } : {}) });
const START: Look = { kept: { "drawbridge.first_run": "1" } };

export const SHOTS: Shot[] = [
  page("threads", "threads"),
  page("threads-busy", "threads", { snapshot: busy }),
  page("threads-empty", "threads", { snapshot: quiet }),
  page("threads-broken", "threads", { snapshot: broken }),
  page("thread", "threads/t1"),
  page("thread-empty", "threads/t1", { thread_open: feed([]) }),
  page("thread-broken", "threads/t1", { thread_open: failing("Codex does not know this thread any more. Go back to the list.") }),
  page("approvals", "approvals", { snapshot: busy }),
  page("approvals-empty", "approvals", { snapshot: quiet }),
  page("skills", "skills"),
  page("skills-many", "skills", { snapshot: view({}, { skills: manySkills(2000) }) }),
  page("skills-empty", "skills", { snapshot: view({}, { skills: skills({ skills: [], recent: [], instructions: [], roots: skills().roots.slice(1).map((root) => ({ ...root, problems: [], state: root.kind === "extra" ? "missing" : root.state })) }) }) }),
  page("skills-limits", "skills", { snapshot: view({}, { skills: skills({ changes: 120, unwatched: { code: "too_many_folders", message: "no more than 64 folders are watched, and threads work in more; end threads that are not needed any more, and the others take their place", folders: ["/home/u/src/archive/shop-2019", "/home/u/src/experiments/one"] } }) }) }),
  page("skills-broken", "skills", { snapshot: view({}, { skills: poor, app_server: { generation: 3, pid: null, user_agent: null, state: { state: "stopped" } } }) }),
  page("skill", `skills/${encodeURIComponent(skills().skills[0]?.path ?? "")}`),
  page("skill-broken", `skills/${encodeURIComponent(`${HOME}/api-notes/SKILL.md`)}`),
  page("skill-hostile", `skills/${encodeURIComponent(`${HOME}/${HOSTILE}/SKILL.md`)}`, { snapshot: view({}, { skills: poor }) }),
  page("connections", "connections", { snapshot: busy }),
  page("connections-empty", "connections", { snapshot: quiet }),
  page("connections-broken", "connections", { snapshot: broken }),
  page("activity", "activity"),
  page("activity-empty", "activity", { audit_tail: [] }),
  page("activity-broken", "activity", { audit_tail: failing("audit.log cannot be read: permission denied. Give yourself the right to read it.") }),
  page("settings", "settings"),
  page("settings-broken", "settings", { snapshot: broken, config_show: failing("The file cannot be read. Open it and mend line 12.") }),
  { ...page("processes", "settings"), press: "Log of Codex" },
  page("start", "start", { snapshot: quiet }, START),
  page("host-failed", "threads", { snapshot: { ...view(), host: null, supervisor: { state: "failed", code: "already_running", message: "Another host runs with this data directory (pid 77). Stop it with drawbridge stop." } } }),
  page("no-answer", "threads", { snapshot: failing("The window lost the app. Close it and open it again from the tray.") }),
  ...Object.entries(CARDS).map(([name, card]) => dialog(name, card)),
  dialog("empty", null),
  dialog("broken", failing("The host does not answer. Close this window and open it again.")),
];
