// Made by `cargo xtask schema` from the Rust types; a test compares. Do not edit.

/** What stands above the items. */
export type About = {
  /** The branch the thread began on. */
  branch: string | null;
  /** The model, when it is known. */
  model: string | null;
  /** Tokens used so far, once they were told. */
  tokens: number | null;
};

/** Answer to `approvals/answer`. */
export type AnswerResult = {
  /** State after this answer. When another won, its `by` says who. */
  state: ApprovalState;
  /** Whether this answer is the one that counts. */
  won: boolean;
};

/** Who gave an answer. */
export type AnswerSource = {
  by: "control";
  /** Name the client gave of itself; shown, never trusted. */
  client: string;
} | {
  by: "local_client";
  /** Connection number. */
  connection: number;
} | {
  /** The bus as enrolled. */
  bus: string;
  by: "remote";
  /** The client as the bus names it. */
  client: string;
} | {
  by: "deadline";
} | {
  by: "policy";
} | {
  by: "shutdown";
};

/** Life of the app-server. */
export type AppServerState = {
  state: "starting";
} | {
  state: "ready";
} | {
  /** Stable name of what is wrong, e.g. `codex_config_invalid`, `app_server_ended`. */
  code: string;
  /** What happened and what to do. */
  message: string;
  /** Milliseconds until the next start. */
  retry_in_ms: number;
  state: "waiting";
} | {
  state: "stopping";
} | {
  state: "stopped";
};

/** State of the app-server. */
export type AppServerView = {
  /** Counts starts, from 1; approvals belong to one generation. */
  generation: number;
  /** Process id while it runs. */
  pid: number | null;
  /** Now. */
  state: AppServerState;
  /** User agent it answered with, which has its version. */
  user_agent: string | null;
};

/** The approval on display. */
export type ApprovalCard = {
  /** Who asks. */
  asks: Asks;
  /** How many wait. */
  count: number;
  /** Fields of a question; none for other kinds, and for a question in a form that has no fields. */
  form: FormField[] | null;
  /** To be given back with the answer. Counts once, for this card, after a moment. */
  nonce: string;
  /** What is asked, to be laid out. */
  parts: Part[];
  /** Which of those that wait, from 1. */
  position: number;
  /** It, without its parts. */
  view: ApprovalView;
};

/** What kind of thing is asked. */
export type ApprovalKind = "command" | "file_change" | "permissions" | "user_input" | "elicitation" | "unknown";

/** Where an approval stands. */
export type ApprovalState = {
  state: "open";
} | {
  /** By whom. */
  by: AnswerSource;
  /** What. */
  decision: Decision;
  state: "sent";
} | {
  /** By whom. */
  by: AnswerSource;
  /** What. */
  decision: Decision;
  state: "applied";
} | {
  state: "superseded";
} | {
  state: "lost";
} | {
  state: "invalidated";
};

/** An approval as a person sees it. */
export type ApprovalView = {
  /** The whole request as text with hidden characters made visible. */
  body: string;
  /** What can be answered, in this order. */
  choices: Choice[];
  /** Working directory the request names. */
  cwd: string | null;
  /** When it is declined by itself, Unix milliseconds. */
  deadline_ms: number;
  /** SHA-256 over method, params and the item shown, hex. */
  digest: string;
  /** Fields of a question, in order; `None` for other kinds and for a form that is not understood whole. */
  form: FormField[] | null;
  /** One line: what it is about. */
  headline: string;
  /** `<generation>-<request id>`, e.g. `1-0`. */
  id: string;
  /** What is asked. */
  kind: ApprovalKind;
  /** Who asks: `local`, or bus/client that started the thread. */
  origin: string;
  /** What then happened to what was asked for; `None` while nothing is known to have happened. */
  outcome: ItemOutcome | null;
  /** The same as the body, in the same order, for whoever lays it out. */
  parts: Part[];
  /** When it was raised, Unix milliseconds. */
  raised_at_ms: number;
  /** Where it stands. */
  state: ApprovalState;
  /** Thread. */
  thread: string | null;
  /** Turn. */
  turn: string | null;
};

/** Who asks. All of it is safe to show. */
export type Asks = {
  /** The bus it came through; none for this computer. */
  bus: string | null;
  /** The client that started the thread. */
  client: string | null;
  /** Folder of the thread. */
  folder: string | null;
  /** Title of the thread. */
  thread_title: string | null;
};

