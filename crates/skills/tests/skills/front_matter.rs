//! The head of a skill.

use drawbridge_skills::Severity;
use drawbridge_skills::front_matter::{MOST_DESCRIPTION, MOST_FRONT_MATTER, MOST_NAME, read};
use proptest::prelude::*;

/// Codes with their lines.
fn findings(text: &str) -> Vec<(&'static str, u32)> {
    let (_, findings) = read(text.as_bytes());
    findings
        .into_iter()
        .map(|finding| (finding.code, finding.line))
        .collect()
}

fn name(text: &str) -> Option<String> {
    read(text.as_bytes()).0.name
}

#[test]
fn a_good_head_is_read_in_whatever_form_yaml_lets_it_have() {
    for text in [
        "---\nname: greet\ndescription: says hello\n---\nbody",
        "---\nname: 'greet'\ndescription: \"says hello\"\n---\n",
        "---\r\nname: greet\r\ndescription: says hello\r\n---\r\n",
        "---\nname:   greet\ndescription: >\n  says\n  hello\n---\n",
        "---\n{name: greet, description: says hello}\n---\n",
        "--- \ndescription: says hello\nmetadata:\n  a: [1, {b: c}]\nname: greet\n ---\n",
        "---\n# a comment\nname: !!str greet\ndescription: |\n  says\n  hello\n---\n",
    ] {
        let (head, findings) = read(text.as_bytes());
        assert_eq!(head.name.as_deref(), Some("greet"), "{text}");
        assert_eq!(head.description.as_deref(), Some("says hello"), "{text}");
        assert_eq!(findings, [], "{text}");
    }
}

