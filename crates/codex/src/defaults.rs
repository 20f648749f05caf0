//! What codex says where it goes on without the user's configuration.

use crate::Incoming;
use serde_json::Value;

/// How `configWarning` begins when codex goes on with its defaults (0.169.0).
const ON_DEFAULTS: &str = "Invalid configuration";

/// Why codex goes on with its defaults, if this frame says that it does.
#[must_use]
pub fn on_defaults(frame: &Incoming) -> Option<String> {
    let Incoming::Notification { method, raw } = frame else {
        return None;
    };
    if method != "configWarning" {
        return None;
    }
    let frame: Value = serde_json::from_str(raw).ok()?;
    let text = |member: &str| frame.pointer(member).and_then(Value::as_str);
    let summary = text("/params/summary")?;
    summary
        .starts_with(ON_DEFAULTS)
        .then(|| text("/params/details").unwrap_or(summary).to_owned())
}

#[cfg(test)]
mod tests {
    use super::on_defaults;
    use crate::Incoming;
    use serde_json::{Value, json};

    fn said(method: &str, params: &Value) -> Option<String> {
        on_defaults(&Incoming::Notification {
            method: method.to_owned(),
            raw: json!({"method": method, "params": params}).to_string().into(),
        })
    }

    #[test]
    fn only_a_configuration_that_does_not_count_is_one_that_codex_goes_on_without() {
        let invalid = json!({"summary": "Invalid configuration; using defaults.", "details": "line 3"});
        assert_eq!(said("configWarning", &invalid).as_deref(), Some("line 3"));
        let without_details = json!({"summary": "Invalid configuration."});
        assert_eq!(
            said("configWarning", &without_details).as_deref(),
            Some("Invalid configuration.")
        );
        for (method, params) in [
            ("configWarning", json!({"summary": "A key is not used any more."})),
            ("configWarning", json!({"details": "Invalid configuration"})),
            ("configWarning", json!(null)),
            ("thread/started", invalid),
        ] {
            assert_eq!(said(method, &params), None, "{params}");
        }
    }
}