/** How a host came by a bus. */
export type BusSource = "vault" | "flags";

/** One possible answer. */
export type Choice = {
  /** To be sent in [`Answer`]. */
  decision: Decision;
  /** A verb with its consequence. */
  label: string;
};

/** Whether Codex's own list is as fresh as ours. */
export type CodexSkills = {
  state: "unknown";
} | {
  state: "refreshing";
} | {
  state: "fresh";
} | {
  /** What it said. */
  message: string;
  state: "failed";
};

/** A stable code and a sentence that says what to do. */
export type CommandError = {
  /** Stable code. */
  code: string;
  /** What happened and what to do. */
  message: string;
};

/** Which configuration is in force. */
export type ConfigInForce = "defaults" | "file" | "last_good" | "narrowed_defaults";

/** One key of the configuration. */
export type ConfigRow = {
  /** As the file writes it. */
  key: string;
  /** Who gave it: `default`, a file and line, a variable. */
  origin: string;
  /** What happens without a value. */
  otherwise: string | null;
  /** Its value as TOML; none when nobody gave one. */
  value: string | null;
};

/** The configuration file. */
export type ConfigView = {
  /** Keys whose value has changed since the host began and counts from its next start on. */
  at_next_start: string[];
  /** What the file must not go beyond. */
  confirmed: ConfirmedState;
  /** [`ConfigOffer::digest`] when something waits. */
  digest: string | null;
  /** Where it is, or would be. */
  file: string;
  /** What is in force. */
  in_force: ConfigInForce;
  /** What is wrong with the file as it is now, and with what it names. */
  problems: ProblemView[];
  /** Security settings that the file makes wider than what a person last confirmed. */
  waiting: WideningView[];
};

/** What a person last confirmed, as far as the host knows. */
export type ConfirmedState = "defaults" | "kept" | "unreadable";

/** One client connection behind the gate. */
export type ConnectionView = {
  /** Bus, for a remote. */
  bus: string | null;
  /** Name: of the token for remotes, of `clientInfo` for locals. */
  client: string;
  /** `local` or `remote`. */
  door: string;
  /** Number, from 1, never reused in a host's life. */
  id: number;
  /** Effective role, for a remote. */
  role: Role | null;
};

/** An answer to an approval, independent of the kind of request it answers. */
export type Decision = "accept" | "accept_for_session" | "accept_with_amendment" | {
  apply_network_rule: NetworkRule;
} | {
  answers: Record<string, unknown>;
} | {
  grant: Grant;
} | "decline" | "cancel";

/** Everything the main window draws from. */
export type DesktopView = {
  /** Approvals that wait for a person at this computer. */
  approvals_open: number;
  /** Its state, while it is connected. Approvals come without their parts. */
  host: HostView | null;
  /** Until when the buses are left alone, Unix milliseconds. */
  paused_until_ms: number | null;
  /** Whether the app starts with the session. */
  start_at_login: boolean;
  /** The host's process. */
  supervisor: SupervisorView;
  /** Whether there is a tray to live in. */
  tray: boolean;
  /** Version of the app. */
  version: string;
};

/** One line of a difference. */
export type DiffLine = {
  /** What it is. */
  kind: DiffLineKind;
  /** Whole, with its sign in front where it has one. */
  text: string;
};

/** What a line of a difference is. */
export type DiffLineKind = "added" | "removed" | "context" | "place" | "about";

/** Why an enrollment is not used. */
export type DisabledView = {
  /** When, Unix milliseconds, if known. */
  at_ms: number | null;
  /** `revoked` and others of its kind. */
  reason: string;
};

/** What an answer looks like. */
export type FieldKind = "text" | "secret" | "number" | "integer" | "boolean" | "one" | "several";

/** One question as a field of a form. Its texts are safe to show; its id is what the answer goes under. */
export type FormField = {
  /** More about it. */
  about: string | null;
  /** As the asker wrote it. */
  id: string;
  /** What an answer looks like. */
  kind: FieldKind;
  /** The question. */
  label: string;
  /** What to choose from. */
  options: FormOption[];
  /** Whether a text of one's own is taken besides the options. */
  other: boolean;
  /** Whether it must be answered. */
  required: boolean;
  /** What it says before anybody answered. */
  value: string | null;
};

