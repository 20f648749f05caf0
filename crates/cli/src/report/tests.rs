//! The redactor, by table and by property; and what is left out.

use super::gather::{head_of, view_of};
use super::redact::Redactor;
use proptest::prelude::*;
use serde_json::json;

const LONG: &str = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIz";
const HEX: &str = "0123456789abcdef0123456789abcdef";

fn redactor() -> Redactor {
    let own = |text: &str| [text.to_owned()];
    Redactor::new(
        own("canary-1"),
        own("/home/ada"),
        own("ada"),
        Some("desk7".to_owned()),
    )
}

#[test]
fn what_looks_like_a_secret_is_taken_out_and_the_rest_stays() {
    let table = [
        ("all is well", "all is well"),
        (
            "Authorization: Bearer abc.def",
            "Authorization: Bearer [redacted]",
        ),
        ("said bearer x1 to it", "said bearer [redacted] to it"),
        (
            "FORGE_CODEX_CONNECTOR_TOKEN=abc next",
            "FORGE_CODEX_CONNECTOR_TOKEN=[redacted] next",
        ),
        (
            r#"{"api_key": "a b", "n": 1}"#,
            r#"{"api_key": "[redacted]", "n": 1}"#,
        ),
        (r#"{\"token\":\"abc\"}"#, r#"{\"token\":\"[redacted]\"}"#),
        ("--password abc --verbose", "--password [redacted] --verbose"),
        ("has_token: true", "has_token: true"),
        ("xcanary-1x", "x[redacted]x"),
        ("/home/ada/work and /home/bob/x", "[home]/work and /home/[user]/x"),
        ("/home/adam", "/home/[user]"),
        ("ada on desk7, not adapter", "[user] on [computer], not adapter"),
        (
            "https://u:p@h.example/a?t=1#f rest",
            "https://[redacted]@h.example/a?[redacted] rest",
        ),
        ("wss://h:1/connect", "wss://h:1/connect"),
        ("key sk-abcdef12", "key [redacted-1]"),
        (
            "a_start_with_a_broken_file_takes_the_last_good_one",
            "a_start_with_a_broken_file_takes_the_last_good_one",
        ),
        (
            "/usr/lib/node_modules/codex/vendor/bin",
            "/usr/lib/node_modules/codex/vendor/bin",
        ),
        ("ü/ñ [redacted", "ü/ñ [redacted"),
    ];
    for (text, expected) in table {
        assert_eq!(redactor().text(text), expected);
    }
}

#[test]
fn the_same_run_gets_the_same_mark() {
    let mut redactor = redactor();
    let shown = redactor.text(&format!("{LONG} {HEX} {LONG}"));
    assert_eq!(shown, "[redacted-1] [redacted-2] [redacted-1]");
    assert_eq!(redactor.text(HEX), "[redacted-2]");
    let slashed = format!("ab/{LONG}+/{HEX}==");
    assert!(!redactor.text(&slashed).contains(&LONG[..8]));
}

#[test]
fn members_with_the_name_of_a_secret_lose_their_text() {
    let value = json!({"token": "short", "has_token": true, "list": [{"password": "p"}], "canary-1": "x"});
    let expected = json!({"token": "[redacted]", "has_token": true, "list": [{"password": "[redacted]"}], "[redacted]": "x"});
    assert_eq!(redactor().json(&value), expected);
}

#[test]
fn the_agents_log_keeps_when_how_bad_and_where() {
    let table = [
        (
            "2026-01-02T03:04:05.6Z ERROR codex_core::exec: cat plan.txt",
            "2026-01-02T03:04:05.6Z ERROR codex_core::exec: [left out] (59 characters)",
        ),
        ("cat plan.txt", "[left out] (12 characters)"),
        ("ERROR cat plan.txt", "[left out] (18 characters)"),
        ("2026 ERROR plan: x", "2026 ERROR  [left out] (18 characters)"),
    ];
    for (line, expected) in table {
        assert_eq!(head_of(line), expected);
    }
}

#[test]
fn the_words_of_the_agent_are_in_the_status_on_demand_only() {
    let view = json!({
        "threads": [{"id": "t", "title": "PROMPT"}],
        "skills": { "skills": [{ "name": "s", "description": "PROMPT" }] },
        "approvals": [{
            "id": "1-0", "headline": "PROMPT", "body": "PROMPT", "choices": [{"label": "PROMPT"}],
            "parts": [{"part": "text", "label": "Command", "text": "PROMPT"}], "form": [{"id": "a", "label": "PROMPT"}],
            "state": {"state": "sent", "decision": {"accept_with_amendment": "PROMPT"}},
        }],
        "leases": [],
    });
    let without = view_of(view.clone(), false);
    assert!(!without.to_string().contains("PROMPT"), "{without}");
    assert_eq!(without["approvals"][0]["id"], "1-0");
    let mut new = view.clone();
    new["approvals"][0]["what_comes_with_the_next_version"] = "PROMPT".into();
    assert!(!view_of(new, false).to_string().contains("PROMPT"));
    assert_eq!(view_of(view.clone(), true), view);
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        ".{0,12}",
        "[a-zA-Z0-9+/=_-]{0,48}",
        prop::sample::select(vec![
            "canary-1",
            "/home/ada",
            "ada",
            "desk7",
            "token=",
            "Bearer ",
            "\"api_key\": \"",
            "://",
            "@",
            "?",
            "#",
            "/home/",
            "[redacted]",
            "[redacted-1]",
            "[home]",
            "[user]",
            " ",
            "\n",
            "\\",
            "\"",
            LONG,
            HEX,
            "sk-",
            "--password ",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn redacting_never_fails_and_twice_is_once(text in pieces()) {
        let mut redactor = redactor();
        let once = redactor.text(&text);
        prop_assert_eq!(redactor.text(&once), once.clone());
        prop_assert!(!redactor.knows_in(&once), "{once}");
    }

    #[test]
    fn a_token_is_gone_whatever_stands_around_it(before in "[ -~]{0,20}", after in "[ -~]{0,20}", token in "[a-f0-9]{40}") {
        let shown = redactor().text(&format!("{before}{token}{after}"));
        prop_assert!(!shown.contains(&token[..20]) && !shown.contains(&token[20..]), "{shown}");
    }
}
