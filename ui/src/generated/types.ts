// What crosses between the Rust side and the windows, in the JSON form of the wire types.

export type Role = "viewer" | "operator";
export type WhoMayAnswer = "local" | "remote" | "both";

export type Grant = { permissions: Record<string, unknown>; session: boolean; strict_auto_review: boolean };

export type Decision =
  | "accept"
  | "accept_for_session"
  | "accept_with_amendment"
  | { answers: Record<string, unknown> }
  | { grant: Grant }
  | "decline"
  | "cancel";

export type AnswerSource =
  | { by: "control"; client: string }
  | { by: "local_client"; connection: number }
  | { by: "remote"; bus: string; client: string }
  | { by: "deadline" }
  | { by: "policy" }
  | { by: "shutdown" };

export type LinkState =
  | { state: "disconnected" }
  | { state: "connecting"; attempt: number }
  | { state: "connected"; round_trip_ms: number | null }
  | { state: "waiting"; retry_in_ms: number; code: string; message: string }
  | { state: "failed"; code: string; message: string };

export type BusSource = "vault" | "flags";
export type DisabledView = { reason: string; at_ms: number | null };

export type McpCheck =
  | { state: "unchecked" }
  | { state: "checking" }
  | { state: "good"; at_ms: number }
  | { state: "bad"; code: string; message: string };

export type McpView = { name: string; url: string; has_token: boolean; check: McpCheck; after_restart: boolean };

export type LinkView = {
  id: string;
  name: string;
  bus: string;
  api: string;
  source: BusSource;
  wanted: boolean;
  link: LinkState;
  since_ms: number;
  pong_at_ms: number | null;
  disabled: DisabledView | null;
  mcp: McpView | null;
};

export type VaultCondition =
  | { state: "none" }
  | { state: "opening" }
  | { state: "open" }
  | { state: "failed"; code: string; message: string };
export type VaultFileView = { name: string; code: string; message: string };
export type NoticeView = { code: string; message: string };
export type VaultView = {
  state: VaultCondition;
  key: string;
  place: string;
  files: VaultFileView[];
  notices: NoticeView[];
};

export type ConfigInForce = "defaults" | "file" | "last_good";
export type ProblemView = {
  severity: string;
  code: string;
  file: string | null;
  start: [number, number] | null;
  end: [number, number] | null;
  text: string;
};
export type WideningView = { key: string; from: string; to: string };
export type ConfigView = {
  file: string;
  in_force: ConfigInForce;
  problems: ProblemView[];
  waiting: WideningView[];
  digest: string | null;
};

export type HostIdentity = { id: string; name: string; pid: number; version: string; data_dir: string };

export type AppServerState =
  | { state: "starting" }
  | { state: "ready" }
  | { state: "waiting"; retry_in_ms: number; code: string; message: string }
  | { state: "stopping" }
  | { state: "stopped" };
export type AppServerView = { generation: number; state: AppServerState; pid: number | null; user_agent: string | null };

export type ThreadView = {
  id: string;
  title: string | null;
  cwd: string | null;
  status: string;
  turn: string | null;
  wide: boolean;
  approval_policy: string | null;
  sandbox: string | null;
  origin: string;
};

export type ApprovalKind = "command" | "file_change" | "permissions" | "user_input" | "elicitation" | "unknown";
export type Choice = { decision: Decision; label: string };
export type ApprovalState =
  | { state: "open" }
  | { state: "sent"; by: AnswerSource; decision: Decision }
  | { state: "applied"; by: AnswerSource; decision: Decision }
  | { state: "superseded" }
  | { state: "lost" }
  | { state: "invalidated" };
export type ItemOutcome =
  | { outcome: "running" }
  | { outcome: "completed"; exit_code: number | null }
  | { outcome: "failed"; exit_code: number | null }
  | { outcome: "declined" }
  | { outcome: "turn_interrupted" }
  | { outcome: "unknown" };

export type ApprovalView = {
  id: string;
  kind: ApprovalKind;
  thread: string | null;
  turn: string | null;
  origin: string;
  cwd: string | null;
  headline: string;
  body: string;
  digest: string;
  choices: Choice[];
  raised_at_ms: number;
  deadline_ms: number;
  state: ApprovalState;
  outcome: ItemOutcome | null;
};

export type AnswerResult = { state: ApprovalState; won: boolean };

export type LeaseView = { client: string; pid: number | null };
export type ConnectionView = { id: number; door: string; bus: string | null; client: string; role: Role | null };
export type PolicyView = { answer: WhoMayAnswer; role: Role; roots: string[] };

export type HostView = {
  seq: number;
  host: HostIdentity;
  app_server: AppServerView;
  links: LinkView[];
  vault: VaultView;
  config: ConfigView | null;
  threads: ThreadView[];
  approvals: ApprovalView[];
  leases: LeaseView[];
  connections: ConnectionView[];
  policy: PolicyView;
};

export type SupervisorView =
  | { state: "starting" }
  | { state: "up"; pid: number }
  | { state: "waiting"; retry_in_ms: number; code: string; message: string }
  | { state: "failed"; code: string; message: string }
  | { state: "stopping" };

export type DesktopView = {
  supervisor: SupervisorView;
  host: HostView | null;
  paused_until_ms: number | null;
  start_at_login: boolean;
  tray: boolean;
  version: string;
  approvals_open: number;
};

export type DiffLineKind = "added" | "removed" | "context" | "place" | "about";
export type DiffLine = { kind: DiffLineKind; text: string };
export type Part =
  | { part: "say"; text: string }
  | { part: "text"; label: string; text: string }
  | { part: "fact"; label: string; value: string }
  | { part: "diff"; label: string; added: number; removed: number; binary: boolean; lines: DiffLine[] }
  | { part: "notes"; notes: string[] }
  | { part: "claim"; text: string };

export type FormOption = { value: string; label: string; about: string | null };
/** One question as a field. `other`: a text of one's own is taken besides the options. */
export type FormField = {
  id: string;
  label: string;
  about: string | null;
  kind: "text" | "secret" | "number" | "integer" | "boolean" | "one" | "several";
  options: FormOption[];
  other: boolean;
  required: boolean;
  value: string | null;
};

export type Asks = { bus: string | null; client: string | null; thread_title: string | null; folder: string | null };
export type ApprovalCard = {
  view: ApprovalView;
  parts: Part[];
  /** Fields of a question; absent for every other kind. */
  form?: FormField[] | null;
  position: number;
  count: number;
  nonce: string;
  asks: Asks;
};

/** An item of a thread as the app-server writes it; only `id` and `type` are sure to be there. */
export type Item = { id: string; type: string; [member: string]: unknown };
export type TurnState = { id: string; status: string };
export type ThreadItems = {
  items: Item[];
  turn: TurnState | null;
  model?: string | null;
  branch?: string | null;
  tokens?: number | null;
};
export type ThreadChange =
  | { item: Item }
  | { delta: { itemId: string; text: string } }
  | { turn: TurnState };
export type ThreadEvent = { id: string; change: ThreadChange };

export type ConfigRow = { key: string; value: string | null; otherwise: string | null; origin: unknown };
export type CommandError = { code: string; message: string };
