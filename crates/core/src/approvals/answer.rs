//! From a decision to the app-server's answer, and from a client's answer to a decision.
//!
//! The host builds every answer itself; what a client sent is only read.

use super::permissions::{self, Reading};
use super::reply::{Wanted, wanted};
use drawbridge_wire::control::ApprovalKind;
use drawbridge_wire::{Decision, NetworkRule};
use serde_json::{Map, Value, json};

/// What can be answered to a request, in the order shown. A file change whose diff is unknown offers no
/// grant, because nobody can have seen what would be granted.
#[must_use]
pub fn choices(kind: ApprovalKind, params: &Value, item: Option<&Value>) -> Vec<Decision> {
    let mut out = Vec::new();
    match kind {
        ApprovalKind::Command => {
            let offered = params.get("availableDecisions").and_then(Value::as_array);
            let offers = |word: &str| offered.is_none_or(|all| all.iter().any(|d| d == word));
            if offers("accept") {
                out.push(Decision::Accept);
            }
            if offers("acceptForSession") {
                out.push(Decision::AcceptForSession);
            }
            if amendment(params).is_some() {
                out.push(Decision::AcceptWithAmendment);
            }
            for rule in network_rules(params) {
                let rule = Decision::ApplyNetworkRule(rule);
                if !out.contains(&rule) {
                    out.push(rule);
                }
            }
        }
        ApprovalKind::FileChange if has_diff(item) => {
            out.push(Decision::Accept);
            out.push(Decision::AcceptForSession);
        }
        ApprovalKind::Permissions => {
            out.push(Decision::Accept);
            out.push(Decision::AcceptForSession);
        }
        ApprovalKind::Elicitation => match wanted(params) {
            Wanted::Yes | Wanted::Visit => {
                out.push(Decision::Accept);
                if persistable(params) {
                    out.push(Decision::AcceptForSession);
                }
            }
            // A bare yes would send the form away empty.
            Wanted::Form(_) => out.push(Decision::Answers(Map::new())),
            Wanted::Unknown => {}
        },
        ApprovalKind::UserInput => out.push(Decision::Answers(Map::new())),
        ApprovalKind::FileChange | ApprovalKind::Unknown => {}
    }
    out.push(Decision::Decline);
    out.push(Decision::Cancel);
    out
}

fn has_diff(item: Option<&Value>) -> bool {
    item.and_then(|i| i.get("changes"))
        .and_then(Value::as_array)
        .is_some_and(|c| !c.is_empty())
}

/// The lasting rule that is offered, in the words of the offer. `None` where there are several: a word would not say which.
fn amendment(params: &Value) -> Option<&Value> {
    let is_rule = |offer: &&Value| {
        let one = |value: &Value| value.as_object().is_some_and(|members| members.len() == 1);
        let rule = offer
            .get("acceptWithExecpolicyAmendment")
            .filter(|rule| one(offer) && one(rule));
        rule.is_some_and(|rule| rule.get("execpolicy_amendment").is_some())
    };
    let mut rules = params
        .get("availableDecisions")?
        .as_array()?
        .iter()
        .filter(is_rule);
    let first = rules.next()?;
    rules.all(|other| other == first).then_some(first)
}

fn network_rules(params: &Value) -> impl Iterator<Item = NetworkRule> {
    let offered = params.get("availableDecisions").and_then(Value::as_array);
    offered.into_iter().flatten().filter_map(NetworkRule::offered)
}

fn persistable(params: &Value) -> bool {
    params
        .pointer("/_meta/persist")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|p| p == "session"))
}

