// Times in words: relative on the screen, absolute on hover.

/** "4 s", "2 min 10 s", "3 h 5 min", "2 d". */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return s % 60 === 0 ? `${min} min` : `${min} min ${s % 60} s`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 === 0 ? `${h} h` : `${h} h ${min % 60} min`;
  return `${Math.floor(h / 24)} d`;
}

/** How long something took: with milliseconds below a second. */
export function took(ms: number): string {
  return ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : span(ms);
}

/** "just now", "4 s ago", "2 h 3 min ago". */
export function ago(then: number, now: number): string {
  return now - then < 1500 ? "just now" : `${span(now - then)} ago`;
}

/** "14:02", or with the date when it is another day. */
export function clock(at: number, now: number = Date.now()): string {
  const date = new Date(at);
  const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(date);
  if (new Date(now).toDateString() === date.toDateString()) return time;
  return `${new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" }).format(date)} ${time}`;
}

/** The whole time, for hover. */
export function absolute(at: number): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(at));
}
