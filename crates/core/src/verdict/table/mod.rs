//! The table itself, by family.

mod account;
mod general;
mod refused;
mod threads;
mod turns;

use super::rule::{Handling, Kind, ParamRule, Rule, Scope, Verdict};
use drawbridge_wire::Role;

/// A part of the table.
pub(super) type Family = &'static [(&'static str, Verdict)];

/// All of it.
pub(super) const FAMILIES: &[Family] = &[
    general::TABLE,
    threads::TABLE,
    turns::TABLE,
    account::TABLE,
    refused::TABLE,
];

/// A method that may go on.
const fn allow(
    method: &'static str,
    min_role: Role,
    params: &'static [ParamRule],
    scope: Scope,
    handling: Handling,
    why: &'static str,
) -> (&'static str, Verdict) {
    (
        method,
        Verdict::Allow(Rule {
            method,
            min_role,
            params,
            scope,
            handling,
            why,
        }),
    )
}

/// A parameter anyone who may call the method may set.
const fn may(name: &'static str, kind: Kind) -> ParamRule {
    ParamRule {
        name,
        kind,
        required: false,
        min_role: Role::Viewer,
    }
}

/// A parameter that must be there.
const fn must(name: &'static str, kind: Kind) -> ParamRule {
    ParamRule {
        name,
        kind,
        required: true,
        min_role: Role::Viewer,
    }
}

/// A parameter that only an operator may set.
const fn operator(name: &'static str, kind: Kind) -> ParamRule {
    ParamRule {
        name,
        kind,
        required: false,
        min_role: Role::Operator,
    }
}

/// A parameter of the schema that no remote may set, only name as `null` or `false`.
const fn unset(name: &'static str) -> ParamRule {
    may(name, Kind::Unset)
}

/// A parameter that is taken out, whatever it is.
const fn dropped(name: &'static str) -> ParamRule {
    may(name, Kind::Dropped)
}

/// The thread the call is about.
const THREAD: ParamRule = must("threadId", Kind::Text);
const IN_THREAD: Scope = Scope::Thread { param: "threadId" };
const CURSOR: ParamRule = may("cursor", Kind::Text);
const LIMIT: ParamRule = may("limit", Kind::Int);
const DIRECTION: ParamRule = may("sortDirection", Kind::Word(&["asc", "desc"]));
/// A model that answers approvals in a person's place is in no ceiling.
const REVIEWER: ParamRule = operator("approvalsReviewer", Kind::CeilingReviewer);