/// The answer in the app-server's words, and whether the turn must be interrupted as well: cancel, for kinds
/// that have no cancel, or one after which the turn goes on (elicitation; observed, 0.169.0). Replies are taken as they are; the queue has fitted them to the
/// request. `None`: this kind cannot be answered this way; an unknown
/// request is then answered with a JSON-RPC error, which counts as a refusal (observed, 0.169.0).
#[must_use]
pub fn result_for(kind: ApprovalKind, params: &Value, decision: &Decision) -> (Option<Value>, bool) {
    let cancel = *decision == Decision::Cancel;
    match kind {
        ApprovalKind::Command => {
            let word = match decision {
                Decision::Accept => json!("accept"),
                Decision::AcceptForSession => json!("acceptForSession"),
                Decision::AcceptWithAmendment => match amendment(params) {
                    Some(offered) => offered.clone(),
                    None => return (None, false),
                },
                Decision::ApplyNetworkRule(rule) if network_rules(params).any(|offered| offered == *rule) => {
                    rule.answer()
                }
                Decision::Decline => json!("decline"),
                Decision::Cancel => json!("cancel"),
                Decision::ApplyNetworkRule(_) | Decision::Answers(_) | Decision::Grant(_) => {
                    return (None, false);
                }
            };
            (Some(json!({ "decision": word })), false)
        }
        ApprovalKind::FileChange => {
            let word = match decision {
                Decision::Accept => "accept",
                Decision::AcceptForSession => "acceptForSession",
                Decision::Decline => "decline",
                Decision::Cancel => "cancel",
                Decision::AcceptWithAmendment
                | Decision::ApplyNetworkRule(_)
                | Decision::Answers(_)
                | Decision::Grant(_) => return (None, false),
            };
            (Some(json!({ "decision": word })), false)
        }
        ApprovalKind::Permissions => {
            let asked = params.get("permissions").cloned().unwrap_or_else(|| json!({}));
            let (granted, scope) = match decision {
                Decision::Accept => (asked, "turn"),
                Decision::AcceptForSession => (asked, "session"),
                Decision::Decline | Decision::Cancel => (json!({}), "turn"),
                Decision::Grant(grant) => return (permissions::answer(&asked, grant), false),
                Decision::AcceptWithAmendment | Decision::ApplyNetworkRule(_) | Decision::Answers(_) => {
                    return (None, false);
                }
            };
            (Some(json!({ "permissions": granted, "scope": scope })), cancel)
        }
        ApprovalKind::UserInput => {
            let answers = match decision {
                Decision::Answers(map) => json!(map),
                Decision::Decline | Decision::Cancel => json!({}),
                _ => return (None, false),
            };
            (Some(json!({ "answers": answers })), cancel)
        }
        ApprovalKind::Elicitation => {
            let value = match decision {
                Decision::Accept => {
                    let content = match wanted(params) {
                        Wanted::Visit => Value::Null,
                        _ => json!({}),
                    };
                    json!({ "action": "accept", "content": content, "_meta": null })
                }
                Decision::AcceptForSession => {
                    json!({ "action": "accept", "content": {}, "_meta": { "persist": "session" } })
                }
                Decision::Answers(map) => json!({ "action": "accept", "content": map, "_meta": null }),
                Decision::Decline => json!({ "action": "decline", "content": null, "_meta": null }),
                Decision::Cancel => json!({ "action": "cancel", "content": null, "_meta": null }),
                Decision::AcceptWithAmendment | Decision::ApplyNetworkRule(_) | Decision::Grant(_) => {
                    return (None, false);
                }
            };
            (Some(value), cancel)
        }
        ApprovalKind::Unknown => (None, cancel),
    }
}

