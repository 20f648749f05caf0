// The Rust side, as the tests pretend it.

import { cleanup } from "@testing-library/svelte";
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { emit } from "@tauri-apps/api/event";

export type Call = { command: string; args: Record<string, unknown> };
export type Rust = { calls: Call[]; answers: Record<string, unknown>; emit: typeof emit };

/** Answers are values, or functions of the arguments; one that throws rejects. */
export function rust(answers: Record<string, unknown>): Rust {
  const calls: Call[] = [];
  const side: Rust = { calls, answers, emit };
  mockIPC(
    (command, args) => {
      calls.push({ command, args: args as Record<string, unknown> });
      const answer = side.answers[command];
      return typeof answer === "function" ? (answer as (args: unknown) => unknown)(args) : (answer ?? null);
    },
    { shouldMockEvents: true },
  );
  return side;
}

export const named = (side: Rust, command: string): Call[] => side.calls.filter((one) => one.command === command);

/** Takes the page away before the side it talks to. */
export async function done(): Promise<void> {
  cleanup();
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
  clearMocks();
}
