//! The MCP server of the bus, put into every thread that starts, resumes or forks.

use crate::policy::McpServer;
use serde_json::{Map, Value, json};

/// Adds the server to `params.config`, beside whatever the client put there. Only the name of the
/// variable that holds the token goes in, never the token.
pub(crate) fn into_thread(params: &mut Map<String, Value>, server: &McpServer) {
    let mut entry = json!({ "url": server.url });
    if let (Some(variable), Some(entry)) = (&server.token_variable, entry.as_object_mut()) {
        entry.insert("bearer_token_env_var".to_owned(), json!(variable));
    }
    let config = params.entry("config").or_insert(Value::Null);
    if !config.is_object() {
        *config = json!({});
    }
    let Some(config) = config.as_object_mut() else {
        return;
    };
    // A dotted key and a nested object would contradict each other; follow the client's form.
    let prefix = format!("mcp_servers.{}", server.name);
    config.retain(|key, _| key != &prefix && !key.starts_with(&format!("{prefix}.")));
    if let Some(servers) = config.get_mut("mcp_servers").and_then(Value::as_object_mut) {
        servers.insert(server.name.clone(), entry);
    } else {
        config.insert(prefix, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> McpServer {
        McpServer {
            name: "codex-agents".into(),
            url: "https://bus/mcp".into(),
            token_variable: Some("FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN".into()),
        }
    }

    fn injected(mut params: Value) -> Value {
        into_thread(params.as_object_mut().unwrap(), &server());
        params
    }

    // proves S1.09, S1.10 (shape), S1.12, S1.13
    #[test]
    fn the_config_names_the_variable_and_keeps_what_was_there() {
        let entry =
            json!({"url":"https://bus/mcp","bearer_token_env_var":"FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN"});
        assert_eq!(
            injected(json!({})),
            json!({"config":{"mcp_servers.codex-agents":entry}})
        );
        assert_eq!(
            injected(json!({"config":null})),
            json!({"config":{"mcp_servers.codex-agents":entry}})
        );
        assert_eq!(
            injected(json!({"cwd":"/w","config":{"model":"m"}})),
            json!({"cwd":"/w","config":{"model":"m","mcp_servers.codex-agents":entry}})
        );
        assert_eq!(
            injected(json!({"config":{"mcp_servers":{"mine":{"url":"u"},"codex-agents":{"url":"evil"}}}})),
            json!({"config":{"mcp_servers":{"mine":{"url":"u"},"codex-agents":entry}}})
        );
        assert_eq!(
            injected(json!({"config":{"mcp_servers.codex-agents.url":"evil"}})),
            json!({"config":{"mcp_servers.codex-agents":entry}})
        );
    }
}
