use super::*;
use crate::{Door, MAX_FOREIGN_CHARS, MAX_REASON_CHARS};
use serde_json::{Value, json};

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn stopped(reason: &str) -> Entry {
    Entry::HostStopped {
        reason: reason.into(),
    }
}

/// What is in the files, newest first.
fn reasons(path: &Path, files: u32) -> Vec<Vec<String>> {
    let mut all = vec![path.to_owned()];
    all.extend((1..=files).map(|n| aside(path, n)));
    all.iter()
        .map(|path| {
            let lines = lines(path).into_iter();
            lines
                .map(|line| line["reason"].as_str().unwrap().to_owned())
                .collect()
        })
        .collect()
}

#[test]
fn a_large_record_is_put_aside_and_so_many_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let mut audit = Audit::open_as(&path, 120).unwrap();
    for n in 0..14 {
        audit.append(n, &stopped(&format!("r{n}"))).unwrap();
    }
    let kept = [
        ["r12", "r13"],
        ["r10", "r11"],
        ["r8", "r9"],
        ["r6", "r7"],
        ["r4", "r5"],
    ];
    assert_eq!(reasons(&path, KEPT), kept);
    assert!(!aside(&path, KEPT + 1).exists());
    #[cfg(unix)]
    for path in [path.clone(), aside(&path, 1)] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    // Opened again it goes on where it was.
    drop(audit);
    Audit::open_as(&path, 120)
        .unwrap()
        .append(14, &stopped("r14"))
        .unwrap();
    assert_eq!(reasons(&path, 1), [vec!["r14"], vec!["r12", "r13"]]);

    let text = String::from_utf8(newest(&path, 10_000).unwrap()).unwrap();
    let found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split("\"r1").nth(1))
        .collect();
    assert_eq!(found, ["2\"}", "3\"}", "4\"}"], "{text}");
    assert_eq!(newest(&path, 20).unwrap().len(), 20);
    assert!(newest(&dir.path().join("none"), 20).unwrap().is_empty());
}

#[test]
fn a_record_that_cannot_be_put_aside_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    std::fs::write(aside(&path, KEPT - 1), "").unwrap();
    std::fs::create_dir(aside(&path, KEPT)).unwrap();
    let mut audit = Audit::open_as(&path, 120).unwrap();
    for n in 0..6 {
        audit.append(n, &stopped(&format!("r{n}"))).unwrap();
    }
    assert_eq!(lines(&path).len(), 6);
}

#[test]
fn a_record_whose_next_file_could_not_be_opened_finds_its_place_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let mut audit = Audit::open_as(&path, 120).unwrap();
    for n in 0..2 {
        audit.append(n, &stopped(&format!("r{n}"))).unwrap();
    }
    // As it is when the file was put aside and no new one could be made.
    std::fs::rename(&path, aside(&path, 1)).unwrap();
    for n in 2..4 {
        audit.append(n, &stopped(&format!("r{n}"))).unwrap();
    }
    assert_eq!(reasons(&path, 1), [vec!["r2", "r3"], vec!["r0", "r1"]]);
}

#[test]
fn a_line_that_was_cut_does_not_swallow_the_next_file_for_readers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    std::fs::write(aside(&path, 1), "{\"cut").unwrap();
    std::fs::write(&path, "{\"whole\":1}\n").unwrap();
    let text = String::from_utf8(newest(&path, 1000).unwrap()).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), ["{\"cut", "{\"whole\":1}"]);
}

#[test]
fn lines_are_whole_in_order_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let refused = Entry::RequestRefused {
        connection: 7,
        method: "fs/writeFile".into(),
        rule: "never".into(),
    };
    Audit::open(&path).unwrap().append(1, &refused).unwrap();
    let mut again = Audit::open(&path).unwrap();
    again
        .append(
            2,
            &Entry::Swept {
                ended: 1,
                left: vec![9],
            },
        )
        .unwrap();
    let opened = Entry::ConnectionOpened {
        connection: 8,
        door: Door::AppServer,
        bus: None,
        client: Some("codex-tui".into()),
        role: "local".into(),
        peer_pid: Some(4),
    };
    again.append(3, &opened).unwrap();
    let expected = [
        json!({"at_ms":1,"kind":"request_refused","connection":7,"method":"fs/writeFile","rule":"never"}),
        json!({"at_ms":2,"kind":"swept","ended":1,"left":[9]}),
        json!({"at_ms":3,"kind":"connection_opened","connection":8,"door":"app_server","client":"codex-tui",
            "role":"local","peer_pid":4}),
    ];
    assert_eq!(lines(&path), expected);
}

#[test]
fn text_from_outside_is_cut_at_a_character_and_cannot_make_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let method = format!(
        "a\n{{\"kind\":\"approval_answered\"}}\u{1b}[2J{}",
        "ß".repeat(100_000)
    );
    let mut audit = Audit::open(&path).unwrap();
    audit
        .append(
            1,
            &Entry::RequestRefused {
                connection: 1,
                method: method.clone(),
                rule: "x".into(),
            },
        )
        .unwrap();
    audit.append(2, &stopped(&method)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(!text.contains('\u{1b}'));
    let lines = lines(&path);
    let chars = |at: usize, field: &str| lines[at][field].as_str().unwrap().chars().count();
    assert_eq!(chars(0, "method"), MAX_FOREIGN_CHARS);
    assert_eq!(chars(1, "reason"), MAX_REASON_CHARS);
}

#[test]
fn a_line_cut_by_a_crash_does_not_swallow_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    std::fs::write(&path, "{\"at_ms\":1,\"ki").unwrap();
    let mut audit = Audit::open(&path).unwrap();
    audit.append(2, &stopped("a")).unwrap();
    audit.append(3, &stopped("b")).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert_eq!(
        lines(&path)
            .iter()
            .map(|l| l["at_ms"].clone())
            .collect::<Vec<_>>(),
        [json!(2), json!(3)]
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_it_and_nothing_is_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    std::fs::write(&path, "{\"at_ms\":1}\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut audit = Audit::open(&path).unwrap();
    audit.append(2, &stopped("x")).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(lines(&path).len(), 2);
    let missing = dir.path().join("no/such/audit.jsonl");
    let error = Audit::open(&missing).unwrap_err();
    assert!(error.to_string().contains("no/such"));
    assert_eq!(error.code(), "audit_unwritable");
}