/** One option. */
export type FormOption = {
  /** More about it. */
  about: string | null;
  /** What is shown. */
  label: string;
  /** What is sent, as the asker wrote it. */
  value: string;
};

/** A part of what a request for permissions asked for. The host takes nothing that was not asked. */
export type Grant = {
  /** In the form of the request's `permissions`. */
  permissions: Record<string, unknown>;
  /** For the rest of the thread, not of the turn only. */
  session: boolean;
  /** Every later command of this turn is reviewed before it runs. */
  strict_auto_review: boolean;
};

/** Who runs. */
export type HostIdentity = {
  /** Data directory. */
  data_dir: string;
  /** Stable id at buses. */
  id: string;
  /** Display name. */
  name: string;
  /** Process id. */
  pid: number;
  /** Version of the software. */
  version: string;
};

/** The whole state a client sees. */
export type HostView = {
  /** The app-server. */
  app_server: AppServerView;
  /** Open approvals and those that ended in the last minutes, oldest first. */
  approvals: ApprovalView[];
  /** The configuration file, when the host reads one. */
  config: ConfigView | null;
  /** Clients in tunnels and on the local socket. */
  connections: ConnectionView[];
  /** Who runs here. */
  host: HostIdentity;
  /** Who keeps the host up. */
  leases: LeaseView[];
  /** Buses and the links to them: of flags first, then enrolled ones, oldest first. */
  links: LinkView[];
  /** Policy in force. */
  policy: PolicyView;
  /** Number of the last change contained in it. */
  seq: number;
  /** Skills. */
  skills: SkillsView;
  /** Live threads. */
  threads: ThreadView[];
  /** The vault. */
  vault: VaultView;
};

/** A file that Codex reads when a thread starts. */
export type InstructionsView = {
  /** When the file was changed last, Unix milliseconds. */
  changed_at_ms: number | null;
  /** SHA-256 of the file, hex; `None` when it was not read whole. */
  hash: string | null;
  /** Live threads that began before it changed and keep the old one. */
  old_in: string[];
  /** The file. */
  path: string;
  /** Size of the file. */
  size: number;
};

/** More text of an item. */
export type ItemDelta = {
  /** Which. */
  itemId: string;
  /** What is added. */
  text: string;
};

/** What happened to the item an approval was about. An answer that was applied says only that the app-server took it; this says what came of it. */
export type ItemOutcome = {
  outcome: "running";
} | {
  /** Exit code of a command. */
  exit_code: number | null;
  outcome: "completed";
} | {
  /** Exit code of a command. */
  exit_code: number | null;
  outcome: "failed";
} | {
  outcome: "declined";
} | {
  outcome: "turn_interrupted";
} | {
  outcome: "unknown";
};

/** One lease. */
export type LeaseView = {
  /** Name the holder gave. */
  client: string;
  /** Its process id. */
  pid: number | null;
};

/** State of the link to one bus. */
export type LinkState = {
  state: "disconnected";
} | {
  /** How many attempts since the last success, from 1. */
  attempt: number;
  state: "connecting";
} | {
  /** Round trip of the last ping, in milliseconds, once known. */
  round_trip_ms: number | null;
  state: "connected";
} | {
  /** Stable code, e.g. `dns`, `refused`, `tls`, `timeout`, `http_502`, `link_lost`. */
  code: string;
  /** What happened and what to do. */
  message: string;
  /** Milliseconds until then. */
  retry_in_ms: number;
  state: "waiting";
} | {
  /** Stable code, e.g. `unauthorized`, `revoked`, `replaced`, `unsupported`, `no_connect_route`. */
  code: string;
  /** What happened and what to do. */
  message: string;
  state: "failed";
};

/** A bus this host is enrolled at, or was told of by flags. */
export type LinkView = {
  /** Base URL. */
  api: string;
  /** Its host and port, as tunnels and approvals name it. */
  bus: string;
  /** PEM file with trust anchors besides those of the system. */
  ca_file: string | null;
  /** Why it is not used any more, until it is enrolled again. */
  disabled: DisabledView | null;
  /** Names it in requests. */
  id: string;
  /** Actual state. */
  link: LinkState;
  /** The MCP server that threads through it get. */
  mcp: McpView | null;
  /** Name of the bus for a person. */
  name: string;
  /** When the bus was last heard to be well, Unix milliseconds. */
  pong_at_ms: number | null;
  /** When this state began, Unix milliseconds. */
  since_ms: number;
  /** How this host came by it. */
  source: BusSource;
  /** Whether the user wants it connected. */
  wanted: boolean;
};

