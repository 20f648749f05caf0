// What states are called, in whole sentences with a way out.

import type {
  AnswerSource,
  ApprovalKind,
  ApprovalState,
  ApprovalView,
  Decision,
  DesktopView,
  ItemOutcome,
  LinkView,
  WhoMayAnswer,
} from "./types";
import { ago, clock, span } from "./time";

/** Shape of the bridge deck. */
export type Deck = "up" | "connecting" | "off" | "problem";
export type Tone = "up" | "waiting" | "problem" | "off";

export type LinkWords = { deck: Deck; tone: Tone; word: string; sentence: string; remedy: string | null; code: string | null };

export function linkWords(link: LinkView, now: number): LinkWords {
  if (link.disabled) {
    const when = link.disabled.at_ms === null ? "" : ` since ${clock(link.disabled.at_ms, now)}`;
    return {
      deck: "problem",
      tone: "problem",
      word: "Not in use",
      sentence: `${link.name} does not take this computer any more${when}.`,
      remedy: "Ask who runs the bus for a new code, and enroll again.",
      code: link.disabled.reason,
    };
  }
  const state = link.link;
  switch (state.state) {
    case "connected":
      return { deck: "up", tone: "up", word: "Connected", sentence: `Connected to ${link.name}`, remedy: null, code: null };
    case "connecting":
      return {
        deck: "connecting",
        tone: "waiting",
        word: "Connecting",
        sentence: state.attempt > 1 ? `Connecting to ${link.name}, attempt ${state.attempt}` : `Connecting to ${link.name}`,
        remedy: null,
        code: null,
      };
    case "waiting":
      return {
        deck: "problem",
        tone: "problem",
        word: "Offline",
        sentence: `${link.name} is offline, next try in ${span(Math.max(0, link.since_ms + state.retry_in_ms - now))}`,
        remedy: state.message,
        code: state.code,
      };
    case "failed":
      return {
        deck: "problem",
        tone: "problem",
        word: "Failed",
        sentence: `${link.name} cannot be used`,
        remedy: state.message,
        code: state.code,
      };
    case "disconnected":
      return {
        deck: "off",
        tone: "off",
        word: link.wanted ? "Paused" : "Off",
        sentence: link.wanted ? `${link.name} is paused` : `Not connected to ${link.name}`,
        remedy: null,
        code: null,
      };
  }
}

export type BridgeWords = { deck: Deck; tone: Tone; sentence: string; remedy: string | null };

/** The one state of the whole bridge. */
export function bridgeWords(view: DesktopView | null, now: number): BridgeWords {
  if (view === null) return { deck: "connecting", tone: "waiting", sentence: "Asking the host how it is", remedy: null };
  const { supervisor, host } = view;
  if (supervisor.state === "failed") {
    return { deck: "problem", tone: "problem", sentence: "The host could not start", remedy: supervisor.message };
  }
  if (supervisor.state === "waiting") {
    return {
      deck: "problem",
      tone: "problem",
      sentence: `The host ended; it starts again in ${span(supervisor.retry_in_ms)}`,
      remedy: supervisor.message,
    };
  }
  if (supervisor.state === "stopping") return { deck: "off", tone: "off", sentence: "The host is stopping", remedy: null };
  if (host === null) return { deck: "connecting", tone: "waiting", sentence: "The host is starting", remedy: null };
  if (view.paused_until_ms !== null && view.paused_until_ms > now) {
    return {
      deck: "off",
      tone: "off",
      sentence: `Paused, connects again in ${span(view.paused_until_ms - now)}`,
      remedy: null,
    };
  }
  const links = host.links;
  if (links.length === 0) return { deck: "off", tone: "off", sentence: "This computer only", remedy: null };
  if (links.length === 1 && links[0]) {
    const words = linkWords(links[0], now);
    return { deck: words.deck, tone: words.tone, sentence: words.sentence, remedy: words.remedy };
  }
  const wanted = links.filter((link) => link.wanted);
  const up = links.filter((link) => link.link.state === "connected");
  if (wanted.length === 0) return { deck: "off", tone: "off", sentence: "Not connected to any bus", remedy: null };
  const only = wanted.length === 1 ? wanted[0] : undefined;
  if (only) {
    const words = linkWords(only, now);
    return { deck: words.deck, tone: words.tone, sentence: words.sentence, remedy: words.remedy };
  }
  if (up.length === wanted.length) {
    return { deck: "up", tone: "up", sentence: `Connected to ${up.length} buses`, remedy: null };
  }
  const bad = wanted.some((link) => link.disabled !== null || link.link.state === "failed" || link.link.state === "waiting");
  return {
    deck: bad ? "problem" : "connecting",
    tone: bad ? "problem" : "waiting",
    sentence: `Connected to ${up.length} of ${wanted.length} buses`,
    remedy: null,
  };
}

export function threadWord(status: string): { tone: Tone; word: string } {
  switch (status) {
    case "active":
      return { tone: "up", word: "running" };
    case "waiting_on_approval":
      return { tone: "waiting", word: "waits for you" };
    case "waiting_on_user_input":
      return { tone: "waiting", word: "asks you" };
    case "system_error":
      return { tone: "problem", word: "error" };
    case "idle":
      return { tone: "off", word: "idle" };
    default:
      return { tone: "off", word: status.replace(/_/g, " ") };
  }
}

export const KIND: Record<ApprovalKind, string> = {
  command: "command",
  file_change: "file change",
  permissions: "permissions",
  user_input: "question",
  elicitation: "MCP question",
  unknown: "unknown request",
};

