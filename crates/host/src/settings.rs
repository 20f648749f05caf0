//! Thread settings: what a request carries, what a response says, and whether that is too wide for a
//! remote.

use drawbridge_core::threads::Settings;
use drawbridge_core::verdict::ceiling::{self, Pair};
use serde_json::{Map, Value};

/// Members of a request whose effect on a thread's permissions is not judged here: with one of these
/// the thread counts as wide until a response says otherwise.
const UNKNOWN_EFFECT: [&str; 11] = [
    "permissions",
    "approvalsReviewer",
    "config",
    "environments",
    "runtimeWorkspaceRoots",
    "collaborationMode",
    "multiAgentMode",
    "selectedCapabilityRoots",
    "cyberAccessProgram",
    "modelProvider",
    "settings",
];

/// Settings a request of a client carries, and whether it carries more than that.
pub(crate) fn carried(params: &Map<String, Value>) -> (Settings, bool) {
    let given = |key: &str| params.get(key).filter(|v| !v.is_null()).cloned();
    let settings = Settings {
        approval_policy: given("approvalPolicy"),
        sandbox: given("sandboxPolicy").or_else(|| given("sandbox").map(|mode| mode_as_policy(&mode))),
    };
    (settings, UNKNOWN_EFFECT.iter().any(|key| given(key).is_some()))
}

/// A sandbox mode (`read-only`) in the form responses use (`{"type":"readOnly"}`).
fn mode_as_policy(mode: &Value) -> Value {
    let kind = match mode.as_str() {
        Some("read-only") => "readOnly",
        Some("workspace-write") => "workspaceWrite",
        Some("danger-full-access") => "dangerFullAccess",
        _ => return mode.clone(),
    };
    serde_json::json!({ "type": kind })
}

/// Settings after a request: what it carries, and for the rest what was before.
pub(crate) fn merged(before: &Settings, carried: &Settings) -> Settings {
    Settings {
        approval_policy: carried
            .approval_policy
            .clone()
            .or_else(|| before.approval_policy.clone()),
        sandbox: carried.sandbox.clone().or_else(|| before.sandbox.clone()),
    }
}

/// Whether settings exceed every remote ceiling; unknown counts as wide.
pub(crate) fn is_wide(settings: &Settings) -> bool {
    pair(settings).is_none()
}

/// The pair settings amount to, when they are inside some ceiling.
pub(crate) fn pair(settings: &Settings) -> Option<Pair> {
    let policy = ceiling::Policy::read(settings.approval_policy.as_ref()?)?;
    let sandbox = ceiling::Sandbox::read_policy(settings.sandbox.as_ref()?)?;
    Some(Pair { policy, sandbox })
}

/// Settings a response to start, resume or fork, or a `thread/settings/updated`, tells of; and whether
/// they are wide (a reviewing model that answers approvals by itself is).
pub(crate) fn effective(told: &Value) -> (Settings, bool) {
    let settings = Settings {
        approval_policy: told.get("approvalPolicy").cloned(),
        sandbox: told.get("sandbox").or_else(|| told.get("sandboxPolicy")).cloned(),
    };
    let wide = told.as_object().and_then(ceiling::effective).is_none();
    (settings, wide)
}

/// Whether a thread is wide after a request with these overrides.
pub(crate) fn carried_is_wide(before: &Settings, carried: &Settings) -> bool {
    is_wide(&merged(before, carried))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> (Settings, bool) {
        carried(value.as_object().unwrap())
    }

    #[test]
    fn an_override_is_judged_with_what_was_before() {
        let before = Settings {
            approval_policy: Some(json!("on-request")),
            sandbox: Some(json!({"type":"readOnly","networkAccess":false})),
        };
        assert!(!is_wide(&before));
        for (request, wide) in [
            (json!({"approvalPolicy":"never"}), true),
            (json!({"approvalPolicy":"untrusted"}), false),
            (json!({"sandboxPolicy":{"type":"dangerFullAccess"}}), true),
            (json!({"sandbox":"danger-full-access"}), true),
            (json!({"sandbox":"workspace-write"}), false),
            (
                json!({"sandboxPolicy":{"type":"workspaceWrite","networkAccess":true}}),
                true,
            ),
        ] {
            let (settings, _) = read(&request);
            assert_eq!(carried_is_wide(&before, &settings), wide, "{request}");
        }
        assert!(is_wide(&Settings::default()), "unknown is wide");
    }

    #[test]
    fn what_is_not_judged_counts_as_unknown() {
        assert!(read(&json!({"permissions":":danger-full-access"})).1);
        assert!(read(&json!({"approvalsReviewer":"auto_review"})).1);
        assert!(!read(&json!({"input":[],"model":"m","permissions":null})).1);
    }

    #[test]
    fn a_reviewing_model_makes_a_thread_wide() {
        let answer = json!({"approvalPolicy":"on-request","sandbox":{"type":"readOnly"},"approvalsReviewer":"auto_review","cwd":"/w"});
        assert!(effective(&answer).1);
        let answer = json!({"approvalPolicy":"on-request","sandbox":{"type":"readOnly"},"approvalsReviewer":"user","cwd":"/w"});
        assert!(!effective(&answer).1);
    }
}
