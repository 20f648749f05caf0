//! What is wrong with Codex's own configuration is shown before a child is started.

use drawbridge_config::check_codex_config;

fn said(text: &[u8]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    let name = file.display().to_string();
    check_codex_config(home.path())
        .iter()
        .map(|problem| problem.to_string().replace(&name, "FILE"))
        .collect()
}

#[test]
// proves S5.45
fn its_syntax_errors_are_shown_like_ours() {
    assert_eq!(
        said(b"model = \"m\"\napproval_policy = on-request\n"),
        [
            "FILE:2:19: text must stand in quotes\n  |\n2 | approval_policy = on-request\n  |                   \
          ^^^^^^^^^^\n  = write approval_policy = \"on-request\""
        ]
    );
    assert!(said(b"a = 1\na = 2\n")[0].starts_with("FILE:2:1: this key was written already, in line 1"));
    assert!(said(b"a = \"\xff\"\n")[0].starts_with("FILE:1:6: the byte 0xFF is no UTF-8"));
    assert!(said(&vec![b'#'; 2 << 20])[0].starts_with("FILE: this file is larger than 1024 KiB"));
}

#[test]
fn the_keys_we_build_on_have_the_types_we_need() {
    for (text, starts) in [
        (
            "shell_environment_policy = 1",
            "FILE:1:28: shell_environment_policy: this must be a section, not a number",
        ),
        (
            "[shell_environment_policy]\nexclude = \"A_*\"",
            "FILE:2:11: shell_environment_policy.exclude: this must be a list of text, not text",
        ),
        (
            "[shell_environment_policy]\nexclude = [\"A\", 2]",
            "FILE:2:17: shell_environment_policy.exclude: this must be text, not a number",
        ),
        (
            "[shell_environment_policy]\ninherit = \"al\"",
            "FILE:2:11: shell_environment_policy.inherit: Codex does not know `al`; did you mean \"all\"?",
        ),
        (
            "[shell_environment_policy.set]\nA = 1",
            "FILE:2:5: shell_environment_policy.set.A: this must be text, not a number",
        ),
        (
            "sandbox_mode = \"workspace_write\"",
            "FILE:1:16: sandbox_mode: Codex does not know `workspace_write`; did you mean \"workspace-write\"?",
        ),
        (
            "mcp_servers.a = 1",
            "FILE:1:17: mcp_servers.a: this must be a section, not a number",
        ),
        (
            "[mcp_servers.a]\nurl = 1",
            "FILE:2:7: mcp_servers.a.url: this must be text, not a number",
        ),
        (
            "[[mcp_servers]]\nurl = \"u\"",
            "FILE:1:3: mcp_servers: this must be a section, not a list",
        ),
    ] {
        let said = said(text.as_bytes());
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        assert!(said[0].starts_with(starts), "{text}: {}", said[0]);
    }
}

#[test]
fn what_is_right_or_codexs_own_affair_is_no_problem() {
    let fine = b"model = \"m\"\nnews = [1]\nsandbox_mode = \"read-only\"\n\
        [shell_environment_policy]\ninherit = \"core\"\nexclude = [\"A_*\"]\nset = { A = \"b\" }\nnew_key = 5\n\
        [mcp_servers.x]\ncommand = \"c\"\nargs = []\n";
    assert_eq!(said(fine), Vec::<String>::new());
    let home = tempfile::tempdir().unwrap();
    assert_eq!(check_codex_config(home.path()), [], "no file is no problem");
    assert_eq!(check_codex_config(&home.path().join("missing")), []);
    std::fs::create_dir(home.path().join("config.toml")).unwrap();
    assert_eq!(check_codex_config(home.path())[0].code, "no_file");
}