/// Reads the answer a client of the app-server protocol sent. `None`: it is no answer we know, which is
/// treated as a decline by the caller (an error or nonsense counts as a refusal for everybody anyway).
#[must_use]
pub fn decision_from_client(kind: ApprovalKind, params: &Value, result: &Value) -> Option<Decision> {
    match kind {
        ApprovalKind::Command | ApprovalKind::FileChange => match result.get("decision")? {
            Value::String(word) => match word.as_str() {
                "accept" => Some(Decision::Accept),
                "acceptForSession" => Some(Decision::AcceptForSession),
                "decline" => Some(Decision::Decline),
                "cancel" => Some(Decision::Cancel),
                _ => None,
            },
            Value::Object(map) if map.contains_key("acceptWithExecpolicyAmendment") => {
                Some(Decision::AcceptWithAmendment)
            }
            rule @ Value::Object(_) if kind == ApprovalKind::Command => {
                NetworkRule::offered(rule).map(Decision::ApplyNetworkRule)
            }
            _ => None,
        },
        ApprovalKind::Permissions => {
            let asked = params.get("permissions")?;
            Some(match permissions::read(asked, result).ok()? {
                Reading::Nothing => Decision::Decline,
                Reading::Whole { session: true } => Decision::AcceptForSession,
                Reading::Whole { session: false } => Decision::Accept,
                Reading::Part(grant) => Decision::Grant(grant),
            })
        }
        ApprovalKind::UserInput => {
            let answers = result.get("answers")?.as_object()?;
            if answers.is_empty() {
                Some(Decision::Decline)
            } else {
                Some(Decision::Answers(answers.clone()))
            }
        }
        ApprovalKind::Elicitation => match result.get("action")?.as_str()? {
            "accept" => {
                if result.pointer("/_meta/persist").is_some_and(|p| !p.is_null()) {
                    return Some(Decision::AcceptForSession);
                }
                let content = result.get("content").and_then(Value::as_object);
                let content = content.cloned().unwrap_or_default();
                match wanted(params) {
                    Wanted::Form(_) => Some(Decision::Answers(content)),
                    _ if content.is_empty() => Some(Decision::Accept),
                    _ => Some(Decision::Answers(content)),
                }
            }
            "decline" => Some(Decision::Decline),
            "cancel" => Some(Decision::Cancel),
            _ => None,
        },
        ApprovalKind::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::choices;
    use drawbridge_wire::Decision::{self, Accept, AcceptForSession, AcceptWithAmendment, Cancel, Decline};
    use drawbridge_wire::NetworkAction::{Allow, Deny};
    use drawbridge_wire::NetworkRule;
    use drawbridge_wire::control::ApprovalKind;
    use serde_json::{Value, json};

    #[test]
    fn a_yes_that_is_not_offered_is_no_choice_and_a_no_always_is() {
        let of = |offered: Value| -> Vec<Decision> {
            choices(
                ApprovalKind::Command,
                &json!({ "availableDecisions": offered }),
                None,
            )
        };
        assert_eq!(of(json!(["cancel"])), [Decline, Cancel]);
        assert_eq!(of(json!([])), [Decline, Cancel]);
        assert_eq!(of(json!(["accept"])), [Accept, Decline, Cancel]);
        let rule = |action, host: &str| {
            let host = host.to_owned();
            Decision::ApplyNetworkRule(NetworkRule { action, host })
        };
        let offer =
            |rule: Value| json!({ "applyNetworkPolicyAmendment": { "network_policy_amendment": rule } });
        let [allow, deny] = ["allow", "deny"].map(|action| json!({ "action": action, "host": "a.example" }));
        // Each once, as it is; one with more to it than its host and what becomes of that is nobody's to choose.
        let more = json!({ "action": "allow", "host": "a.example", "port": 22 });
        let unknown = json!({ "action": "ask", "host": "a.example" });
        let nameless =
            ["", " a.example", "a\nb"].map(|host| offer(json!({ "action": "allow", "host": host })));
        let other_forms = [
            json!(["allow", "a.example"]),
            json!({ "action": { "allow": null }, "host": "a.example" }),
        ];
        assert_eq!(of(json!(nameless)), [Decline, Cancel]);
        assert_eq!(of(json!(other_forms.map(offer))), [Decline, Cancel]);
        assert_eq!(
            of(json!([
                offer(allow.clone()),
                offer(allow),
                offer(more),
                offer(unknown),
                offer(deny)
            ])),
            [rule(Allow, "a.example"), rule(Deny, "a.example"), Decline, Cancel]
        );
        // Of several lasting rules a word would not say which; and one entry makes one rule.
        let exec =
            |word: &str| json!({ "acceptWithExecpolicyAmendment": { "execpolicy_amendment": [word] } });
        assert_eq!(of(json!([exec("a")])), [AcceptWithAmendment, Decline, Cancel]);
        assert_eq!(of(json!([exec("a"), exec("b")])), [Decline, Cancel]);
        let mut both = exec("a");
        both["applyNetworkPolicyAmendment"] =
            json!({ "network_policy_amendment": { "action": "allow", "host": "a" } });
        assert_eq!(of(json!([both])), [Decline, Cancel]);
        // An older app-server says nothing of it.
        assert_eq!(of(Value::Null), [Accept, AcceptForSession, Decline, Cancel]);
    }
}
