//! The gate's verdict on every request a *remote* client can make of the app-server: a table over all
//! client methods of the app-server's schema, the experimental ones too.
//!
//! Nothing passes because nobody thought of it: a method without a verdict is refused, and so is a
//! parameter that its rule does not name. This module reads names and shallow shapes only; the host adds
//! what needs the disk (canonical paths inside the roots) and what needs state (which thread is where).

pub mod ceiling;
mod kinds;
pub mod paths;
pub mod redact;
pub mod refusals;
mod rule;
pub mod server_requests;
mod table;

pub use kinds::CONFIG_KEYS;
pub use rule::{Cut, Handling, Kind, Member, ParamRule, Refusal, Rule, Scope, Verdict};

use drawbridge_wire::Role;
use rule::printable;
use serde_json::{Map, Value};

/// Notifications a client may send. All others of a remote are dropped.
pub const CLIENT_NOTIFICATIONS: &[&str] = &["initialized"];

/// The verdict on a method; `None` for one that the table does not know, which is refused.
#[must_use]
pub fn verdict(method: &str) -> Option<&'static Verdict> {
    table::FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .find(|(name, _)| *name == method)
        .map(|(_, verdict)| verdict)
}

/// Every method of the table with its verdict, for documents and tests.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Verdict)> {
    table::FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .map(|(name, verdict)| (*name, verdict))
}

/// Whether a remote of this role may make this request, as far as names and shapes say. `params` is the
/// object of the frame; a frame without `params`, or with `null`, has an empty one.
///
/// Passing is not enough to forward: the caller still has to apply [`Rule::scope`], [`Rule::strip`] the
/// parameters, put canonical paths in ([`paths::rewrite`], which strips too) and do what
/// [`Rule::handling`] says.
///
/// # Errors
/// The refusal to answer with, see [`Refusal::to_error`].
pub fn check(method: &str, role: Role, params: &Map<String, Value>) -> Result<&'static Rule, Refusal> {
    let rule = match verdict(method) {
        None => {
            return Err(Refusal::new(
                refusals::UNKNOWN_METHOD,
                format!("`{}` is no method this host knows", printable(method)),
            ));
        }
        Some(Verdict::Refuse(rule)) => {
            let why = refusals::explain(rule);
            return Err(Refusal::new(rule, format!("`{}`: {why}", printable(method))));
        }
        Some(Verdict::Allow(rule)) => rule,
    };
    if role < rule.min_role {
        return Err(Refusal::new(
            refusals::ROLE,
            format!(
                "`{method}` needs the role `{}`, this client has `{role}`",
                rule.min_role
            ),
        ));
    }
    for name in params.keys() {
        if !rule.params.iter().any(|allowed| allowed.name == name) {
            return Err(Refusal::of_parameter(
                refusals::PARAMETER,
                name,
                format!(
                    "`{method}` from a remote takes no parameter `{}`; leave it out",
                    printable(name)
                ),
            ));
        }
    }
    for allowed in rule.params {
        check_parameter(method, role, allowed, params.get(allowed.name))?;
    }
    Ok(rule)
}

fn check_parameter(
    method: &str,
    role: Role,
    allowed: &ParamRule,
    value: Option<&Value>,
) -> Result<(), Refusal> {
    let name = allowed.name;
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return if allowed.required {
            Err(Refusal::of_parameter(
                refusals::MISSING_PARAMETER,
                name,
                format!("`{method}` needs the parameter `{name}`"),
            ))
        } else {
            Ok(())
        };
    };
    if role < allowed.min_role {
        return Err(Refusal::of_parameter(
            refusals::ROLE,
            name,
            format!(
                "the parameter `{name}` of `{method}` needs the role `{}`; leave it out",
                allowed.min_role
            ),
        ));
    }
    kinds::check(allowed.kind, value).map_err(|wrong| {
        Refusal::of_parameter(
            wrong.rule,
            &format!("{name}{}", wrong.at),
            format!(
                "`{name}{}` of `{method}`: {}",
                printable(&wrong.at),
                wrong.message
            ),
        )
    })
}