/** Whether an MCP server answers with its token. */
export type McpCheck = {
  state: "unchecked";
} | {
  state: "checking";
} | {
  /** When, Unix milliseconds. */
  at_ms: number;
  state: "good";
} | {
  /** `mcp_no_token`, `mcp_unauthorized`, `not_mcp`, or why it cannot be reached. */
  code: string;
  /** What happened and what to do. */
  message: string;
  state: "bad";
};

/** An MCP server that threads get. */
export type McpView = {
  /** The app-server does not have its token yet: that comes when the agent restarts. */
  after_restart: boolean;
  /** Whether it answers. */
  check: McpCheck;
  /** Whether a token is set. The token is shown to nobody. */
  has_token: boolean;
  /** Name in threads. */
  name: string;
  /** Address. */
  url: string;
};

/** What a [`NetworkRule`] does. */
export type NetworkAction = "allow" | "deny";

/** A lasting rule for one host of the network, as the app-server writes it (schema of 0.169.0). */
export type NetworkRule = {
  /** What becomes of connections to it. */
  action: NetworkAction;
  /** The host, as the app-server names it. */
  host: string;
};

/** Something worth telling. */
export type NoticeView = {
  /** Stable code. */
  code: string;
  /** A sentence. */
  message: string;
};

/** One part of a card. */
export type Part = {
  part: "say";
  /** It. */
  text: string;
} | {
  /** Ours. */
  label: string;
  part: "text";
  /** The agent's. */
  text: string;
} | {
  /** Ours. */
  label: string;
  part: "fact";
  /** The agent's, or ours where a label says it all. */
  value: string;
} | {
  /** Lines that come. */
  added: number;
  /** Whether it holds what is no text. */
  binary: boolean;
  /** Ours. */
  label: string;
  /** Every line. */
  lines: DiffLine[];
  part: "diff";
  /** Lines that go. */
  removed: number;
} | {
  /** One each. */
  notes: string[];
  part: "notes";
} | {
  part: "claim";
  /** They. */
  text: string;
};

/** Policy in force. */
export type PolicyView = {
  /** Who may answer approvals. */
  answer: WhoMayAnswer;
  /** What a remote may set for a thread: approval policy and sandbox, as `on-request + read-only`. */
  ceilings: string[];
  /** Highest role of a remote. */
  role: Role;
  /** Folders a remote sees. */
  roots: string[];
};

/** Something wrong with a file. */
export type ProblemView = {
  /** Stable code. */
  code: string;
  /** Where it ends, exclusive. */
  end: [number, number] | null;
  /** The file. */
  file: string | null;
  /** `error` or `warning`. */
  severity: string;
  /** Where it begins: line and column, from 1. */
  start: [number, number] | null;
  /** `FILE:LINE:COL: message`, the line and a caret under the place. */
  text: string;
};

/** How a process ended. */
export type ProcessEnd = {
  /** When, Unix milliseconds. */
  at_ms: number;
  /** What is known of why. */
  message: string;
};

/** Whether a process runs. */
export type ProcessState = "starting" | "running" | "waiting" | "off";

/** One of them. */
export type ProcessView = {
  /** Processes that it started and that still run, such as the agent's commands and MCP servers. */
  below: number;
  /** Their memory in bytes together. */
  below_memory: number;
  /** `host`, `app-server`, or `connector:<id of its bus>`: what `logs` and `processes/restart` take. */
  id: string;
  /** How its last life ended; none when it has not ended since the host was started. */
  last_end: ProcessEnd | null;
  /** Its memory in bytes, with its part of what it shares with others, where the system tells. */
  memory: number | null;
  /** Process id while it runs. */
  pid: number | null;
  /** When it was started, Unix milliseconds; none while it does not run. */
  since_ms: number | null;
  /** How often it was started since the host was; 1 when it never had to be again. 0 before the first time. */
  starts: number;
  /** Whether it runs. */
  state: ProcessState;
};

