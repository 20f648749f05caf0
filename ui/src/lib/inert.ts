// Text from outside, for pages that show what the agent wrote without the renderer of requests: terminal
// codes go, and every sign that would not show itself is named.

/* eslint-disable no-control-regex, no-misleading-character-class -- these are what is looked for */
const TERMINAL =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]|\x9b[0-?]*[ -/]*[@-~]/g;
const HIDDEN =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
/* eslint-enable no-control-regex, no-misleading-character-class */

const NAMES: Record<number, string> = {
  0x200b: "ZERO WIDTH SPACE",
  0x200c: "ZERO WIDTH NON-JOINER",
  0x200d: "ZERO WIDTH JOINER",
  0x200e: "LEFT-TO-RIGHT MARK",
  0x200f: "RIGHT-TO-LEFT MARK",
  0x202a: "LEFT-TO-RIGHT EMBEDDING",
  0x202b: "RIGHT-TO-LEFT EMBEDDING",
  0x202c: "POP DIRECTIONAL FORMATTING",
  0x202d: "LEFT-TO-RIGHT OVERRIDE",
  0x202e: "RIGHT-TO-LEFT OVERRIDE",
  0x2066: "LEFT-TO-RIGHT ISOLATE",
  0x2067: "RIGHT-TO-LEFT ISOLATE",
  0x2068: "FIRST STRONG ISOLATE",
  0x2069: "POP DIRECTIONAL ISOLATE",
  0xfeff: "BYTE ORDER MARK",
};

function named(sign: string): string {
  const code = sign.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase().padStart(4, "0");
  const name = NAMES[code];
  return name === undefined ? `‹U+${hex}›` : `‹U+${hex} ${name}›`;
}

/** Every sign that would not show itself, by name; nothing is left out. */
export function visible(text: string): string {
  return text.replace(HIDDEN, named);
}

const JOINS = "\u200d\ufe0f";
const PICTURE = /\p{Extended_Pictographic}\ufe0f?$/u;

/** Text that may stand on a page: no terminal code acts, nothing is invisible. What joins two pictures to
 *  one, or asks for a picture's colours, stays. */
export function inert(text: string): string {
  return text
    .replace(/\r\n/g, "\n")
    .replace(TERMINAL, "")
    .replace(HIDDEN, (sign: string, at: number, whole: string) =>
      JOINS.includes(sign) && PICTURE.test(whole.slice(Math.max(0, at - 4), at)) ? sign : named(sign),
    );
}

/** The same on one line. */
export function inertLine(text: string): string {
  return inert(text).replace(/\s*\n\s*/g, " ");
}
