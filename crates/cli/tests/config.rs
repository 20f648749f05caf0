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
    assert_eq!(json["from"], "narrowed_defaults", "no host ever ran");
    assert_eq!(json["host_runs"], false);
    assert_eq!(json["keys"][11]["key"], "security.role");
    assert_eq!(json["keys"][11]["waits"], serde_json::Value::Null);
    let words = "no host ever had a good one here; until it is right the defaults count, and of the file what narrows them";
    assert!(text(&check.stderr).contains(words), "{}", text(&check.stderr));
    let shown = text(&run(home.path(), &["show"]).stdout);
    assert!(shown.contains(words), "{shown}");
    assert_eq!(
        json["problems"][0]["range"]["start"],
        serde_json::json!({ "line": 2, "column": 8 })
    );
    assert_eq!(json["problems"][0]["source"]["name"], file.display().to_string());
}

/// proves S5.45
#[test]
fn what_cannot_be_set_is_shown_with_a_caret_under_the_wrong_part() {
    let home = tempfile::tempdir().unwrap();
    let refused = |key: &str, value: &str| {
        let ended = run(home.path(), &["set", key, value]);
        assert_eq!(ended.status.code(), Some(2), "{key}");
        text(&ended.stderr)
    };
    let role = "drawbridge: nothing was changed: security.role: `vewer` is no role; did you mean \"viewer\"?\n  |\n  \
                | drawbridge config set security.role vewer\n  |                                     ^^^^^\n  = write \
                \"viewer\" or \"operator\" [config_would_be_wrong]\n";
    assert_eq!(refused("security.role", "vewer"), role);
    let key = "drawbridge: nothing was changed: there is no key `security.rol`; did you mean `security.role`?\n  |\n  | \
               drawbridge config set security.rol …\n  |                                ^^^ [config_no_such_key]\n";
    assert_eq!(refused("security.rol", "viewer"), key);
    let roots = refused("security.roots", r#"["/a", "b c"]"#);
    let caret = roots.lines().find(|line| line.contains('^')).unwrap();
    let line = roots.lines().find(|line| line.contains("config set")).unwrap();
    assert_eq!(line.find("b c"), caret.find("^^^"), "{roots}");
    // What may be a secret is not repeated.
    for (key, value) in [
        ("bus.api", "https://me:CANARY@bus.example"),
        ("bus.token", "CANARY"),
        ("bus.tokn", "CANARY"),
    ] {
        assert!(!refused(key, value).contains("CANARY"), "{key}");
    }
    // Where the file itself is wrong, it has the place.
    let file = home.path().join("my.toml");
    std::fs::write(&file, "[security]\nanswer = \"locl\"\n").unwrap();
    let wrong = refused("security.role", "viewer");
    assert!(
        wrong.contains(&format!("{}:2:10: security.answer:", file.display())),
        "{wrong}"
    );
    assert!(
        wrong.contains("2 | answer = \"locl\"\n  |          ^^^^^^"),
        "{wrong}"
    );
}

#[test]
fn without_a_host_it_is_said_what_will_wait() {
    let home = tempfile::tempdir().unwrap();
    let narrow = run(home.path(), &["set", "security.role", "viewer"]);
    assert_eq!(text(&narrow.stderr), "", "what narrows waits for nobody");
    let wide = run(home.path(), &["set", "security.answer", "both"]);
    assert!(wide.status.success());
    assert_eq!(
        text(&wide.stderr),
        "no host runs; if this goes past what was last confirmed for security.answer, it waits for `drawbridge config \
         accept`\n"
    );
    let unset = run(home.path(), &["unset", "security.role"]);
    assert!(
        text(&unset.stderr).contains("for security.role, it waits"),
        "{unset:?}"
    );
    let other = run(home.path(), &["set", "log.level", "debug"]);
    assert_eq!(text(&other.stderr), "");
    let shown = text(&run(home.path(), &["show"]).stdout);
    assert!(
        shown.contains("past what was last confirmed will wait for `drawbridge config accept`"),
        "{shown}"
    );
}

/// What only this computer can tell: the file is as it should be, and names what is not there.
#[test]
fn a_path_that_leads_nowhere_is_a_warning_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("my.toml");
    std::fs::write(&file, "[codex]\nbin = \"/gone/codex\"\n").unwrap();
    let check = run(home.path(), &["check"]);
    assert!(check.status.success());
    let told = format!(
        "{}:2:7: warning: codex.bin: `/gone/codex` does not exist; codex counts instead\n  |\n2 | bin = \"/gone/codex\"\n  \
         |       ^^^^^^^^^^^^^\n  = name a program that is there, or take the line out with `drawbridge config unset \
         codex.bin`\n",
        file.display()
    );
    assert!(text(&check.stderr).starts_with(&told), "{}", text(&check.stderr));
    assert_eq!(
        text(&check.stdout),
        "the file counts, except for what the warnings name\n"
    );
    let shown = run(home.path(), &["show"]);
    assert!(text(&shown.stdout).contains("codex.bin = \"codex\"  # default\n"));
    assert!(text(&shown.stderr).contains("my.toml:2:7"));
}

/// What no remote client may have is told of wherever a person looks, with its place.
// proves S5.45
#[test]
fn folders_that_no_remote_gets_are_told_of_where_a_person_checks() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("my.toml");
    let tells = |said: &str| {
        for why in ["`/` is or contains", "`/nope` does not exist"] {
            assert!(
                said.contains(&format!("warning: security.roots: {why}")),
                "{said}"
            );
        }
        let place = format!("{}:2:9: warning: ", file.display());
        assert_eq!(said.matches(&place).count(), 2, "{said}");
        assert_eq!(
            said.matches("2 | roots = [\"/\", \"/nope\"]\n  |         ^^^^^^^^^^^^^^")
                .count(),
            2,
            "{said}"
        );
    };
    let set = run(home.path(), &["set", "security.roots", r#"["/","/nope"]"#]);
    assert!(set.status.success());
    tells(&text(&set.stderr));
    let check = run(home.path(), &["check"]);
    tells(&text(&check.stderr));
    assert!(check.status.success());
    let said = "the file counts, except for what the warnings name\n";
    assert_eq!(text(&check.stdout), said);
    tells(&text(&run(home.path(), &["show"]).stderr));
    let shown = run(home.path(), &["show", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(json["problems"][1]["code"], "bad_root");

    // Our own folder and codex's are no less closed; a project is right.
    let project = home.path().join("project");
    for folder in ["data", ".codex", "project"] {
        std::fs::create_dir(home.path().join(folder)).unwrap();
    }
    for closed in ["data", ".codex"] {
        std::fs::write(
            &file,
            format!("[security]\nroots = [{:?}]\n", home.path().join(closed)),
        )
        .unwrap();
        let check = text(&run(home.path(), &["check"]).stderr);
        assert!(
            check.contains(":2:9: warning: security.roots: "),
            "{closed}: {check}"
        );
    }
    std::fs::write(&file, format!("[security]\nroots = [{project:?}]\n")).unwrap();
    assert_eq!(text(&run(home.path(), &["check"]).stdout), "the file is right\n");
}
