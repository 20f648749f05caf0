// The fields of a question: what is in them, what is missing, and what is sent.

import type { FormField } from "../lib/types";

/** What a field holds. `other` is a text of one's own beside the options. */
export type Value = { text: string; on: boolean; picked: string[]; other: string };
export type Values = Record<string, Value>;

/** Stands for "a text of my own" among the options. No option of a server can be it: it is an object's
 *  key nowhere and is compared as a flag only. */
export const OTHER = "\u0000other";

export function empty(fields: FormField[]): Values {
  return Object.fromEntries(
    fields.map((field) => [
      field.id,
      {
        text: field.kind === "secret" ? "" : (field.value ?? ""),
        on: field.kind === "boolean" && field.value === "true",
        picked: field.kind === "one" && field.value !== null ? [field.value] : [],
        other: "",
      },
    ]),
  );
}

const blank: Value = { text: "", on: false, picked: [], other: "" };

function number(field: FormField, text: string): number | null {
  if (text.trim() === "") return null;
  const value = Number(text);
  if (!Number.isFinite(value) || (field.kind === "integer" && !Number.isInteger(value))) return null;
  return value;
}

/** Ids of fields that cannot be sent as they are. */
export function missing(fields: FormField[], values: Values): string[] {
  return fields
    .filter((field) => {
      const value = values[field.id] ?? blank;
      switch (field.kind) {
        case "boolean":
          return false;
        case "number":
        case "integer":
          return value.text.trim() === "" ? field.required : number(field, value.text) === null;
        case "one":
        case "several":
          if (value.picked.includes(OTHER) && value.other.trim() === "") return true;
          return field.required && value.picked.length === 0;
        default:
          return field.required && value.text === "";
      }
    })
    .map((field) => field.id);
}

/** What is sent, by field. A field that was left empty is not sent. */
export function replies(fields: FormField[], values: Values): Record<string, unknown> {
  const out: [string, unknown][] = [];
  for (const field of fields) {
    const value = values[field.id] ?? blank;
    const picked = value.picked.map((one) => (one === OTHER ? value.other : one));
    switch (field.kind) {
      case "boolean":
        out.push([field.id, value.on]);
        break;
      case "number":
      case "integer": {
        const read = number(field, value.text);
        if (read !== null) out.push([field.id, read]);
        break;
      }
      case "one":
        if (picked[0] !== undefined) out.push([field.id, picked[0]]);
        break;
      case "several":
        if (picked.length > 0) out.push([field.id, picked]);
        break;
      default:
        if (value.text !== "") out.push([field.id, value.text]);
    }
  }
  return Object.fromEntries(out);
}
