// What grows is painted once a frame at the most, and leaves the page its time.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pace } from "../src/lib/pace";

/** When it was painted, by the clock of the timers. */
let painted: number[];
/** How long the page is busy with each. */
let cost: number;
let pace: Pace;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  painted = [];
  cost = 0;
  let busy = 0;
  vi.spyOn(performance, "now").mockImplementation(() => Date.now() + busy);
  pace = new Pace(() => {
    painted.push(Date.now());
    busy += cost;
  });
});
afterEach(() => vi.useRealTimers());

/** Tells every millisecond that there is something to paint. */
function grows(ms: number) {
  for (let n = 0; n < ms; n += 1) {
    pace.soon();
    vi.advanceTimersByTime(1);
  }
}

test("is painted in every frame while that costs nothing", () => {
  grows(1000);
  expect(painted.length).toBeGreaterThan(55);
  expect(painted.length).toBeLessThanOrEqual(63);
});

test("rests twice as long as a frame took", () => {
  cost = 30;
  grows(1000);
  const pauses = painted.slice(1).map((at, n) => at - (painted[n] ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(60);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(60 + 17);
});

test("rests for a moment only, however long a frame took", () => {
  cost = 5000;
  grows(1000);
  expect(painted.length).toBeGreaterThanOrEqual(8);
});

test("paints what came last, once, and then nothing", () => {
  cost = 30;
  pace.soon();
  vi.advanceTimersByTime(20);
  pace.soon();
  pace.soon();
  vi.advanceTimersByTime(1000);
  expect(painted).toHaveLength(2);
});

test.each(["before a frame", "in a rest", "before anything"])("paints nothing once it is stopped %s", (when) => {
  cost = 30;
  if (when === "in a rest") {
    pace.soon();
    vi.advanceTimersByTime(20);
  }
  if (when !== "before anything") pace.soon();
  const before = painted.length;
  pace.stop();
  if (when === "before anything") pace.soon();
  vi.advanceTimersByTime(1000);
  expect([before, painted.length]).toEqual([when === "in a rest" ? 1 : 0, before]);
});

test("goes on after a painting that failed", () => {
  let fails = true;
  const one = new Pace(() => {
    painted.push(Date.now());
    if (fails) throw new Error("it cannot be painted");
  });
  one.soon();
  expect(() => vi.advanceTimersByTime(20)).toThrow("it cannot be painted");
  fails = false;
  vi.advanceTimersByTime(100);
  one.soon();
  vi.advanceTimersByTime(100);
  expect(painted).toHaveLength(2);
});