/** Answer to `processes/list`. Not part of the snapshot, because memory changes all the time: who wants to see it asks. */
export type ProcessesView = {
  /** The host first, then the app-server, then one connector for each bus. */
  processes: ProcessView[];
};

/** Answer to the wish to quit. */
export type QuitAnswer = {
  /** Turns that would be interrupted. Above 0 nothing happened, unless it was to be done anyway. */
  running: number;
};

/** What a remote client may do. Ordered: `Viewer < Operator`. */
export type Role = "viewer" | "operator";

/** Something that changed. */
export type SkillChangeView = {
  /** When it was noticed, Unix milliseconds. */
  at_ms: number;
  /** Where it was before, when it was renamed or moved. */
  from: string | null;
  /** `created`, `modified`, `deleted`, `renamed`, `moved`. */
  kind: string;
  /** Name of the skill; `None` for a file of instructions. */
  name: string | null;
  /** Threads in which a turn ran at that time: there it applies from the next turn. */
  next_turn: string[];
  /** The file. */
  path: string;
};

/** Something wrong. */
export type SkillProblemView = {
  /** Stable code. */
  code: string;
  /** Which column of that line, from 1, in characters. */
  column: number | null;
  /** Which line of it, from 1. */
  line: number | null;
  /** What is wrong and what to do, hidden characters visible. */
  message: string;
  /** Which file or folder. */
  path: string;
  /** `error` (Codex does not use it) or `warning`. */
  severity: string;
};

/** A folder that is looked at for skills. */
export type SkillRootView = {
  /** The folder whose threads have these skills; `None` for all. */
  folder: string | null;
  /** `codex_home`, `home`, `extra`, `folder`, `system`, `admin`. */
  kind: string;
  /** Live threads that began before there was a `.codex` in their folder: Codex looks into that only when a thread starts or is loaded, so these have none of its skills. */
  not_in: string[];
  /** Where, as Codex names it. */
  path: string;
  /** What is wrong with it besides its skills. */
  problems: SkillProblemView[];
  /** Whether only Codex or an administrator changes what is in it. */
  read_only: boolean;
  /** Where it really is, when that is elsewhere. */
  real: string | null;
  /** `repo`, `user`, `system`, `admin`. */
  scope: string;
  /** `present`, `missing`, `not_a_folder`, `unreadable`. */
  state: string;
};

/** A skill, usable or not. */
export type SkillView = {
  /** When the file was changed last, Unix milliseconds. */
  changed_at_ms: number | null;
  /** Its description in one line, hidden characters visible. */
  description: string;
  /** Whether Codex uses it; `None` while Codex did not say. */
  enabled: boolean | null;
  /** SHA-256 of the file, hex; `None` when it was not read whole. */
  hash: string | null;
  /** Its name, hidden characters visible. */
  name: string;
  /** Threads in which a turn runs that began before it changed: there it applies from the next turn. */
  next_turn: string[];
  /** Its `SKILL.md`. */
  path: string;
  /** What is wrong with it. */
  problems: SkillProblemView[];
  /** [`SkillRootView::path`]. */
  root: string;
  /** `repo`, `user`, `system`, `admin`. */
  scope: string;
  /** Size of the file. */
  size: number;
};

/** How changes are noticed. */
export type SkillWatching = {
  state: "starting";
} | {
  state: "watched";
} | {
  /** Stable code: `overflow`, `limit`, `unavailable`. */
  code: string;
  /** How often, in milliseconds. */
  every_ms: number;
  /** Why, and what to do. */
  message: string;
  state: "polled";
} | {
  /** Why, and what to do. */
  message: string;
  state: "off";
};

/** All that is known of skills. */
export type SkillsView = {
  /** How many changes there were since the host began. Who knows an older number knows how many are new, also when more are new than `recent` has. */
  changes: number;
  /** Whether Codex's own list is as fresh as this one. */
  codex: CodexSkills;
  /** `AGENTS.md` and `AGENTS.override.md` of known folders, those that are there. */
  instructions: InstructionsView[];
  /** The last of them, at most 50, newest last. */
  recent: SkillChangeView[];
  /** Folders that are looked at, in the order in which Codex prefers them. */
  roots: SkillRootView[];
  /** By root, in it by path. */
  skills: SkillView[];
  /** Folders of live threads that are not watched; `None` when all are. */
  unwatched: UnwatchedFolders | null;
  /** How changes are noticed. */
  watching: SkillWatching;
};