export const decisionWord = (decision: Decision): string =>
  typeof decision === "string" ? decision : (Object.keys(decision)[0] ?? "");

/** Whether it lets the agent do what it asked for. */
export const grants = (decision: Decision): boolean =>
  typeof decision === "object" && "apply_network_rule" in decision
    ? decision.apply_network_rule.action === "allow"
    : decision !== "decline" && decision !== "cancel";

/** Whether it needs care: it lets the agent go on, or it stays in force. */
export const weighs = (decision: Decision): boolean => grants(decision) || decisionWord(decision) === "apply_network_rule";

/** What a decision will mean from now on. */
export function meaning(kind: ApprovalKind, decision: Decision): string {
  const word = decisionWord(decision);
  if (kind === "permissions" && word === "accept") return "Until this turn ends; then it is asked again.";
  if (kind === "permissions" && word === "accept_for_session") return "Until this thread ends.";
  switch (word) {
    case "accept":
      return "This one time. The next request asks again.";
    case "accept_for_session":
      return "The same again is not asked in this thread, until it ends.";
    case "accept_with_amendment":
      return "Permanent, in all threads, until you remove the rule.";
    case "apply_network_rule":
      return grants(decision)
        ? "Permanent, in all threads, until you remove the rule. This connection is allowed, too."
        : "Permanent, in all threads, until you remove the rule. This connection does not happen; the turn goes on.";
    case "answers":
      return "Sends what you filled in. The turn goes on.";
    case "grant":
      return "Only a part of what was asked for.";
    case "decline":
      return "It does not happen. The turn goes on.";
    default:
      return "It does not happen, and the turn ends.";
  }
}

export function did(decision: Decision): string {
  switch (decisionWord(decision)) {
    case "decline":
      return "Declined";
    case "cancel":
      return "Declined and stopped";
    case "answers":
      return "Answered";
    case "accept_for_session":
      return "Accepted for the thread";
    case "accept_with_amendment":
      return "Accepted with a lasting rule";
    case "apply_network_rule":
      return grants(decision) ? "Accepted with a lasting network rule" : "Declined with a lasting network rule";
    case "grant":
      return "Granted in part";
    default:
      return "Accepted";
  }
}

export function by(source: AnswerSource): string {
  switch (source.by) {
    case "control":
      return `by ${source.client}`;
    case "local_client":
      return "by a local Codex client";
    case "remote":
      return `by ${source.client} at ${source.bus}`;
    case "deadline":
      return "because nobody answered in time";
    case "policy":
      return "because nobody may answer this kind of request";
    case "shutdown":
      return "because the host is stopping";
  }
}

/** How an approval ended, or `null` while it waits. */
export function ended(state: ApprovalState): string | null {
  switch (state.state) {
    case "open":
      return null;
    case "sent":
    case "applied":
      return `${did(state.decision)} ${by(state.by)}`;
    case "superseded":
      return "Answered on another Codex client, or the turn was interrupted first";
    case "lost":
      return "Expired: the agent was restarted";
    case "invalidated":
      return "Void: the request came again with another content";
  }
}

export function outcomeWord(outcome: ItemOutcome): string {
  switch (outcome.outcome) {
    case "running":
      return "still running";
    case "completed":
      return outcome.exit_code === null ? "carried out" : `carried out, exit code ${outcome.exit_code}`;
    case "failed":
      return outcome.exit_code === null ? "tried and failed" : `failed, exit code ${outcome.exit_code}`;
    case "declined":
      return "not carried out";
    case "turn_interrupted":
      return "the turn was interrupted; what ran by then may still run";
    case "unknown":
      return "what became of it is not known";
  }
}

export const raisedWord = (approval: ApprovalView, now: number): string => `asked ${ago(approval.raised_at_ms, now)}`;

export const ANSWER: Record<WhoMayAnswer, { label: string; about: string }> = {
  local: { label: "Only you, at this computer", about: "Remote people see what waits, and cannot answer it." },
  both: {
    label: "You, or a remote operator",
    about: "The first answer counts. The bus and the connector are then trusted with answers.",
  },
  remote: {
    label: "Only remote operators",
    about: "Nobody answers here. The bus and the connector are then trusted with every answer.",
  },
};

/** The folder with the home of the person shortened is a guess; show it whole. */
export const folder = (path: string | null): string => path ?? "no folder";

export const policyWord = (policy: string | null): string => {
  switch (policy) {
    case null:
      return "approval mode not known";
    case "never":
      return "never asks";
    case "on-request":
      return "asks when it wants more";
    case "on-failure":
      return "asks after a failure";
    case "untrusted":
    case "unless-trusted":
      return "asks before all but known commands";
    default:
      return policy;
  }
};

export const sandboxWord = (sandbox: string | null): string => {
  switch (sandbox) {
    case null:
      return "sandbox not known";
    case "read-only":
    case "readOnly":
      return "reads only";
    case "workspace-write":
    case "workspaceWrite":
      return "writes in its folder";
    case "danger-full-access":
    case "dangerFullAccess":
      return "no sandbox";
    default:
      return sandbox;
  }
};

/** A number as people read it. Not by the browser's own words for numbers: to load those takes it longer than
 *  a frame, and the first number comes at the end of a turn. */
export const grouped = (number: number): string => String(number).replace(/\B(?=(?:\d{3})+$)/g, ",");
