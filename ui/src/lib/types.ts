// The types of the Rust side, and what the windows know beyond them.

import type * as rust from "../generated/types";

export type * from "../generated/types";
export type DiffLine = rust.DiffLineView;

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
/** With the fields of a question, where the Rust side gives them. */
export type ApprovalCard = rust.ApprovalCard & { form?: FormField[] | null };
/** With what a person says yes to, where the Rust side gives it. */
export type ConfigView = rust.ConfigView & { digest?: string | null };
