// Items of a thread as the app-server writes them, read into what the page shows. Whatever has an
// unknown form is shown as it came.

import type { Item } from "./types";
import { inert } from "./inert";

export type FileChange = { path: string; verb: string; diff: string };
export type Shown =
  | { is: "message"; who: "you" | "agent"; text: string }
  | { is: "thinking"; text: string }
  | { is: "plan"; text: string }
  | { is: "command"; command: string; cwd: string; output: string; status: string; exit: number | null; took: number | null }
  | { is: "files"; changes: FileChange[]; status: string }
  | { is: "tool"; server: string; tool: string; args: string; status: string; result: string; took: number | null }
  | { is: "notice"; text: string }
  | { is: "raw"; type: string; text: string };

const word = (value: unknown): string => (typeof value === "string" ? value : "");
const count = (value: unknown): number | null => (typeof value === "number" ? value : null);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** JSON for reading. */
export function pretty(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

/** Which member of an item a delta adds to. */
export function growing(type: string): string {
  if (type === "commandExecution") return "aggregatedOutput";
  if (type === "reasoning") return "streamed";
  return "text";
}

function said(content: unknown): string {
  return list(content)
    .map((part) => {
      const type = word(member(part, "type"));
      if (type === "text") return word(member(part, "text"));
      const what = member(part, "path") ?? member(part, "name") ?? member(part, "url") ?? member(part, "fileId");
      return `[${type}${what === undefined ? "" : `: ${word(what)}`}]`;
    })
    .join("\n");
}

function verbOf(kind: unknown): string {
  const type = word(typeof kind === "string" ? kind : member(kind, "type"));
  const moved = word(member(kind, "move_path"));
  const verb = { add: "new", delete: "deleted", update: "changed" }[type] ?? type;
  return moved === "" ? verb : `${verb}, moved to ${moved}`;
}

export function shown(item: Item): Shown {
  // The words of an agent stay as they came: what draws them makes them inert, piece by piece, as they grow.
  const text = word(item["text"]);
  switch (item.type) {
    case "userMessage":
      return { is: "message", who: "you", text: inert(said(item["content"])) };
    case "agentMessage":
      return { is: "message", who: "agent", text };
    case "reasoning": {
      const told = [...list(item["summary"]), ...list(item["content"])].map(word).filter((part) => part !== "");
      return { is: "thinking", text: told.length > 0 ? told.join("\n\n") : word(item["streamed"]) };
    }
    case "plan":
      return { is: "plan", text };
    case "commandExecution":
      return {
        is: "command",
        command: inert(word(item["command"])),
        cwd: inert(word(item["cwd"])),
        output: inert(word(item["aggregatedOutput"])),
        status: word(item["status"]),
        exit: count(item["exitCode"]),
        took: count(item["durationMs"]),
      };
    case "fileChange":
      return {
        is: "files",
        status: word(item["status"]),
        changes: list(item["changes"]).map((change) => ({
          path: inert(word(member(change, "path"))),
          verb: inert(verbOf(member(change, "kind"))),
          diff: inert(word(member(change, "diff"))),
        })),
      };
    case "mcpToolCall":
    case "dynamicToolCall":
    case "collabAgentToolCall":
      return {
        is: "tool",
        server: inert(word(item["server"]) || word(item["namespace"])),
        tool: inert(word(item["tool"])),
        args: inert(pretty(item["arguments"] ?? item["prompt"])),
        status: word(item["status"]),
        result: inert(pretty(item["error"] ?? item["result"] ?? item["contentItems"])),
        took: count(item["durationMs"]),
      };
    case "contextCompaction":
      return { is: "notice", text: "Earlier parts of this thread were summed up to make room." };
    case "webSearch":
      return { is: "notice", text: `Searched the web: ${inert(word(item["query"]))}` };
    case "error":
    case "notice":
      return { is: "notice", text: inert(word(item["message"]) || text) };
    default: {
      const { id: _id, type, ...rest } = item;
      return { is: "raw", type: inert(type), text: inert(pretty(rest)) };
    }
  }
}
