//! What codex is started with besides the user's own configuration, and whether it can read that at all.

use super::{AgentPlan, CALL_DEADLINE, Trouble};
use drawbridge_codex::{CallError, Launch, launch, on_defaults};
use drawbridge_config::{Severity, check_codex_config};
use drawbridge_process::{Ladder, Marker, Spawner, stop};
use serde_json::{Value, json};
use std::path::Path;

/// Variables an agent's shell must not see.
const HIDDEN: [&str; 4] = [
    "FORGE_CODEX_CONNECTOR_*",
    "CODEX_APP_CONNECTOR_*",
    "CODEX_BUS_*",
    "DRAWBRIDGE_*TOKEN*",
];

/// Looks at codex's own file before codex does: what is wrong with it is told with the line and a caret.
/// What codex itself then finds is told as it says it, see [`read`].
pub(super) async fn check_file(codex_home: &Path) -> Result<(), Trouble> {
    let home = codex_home.to_owned();
    let look = tokio::task::spawn_blocking(move || check_codex_config(&home));
    // A disk that does not answer is found out about by codex, too.
    let Ok(Ok(mut problems)) = tokio::time::timeout(CALL_DEADLINE, look).await else {
        return Ok(());
    };
    problems.retain(|problem| problem.severity == Severity::Error);
    if problems.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = problems.iter().take(MOST_TOLD).map(ToString::to_string).collect();
    Err(Trouble::ConfigFile(told.join("\n")))
}

/// Most mistakes told at once.
const MOST_TOLD: usize = 5;

/// Reads the user's own shell environment policy from a short-lived app-server, because an override on
/// the command line replaces the user's list instead of adding to it (observed, 0.169.0).
///
/// A configuration that codex cannot read is trouble: codex would start on its defaults, and what the
/// user keeps from the agent's shell would be shown to it.
pub(super) async fn read(plan: &AgentPlan, spawner: &Spawner) -> Result<Vec<String>, Trouble> {
    let probe = Launch {
        port: 0,
        log_file: None,
        ..plan.launch(vec![NO_SNAPSHOT.to_owned()])
    };
    let mut probe = launch(spawner, probe).await?;
    let params = json!({ "cwd": plan.cwd });
    let read = probe.observer.request("config/read", params, CALL_DEADLINE).await;
    stop(&probe.child, Ladder::default()).await;
    // It says where the mistake is; the answer to the request not always does.
    let mut ignored_because = None;
    while let Ok(frame) = probe.incoming.try_recv() {
        ignored_because = ignored_because.or_else(|| on_defaults(&frame));
    }
    match (read, ignored_because) {
        (_, Some(why)) => Err(Trouble::ConfigInvalid(why)),
        (Ok(read), None) => Ok(overrides(&read, &plan.marker())),
        (Err(CallError::Rpc(error)), None) => Err(Trouble::ConfigInvalid(error.message)),
        (Err(error), None) => Err(Trouble::ConfigUnread(error)),
    }
}

/// codex starts a login shell for each thread to write down aliases and functions, with its own whole
/// environment: the token would be in reach of everything the user's start files run.
const NO_SNAPSHOT: &str = "features.shell_snapshot=false";

/// The user's exclusions and settings with ours added.
fn overrides(config: &Value, marker: &Marker) -> Vec<String> {
    let policy = config
        .pointer("/config/shell_environment_policy")
        .unwrap_or(&Value::Null);
    let mut exclude: Vec<String> = policy
        .get("exclude")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    exclude.extend(HIDDEN.iter().map(|h| (*h).to_owned()));
    let mut set: Vec<(String, String)> = policy
        .get("set")
        .and_then(Value::as_object)
        .map(|map| {
            map.iter()
                .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
                .collect()
        })
        .unwrap_or_default();
    let (name, value) = (drawbridge_process::MARKER_VARIABLE.to_owned(), marker.value());
    set.retain(|(known, _)| *known != name);
    set.push((name, value));
    let exclude: Vec<String> = exclude.iter().map(|text| toml_text(text)).collect();
    let set: Vec<String> = set
        .iter()
        .map(|(k, v)| format!("{} = {}", toml_text(k), toml_text(v)))
        .collect();
    vec![
        NO_SNAPSHOT.to_owned(),
        format!("shell_environment_policy.exclude=[{}]", exclude.join(", ")),
        format!("shell_environment_policy.set={{{}}}", set.join(", ")),
    ]
}

/// A TOML basic string; JSON's escapes are a subset of TOML's, but TOML wants DEL escaped too.
fn toml_text(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::*;
    use drawbridge_process::MarkerRole;

    #[test]
    fn our_exclusions_are_added_to_the_users() {
        let marker = Marker {
            nonce: "n".into(),
            role: MarkerRole::Agent,
        };
        let config = json!({"config":{"shell_environment_policy":{"exclude":["AWS_*"],"set":{"A":"b\"c"}}}});
        let lines = overrides(&config, &marker);
        assert_eq!(lines[0], "features.shell_snapshot=false");
        assert!(
            lines[1].starts_with("shell_environment_policy.exclude=[\"AWS_*\", \"FORGE_CODEX_CONNECTOR_*\""),
            "{}",
            lines[1]
        );
        assert_eq!(
            lines[2],
            "shell_environment_policy.set={\"A\" = \"b\\\"c\", \"DRAWBRIDGE_CHILD\" = \"n:agent\"}"
        );
        assert_eq!(overrides(&json!({}), &marker).len(), 3);
    }
}
