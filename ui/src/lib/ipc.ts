// Every command of the Rust side, typed, and its errors in one form.

import { invoke } from "@tauri-apps/api/core";
import { listen, type UnlistenFn } from "@tauri-apps/api/event";
import type {
  AnswerResult,
  ApprovalCard,
  CommandError,
  ConfigRow,
  Decision,
  DesktopView,
  LinkView,
  ProcessesView,
  ThreadEvent,
  ThreadItems,
} from "./types";

/** What a command failed with: a stable code and a sentence that says what to do. */
export class CommandFailed extends Error {
  readonly code: string;
  constructor(error: CommandError) {
    super(error.message);
    this.code = error.code;
  }
}

function failed(reason: unknown): CommandFailed {
  if (reason instanceof CommandFailed) return reason;
  if (typeof reason === "object" && reason !== null) {
    const { code, message } = reason as Partial<CommandError>;
    if (typeof message === "string") {
      return new CommandFailed({ code: typeof code === "string" ? code : "unknown", message });
    }
  }
  return new CommandFailed({ code: "unknown", message: typeof reason === "string" ? reason : "It failed without a reason." });
}

async function call<T>(command: string, args: Record<string, unknown> = {}): Promise<T> {
  try {
    return await invoke<T>(command, args);
  } catch (reason) {
    throw failed(reason);
  }
}

let painted = false;

/** Tells once that the frame with this window's content is on the screen. */
export function tellPainted(): void {
  if (painted) return;
  painted = true;
  // The first callback comes before the frame is drawn, the second after it.
  requestAnimationFrame(() => requestAnimationFrame(() => void call<null>("painted").catch(() => undefined)));
}

export type EnrollForm = { api: string; token?: string; code?: string; name?: string; caFile?: string };

export const main = {
  snapshot: () => call<DesktopView>("snapshot"),
  setBus: (id: string, on: boolean) => call<null>("set_bus", { id, on }),
  enroll: (form: EnrollForm) => call<LinkView>("enroll", form),
  forget: (id: string) => call<null>("forget", { id }),
  setEnrollment: (change: { id: string; name?: string; mcpUrl?: string; mcpName?: string; mcpToken?: string }) =>
    call<LinkView>("set_enrollment", change),
  checkMcp: (id?: string) => call<null>("check_mcp", id === undefined ? {} : { id }),
  openApprovals: () => call<null>("open_approvals"),
  pause: (minutes: number) => call<null>("pause", { minutes }),
  setStartAtLogin: (on: boolean) => call<null>("set_start_at_login", { on }),
  logs: (child: string) => call<string[]>("logs", { child }),
  processes: () => call<ProcessesView>("processes"),
  restart: (id: string, interrupt: boolean) => call<null>("restart", { id, interrupt }),
  auditTail: (count: number) => call<Record<string, unknown>[]>("audit_tail", { count }),
  threadOpen: (id: string) => call<ThreadItems>("thread_open", { id }),
  threadClose: (id: string) => call<null>("thread_close", { id }),
  threadSend: (id: string, text: string) => call<null>("thread_send", { id, text }),
  threadSteer: (id: string, text: string) => call<null>("thread_steer", { id, text }),
  threadInterrupt: (id: string) => call<null>("thread_interrupt", { id }),
  threadStart: (text: string, cwd?: string) =>
    call<{ id: string }>("thread_start", cwd === undefined ? { text } : { text, cwd }),
  configShow: () => call<ConfigRow[]>("config_show"),
  configSet: (key: string, value: string) => call<null>("config_set", { key, value }),
  configAccept: (digest: string) => call<null>("config_accept", { digest }),
  skillSet: (id: string, on: boolean) => call<null>("skill_set", { id, on }),
  skillsRescan: () => call<null>("skills_rescan"),
  skillOpen: (id: string, folder: boolean) => call<null>("skill_open", { id, folder }),
  openConfig: () => call<null>("open_config"),
  vaultOpen: () => call<null>("vault_open"),
  quit: (really: boolean) => call<{ running: number }>("quit", { really }),
};

export const approval = {
  current: () => call<ApprovalCard | null>("approval_current"),
  step: (by: 1 | -1) => call<ApprovalCard | null>("approval_step", { by }),
  answer: (answer: {
    id: string;
    digest: string;
    nonce: string;
    decision: Decision;
    replies?: Record<string, unknown>;
  }) => call<AnswerResult>("approval_answer", answer),
};

export const onView = (heard: (view: DesktopView) => void): Promise<UnlistenFn> =>
  listen<DesktopView>("view", (event) => heard(event.payload));
export const onThread = (heard: (event: ThreadEvent) => void): Promise<UnlistenFn> =>
  listen<ThreadEvent>("thread", (event) => heard(event.payload));
export const onApproval = (heard: (card: ApprovalCard | null) => void): Promise<UnlistenFn> =>
  listen<ApprovalCard | null>("approval", (event) => heard(event.payload));
/** The tray or a notification asks for a page. */
export const onGo = (heard: (page: string) => void): Promise<UnlistenFn> =>
  listen<string>("go", (event) => heard(event.payload));
/** Quit was chosen in the tray while turns run. */
export const onQuitAsked = (heard: (running: number) => void): Promise<UnlistenFn> =>
  listen<{ running: number }>("quit_asked", (event) => heard(event.payload.running));

export const messageOf = (reason: unknown): string => failed(reason).message;
export const codeOf = (reason: unknown): string => failed(reason).code;
