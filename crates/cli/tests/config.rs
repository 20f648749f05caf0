//! The command `config`, as a person runs it.

#![allow(clippy::unwrap_used, reason = "a test says what it needs by failing")]

use std::path::Path;
use std::process::{Command, Output};

fn run(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drawbridge"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("DRAWBRIDGE_CONFIG", home.join("my.toml"))
        .env("DRAWBRIDGE_DATA_DIR", home.join("data"))
        .env("FORGE_CODEX_CONNECTOR_MCP_NAME", "agents")
        .env("FORGE_CODEX_CONNECTOR_TOKEN", "CANARY-token")
        .arg("config")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_file_is_set_shown_checked_and_told_of() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("my.toml");
    let path = run(home.path(), &["path"]);
    assert_eq!(text(&path.stdout).trim(), file.display().to_string());
    let set = run(home.path(), &["set", "security.role", "viewer"]);
    assert_eq!(text(&set.stdout), "security.role = \"viewer\"\n");
    assert!(run(home.path(), &["check"]).status.success());

    let shown = text(&run(home.path(), &["show"]).stdout);
    assert!(
        shown.contains(&format!("security.role = \"viewer\"  # {}:2\n", file.display())),
        "{shown}"
    );
    assert!(
        shown.contains("mcp.name = \"agents\"  # variable FORGE_CODEX_CONNECTOR_MCP_NAME\n"),
        "{shown}"
    );
    assert!(
        shown.contains("security.answer = \"local\"  # default\n"),
        "{shown}"
    );
    assert!(!shown.contains("CANARY"), "{shown}");

    let refused = run(home.path(), &["set", "security.rol", "viewer"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("did you mean `security.role`?"));

    std::fs::write(&file, "[security]\nrole = \"vewer\"\n").unwrap();
    let check = run(home.path(), &["check"]);
    assert_eq!(check.status.code(), Some(1));
    let told = format!(
        "{}:2:8: security.role: `vewer` is no role; did you mean \"viewer\"?\n  |\n2 | role = \"vewer\"\n  |        ^^^^^^^",
        file.display()
    );
    assert!(text(&check.stderr).starts_with(&told), "{}", text(&check.stderr));
    let json: serde_json::Value =
        serde_json::from_slice(&run(home.path(), &["show", "--json"]).stdout).unwrap();
    assert_eq!(json["from"], "last_good");
    assert_eq!(
        json["problems"][0]["range"]["start"],
        serde_json::json!({ "line": 2, "column": 8 })
    );
    assert_eq!(json["problems"][0]["source"]["name"], file.display().to_string());
}