/** How it is with the host's process. */
export type SupervisorView = {
  state: "starting";
} | {
  /** Its process id. */
  pid: number;
  state: "up";
} | {
  /** Stable name of what is wrong. */
  code: string;
  /** What happened and what to do. */
  message: string;
  /** Unix milliseconds of the next try. */
  retry_at_ms: number;
  /** Milliseconds until then, when this was made. */
  retry_in_ms: number;
  state: "waiting";
} | {
  /** Stable name of what is wrong. */
  code: string;
  /** What happened and what to do. */
  message: string;
  state: "failed";
} | {
  state: "stopping";
};

/** Something that is different now. */
export type ThreadChange = {
  item: Item;
} | {
  delta: ItemDelta;
} | {
  turn: TurnState;
} | {
  about: About;
} | {
  reset: ThreadItems;
} | {
  away: CommandError;
};

/** What happened in a thread since the last event. */
export type ThreadEvent = {
  /** In order. */
  changes: ThreadChange[];
  /** Which thread. */
  id: string;
  /** One more than that of the last event of this thread. */
  seq: number;
};

/** A thread as it stands. */
export type ThreadItems = {
  /** The branch the thread began on. */
  branch: string | null;
  /** Whether there are items before these. */
  earlier: boolean;
  /** Items in order. */
  items: Item[];
  /** The model, when it is known. */
  model: string | null;
  /** Events with this number or a lower one are contained. */
  seq: number;
  /** Tokens used so far, once they were told. */
  tokens: number | null;
  /** The turn that runs, or ran last. */
  turn: TurnState | null;
};

/** A thread the host knows to be live. */
export type ThreadView = {
  /** Approval policy and sandbox as far as known, e.g. `on-request`, `read-only`. */
  approval_policy: string | null;
  /** Working directory. */
  cwd: string | null;
  /** Thread id. */
  id: string;
  /** Who started it: `local`, or bus/client. */
  origin: string;
  /** See above. */
  sandbox: string | null;
  /** `idle`, `active`, `waiting_on_approval`, `waiting_on_user_input`, `system_error`. */
  status: string;
  /** Name or first words. */
  title: string | null;
  /** Active turn. */
  turn: string | null;
  /** Whether its settings exceed every remote ceiling (remote turns are refused). */
  wide: boolean;
};

/** A turn. */
export type TurnState = {
  /** Which. */
  id: string;
  /** `inProgress`, `completed`, `interrupted` or `failed`. */
  status: string;
};

/** Folders in which threads live and that nobody looks at. */
export type UnwatchedFolders = {
  /** Stable code: `too_many_folders`. */
  code: string;
  /** Which. */
  folders: string[];
  /** Why, and what to do. */
  message: string;
};

/** How the vault is. */
export type VaultCondition = {
  state: "none";
} | {
  state: "opening";
} | {
  state: "open";
} | {
  /** Stable code, e.g. `keyring_locked`, `key_lost`. */
  code: string;
  /** What happened and what to do. */
  message: string;
  state: "failed";
};

/** A file of the vault. */
export type VaultFileView = {
  /** `good`, or the code of what is wrong with it. */
  code: string;
  /** What that means; empty when it is good. */
  message: string;
  /** Id of the bus, or `confirmed`. */
  name: string;
};

/** The vault. */
export type VaultView = {
  /** Its files. */
  files: VaultFileView[];
  /** Where its key is kept: `keyring`, `key_file`, `systemd_credential`. */
  key: string;
  /** What else is worth telling: a code and a sentence each. */
  notices: NoticeView[];
  /** The same in words. */
  place: string;
  /** How it is. */
  state: VaultCondition;
};

/** Who may answer approvals: the person at the host, remote clients, or both. */
export type WhoMayAnswer = "local" | "remote" | "both";

/** A security setting that waits for a person. */
export type WideningView = {
  /** What is in force. */
  from: string;
  /** Key of the file. */
  key: string;
  /** What the file wants. */
  to: string;
};

/** An item of a thread as the app-server writes it; only `id` and `type` are sure to be there. */
export type Item = { id: string; type: string; [member: string]: unknown };
