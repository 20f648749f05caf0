// The types of the Rust side, and what the windows know beyond them.

import type * as rust from "../generated/types";

export type * from "../generated/types";
/** With what a person says yes to, where the Rust side gives it. */
export type ConfigView = rust.ConfigView & { digest?: string | null };
