// Lines of the record in words. A kind this version does not know is shown as it came.

import { inertLine, inert } from "./inert";

export type Line = { at: number; text: string; refused: boolean; whole: string; search: string };

type Entry = Record<string, unknown>;

function words(entry: Entry): string {
  const t = (name: string) => {
    const value = entry[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  };
  const who = () => {
    const client = t("client") || `connection ${t("connection")}`;
    return t("bus") === "" ? client : `${client} at ${t("bus")}`;
  };
  const door = () => ({ control: "the control socket", app_server: "the local Codex socket", tunnel: "a bus" })[t("door")] ?? t("door");
  switch (entry["kind"]) {
    case "host_started":
      return `The host started, version ${t("version")}`;
    case "host_stopped":
      return `The host stopped: ${t("reason")}`;
    case "connection_opened":
      return `${who()} came in through ${door()} as ${t("role")}`;
    case "connection_closed":
      return `Connection ${t("connection")} ended: ${t("reason")}`;
    case "connection_refused":
      return `Not let in at ${door()}: ${t("reason")}`;
    case "request_refused":
      return `Refused ${t("method")} of connection ${t("connection")} (${t("rule")})`;
    case "refusals_left_out":
      return `${t("count")} more refusals of connection ${t("connection")} (${t("rule")})`;
    case "approval_raised":
      return `Approval ${t("approval")} asked: ${t("method")}`;
    case "approval_answered":
      return `Approval ${t("approval")} answered ${t("decision")} by ${t("by")}`;
    case "approval_ended":
      return `Approval ${t("approval")} ended: ${t("state")}`;
    case "dropped_answer":
      return `An answer of connection ${t("connection")} did not count: ${t("reason")}`;
    case "policy_set":
      return `${t("setting")} set to ${t("value")} by ${t("by")}`;
    case "thread_widened":
      return `A thread is beyond what a remote may have: ${t("reason")}`;
    case "app_server_started":
      return `Codex started: ${t("user_agent")}`;
    case "app_server_ended":
      return `Codex ended${entry["expected"] === true ? "" : " unasked"}: ${t("reason")}`;
    case "restart_asked":
      return `${t("process") === "app-server" ? "Codex" : "A connector"} was started again as ${t("client")} asked`;
    case "swept":
      return `${t("ended")} processes left behind were ended`;
    default: {
      const { at_ms: _at, kind, ...rest } = entry;
      return `${String(kind)} ${JSON.stringify(rest)}`;
    }
  }
}

export function activity(entry: Entry): Line {
  const at = typeof entry["at_ms"] === "number" ? entry["at_ms"] : 0;
  const kind = String(entry["kind"]);
  const text = inertLine(words(entry));
  const whole = inert(JSON.stringify(entry, null, 2));
  return { at, text, refused: /refus|dropped/.test(kind), whole, search: `${text} ${whole}`.toLowerCase() };
}