/// Found by the fuzzer.
#[test]
fn a_carriage_return_alone_is_no_line_of_an_editor() {
    let torn = "---\nname: a.\n\n..%TAG ![\r\r\r\r taGl2000:\n!-- -bx_: cbzx\n:c \n---\n";
    let found = findings(torn);
    assert!(!found.is_empty());
    assert!(found.iter().all(|(_, line)| (1..=8).contains(line)), "{found:?}");
    let ends = "---\nname: a\r\r\r\nname: b\r\ndescription: c\n---\n";
    assert_eq!(findings(ends), [("duplicate_key", 3)]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (text, expected) in [
        ("", vec![("no_front_matter", 1)]),
        ("# Greet\n", vec![("no_front_matter", 1)]),
        (
            "\u{feff}---\nname: a\ndescription: b\n---\n",
            vec![("no_front_matter", 1)],
        ),
        ("---\nname: a\n", vec![("open_front_matter", 1)]),
        ("---\nname: a\ndescription: b: c\n---\n", vec![("bad_yaml", 3)]),
        ("---\nname: [\n---\n", vec![("bad_yaml", 3)]),
        ("---\n- a\n---\n", vec![("bad_yaml", 2)]),
        ("---\n---\n", vec![("no_description", 2)]),
        ("---\nname: a\n---\n", vec![("no_description", 2)]),
        ("---\ndescription: b\nname: 12\n---\n", vec![("not_text", 3)]),
        ("---\ndescription: b\nname: true\n---\n", vec![("not_text", 3)]),
        ("---\ndescription: b\nname: [a]\n---\n", vec![("not_text", 3)]),
        (
            "---\ndescription: b\nname: a\nname: c\n---\n",
            vec![("duplicate_key", 4)],
        ),
        (
            "---\nx: &a b\nname: *a\ndescription: b\n---\n",
            vec![("not_text", 3)],
        ),
        (
            "---\nname: a\ndescription: b\n...\n%YAML 1.2\nc: d\n---\n",
            vec![("bad_yaml", 6)],
        ),
        (
            "---\ndescription: b\nname: ../../etc\n---\n",
            vec![("name_like_a_path", 3)],
        ),
        (
            "---\ndescription: b\nname: ..\n---\n",
            vec![("name_like_a_path", 3)],
        ),
        ("---\nname: a\0b\ndescription: b\n---\n", vec![("nul_byte", 2)]),
    ] {
        assert_eq!(findings(text), expected, "{text:?}");
    }
    let (_, wrong) = read(b"---\nname: a\ndescription: \xff\n---\n");
    assert_eq!((wrong[0].code, wrong[0].line), ("not_utf8", 3));
}

// proves S5.33
#[test]
fn what_is_wrong_is_named_with_its_column() {
    for (text, expected) in [
        ("# Greet\n", (1, 1)),
        ("---\nname: a\n", (1, 1)),
        // Where YAML gives up, and where what it is about begins.
        ("---\nname: a\ndescription: b: c\n---\n", (3, 15)),
        ("---\r\nname: a\r\ndescription: b: c\r\n---\r\n", (3, 15)),
        ("---\ndescription: b\nname: 12\n---\n", (3, 7)),
        ("---\n  - a\n---\n", (2, 3)),
        ("---\n{description: ü, name:   [a]}\n---\n", (2, 26)),
        ("---\ndescription: b\nname: a\n\"name\": c\n---\n", (4, 1)),
        // A character is one, whatever its bytes; a carriage return alone ends no line.
        ("---\ndescription: äöü\0\n---\n", (2, 17)),
        ("---\nname: a\r\r\r\nname: b\r\ndescription: c\n---\n", (3, 1)),
        ("---\n{ description: b,\r name: 12}\n---\n", (2, 26)),
        ("---\nname: a\n---\n", (2, 1)),
    ] {
        let (_, found) = read(text.as_bytes());
        let at: Vec<_> = found.iter().map(|one| (one.line, one.column)).collect();
        assert_eq!(at, [expected], "{text:?} {found:?}");
    }
    let (_, wrong) = read("---\nname: a\ndescription: ä".as_bytes().split_last().unwrap().1);
    assert_eq!(
        (wrong[0].code, wrong[0].line, wrong[0].column),
        ("open_front_matter", 1, 1)
    );
    let (_, wrong) = read(b"---\nname: a\ndescription: \xc3\xa4\xff\n---\n");
    assert_eq!(
        (wrong[0].code, wrong[0].line, wrong[0].column),
        ("not_utf8", 3, 15)
    );
}

#[test]
fn lengths_are_those_of_codex() {
    let named = |n: usize| format!("---\nname: {}\ndescription: b\n---\n", "é".repeat(n));
    assert_eq!(findings(&named(MOST_NAME)), []);
    assert_eq!(findings(&named(MOST_NAME + 1)), [("too_long", 2)]);
    assert_eq!(name(&named(500)).unwrap().chars().count(), MOST_NAME);
    let described = |n: usize| format!("---\nname: a\ndescription: {}\n---\n", "x".repeat(n));
    assert_eq!(findings(&described(MOST_DESCRIPTION)), []);
    assert_eq!(findings(&described(MOST_DESCRIPTION + 1)), [("too_long", 3)]);
    let padded = |n: usize| format!("---\nname: a\ndescription: b\n{}\n---\n", "#".repeat(n));
    assert_eq!(findings(&padded(MOST_FRONT_MATTER / 2)), []);
    assert_eq!(
        findings(&padded(MOST_FRONT_MATTER)),
        [("front_matter_too_long", 1)]
    );
}

#[test]
fn hidden_characters_show_themselves() {
    let text = "---\nname: \"abc\u{202e}fed\"\ndescription: \"a\u{200b}b\"\n---\n";
    let (head, found) = read(text.as_bytes());
    assert_eq!(
        found
            .iter()
            .map(|f| (f.code, f.line, f.severity))
            .collect::<Vec<_>>(),
        [
            ("hidden_characters", 2, Severity::Warning),
            ("hidden_characters", 3, Severity::Warning)
        ]
    );
    for text in [
        head.name.unwrap(),
        head.description.unwrap(),
        found[0].message.clone(),
    ] {
        assert!(!text.contains(['\u{202e}', '\u{200b}']), "{text:?}");
    }
}

#[test]
fn bombs_are_cheap() {
    // Nothing is expanded; what is nested or wide is refused at a limit.
    let mut bomb = String::from("---\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..40 {
        let before = n - 1;
        let list = vec![format!("*a{before}"); 9].join(", ");
        bomb += &format!("a{n}: &a{n} [{list}]\n");
    }
    bomb += "name: bomb\ndescription: b\n---\n";
    assert_eq!(name(&bomb).as_deref(), Some("bomb"));
    assert_eq!(findings(&bomb), []);
    let deep =
        |open: &str, close: &str| format!("---\na: {}{}\n---\n", open.repeat(4000), close.repeat(4000));
    for text in [deep("[", "]"), deep("{a: ", "}")] {
        let found = findings(&text);
        assert!(
            matches!(found[..], [("too_deep" | "front_matter_too_long", _)]),
            "{found:?}"
        );
    }
    let wide = format!("---\na: [{}]\n---\n", "1,".repeat(6000));
    assert_eq!(findings(&wide)[0].0, "too_many_nodes");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text that YAML quotes comes back as it is, in one line, as long as it is short.
    #[test]
    fn a_quoted_name_comes_back(text in "[ -~äöü漢]{1,40}") {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let (head, found) = read(format!("---\nname: \"{quoted}\"\ndescription: b\n---\n").as_bytes());
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(head.name.unwrap_or_default(), line);
        prop_assert!(found.iter().all(|f| f.code == "name_like_a_path"), "{:?}", found);
    }

    /// Whatever it is, every finding has a place that is there, and every text is safe to print.
    #[test]
    fn anything_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..600), front in any::<bool>()) {
        let mut text = if front { b"---\n".to_vec() } else { Vec::new() };
        text.extend(&bytes);
        if front {
            text.extend(b"\n---\n");
        }
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let (head, found) = read(&text);
        for finding in &found {
            prop_assert!(finding.line >= 1 && finding.line as usize <= lines.len() + 1, "{:?}", finding);
            let line = lines.get(finding.line as usize - 1).copied().unwrap_or_default();
            prop_assert!(finding.column >= 1 && finding.column as usize <= line.len() + 1, "{:?}", finding);
            prop_assert_eq!(drawbridge_consent::visible_line(&finding.message), finding.message.clone());
        }
        for text in [head.name, head.description].into_iter().flatten() {
            prop_assert_eq!(drawbridge_consent::visible_line(&text), text.clone());
        }
    }
}
