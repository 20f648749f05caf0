//! Changing the file.

use drawbridge_config::{
    Edited, FileError, Name, Next, edit, editor_command, example, parse, set, set_in_text, unset,
    write_checked,
};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const COMMENTED: &str = "\
# my settings
[host]
name = \"Workshop\" # above the garage

[security] # careful
  # nobody but me
  answer = \"local\"   # yes
role = \"viewer\"
";

fn changed(text: &str, key: &str, value: &str) -> String {
    set_in_text(text, "c.toml", key, value).unwrap().0
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    (dir, file)
}

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    names
}

#[test]
fn only_the_value_changes_and_comments_stay() {
    assert_eq!(
        changed(COMMENTED, "security.answer", "both"),
        COMMENTED.replace("\"local\"", "\"both\"")
    );
    assert_eq!(
        changed(COMMENTED, "host.name", "The \"Garage\""),
        COMMENTED.replace("\"Workshop\"", "'The \"Garage\"'")
    );
    assert_eq!(
        changed(COMMENTED, "host.id", "garage"),
        COMMENTED.replace("garage\n\n", "garage\nid = \"garage\"\n\n")
    );
    assert_eq!(
        changed(COMMENTED, "app_server.port", "9200"),
        format!("{COMMENTED}\n[app_server]\nport = 9200\n")
    );
}

#[test]
fn values_are_written_as_a_person_types_them() {
    for (key, typed, line) in [
        ("security.roots", "/srv/site", "roots = [\"/srv/site\"]"),
        ("security.roots", "[\"/a\", '~/b']", "roots = [\"/a\", \"~/b\"]"),
        (
            "security.ceilings",
            "untrusted + read-only",
            "ceilings = [\"untrusted + read-only\"]",
        ),
        ("security.role", "\"viewer\"", "role = \"viewer\""),
        ("approvals.answer_within", "60", "answer_within = 60"),
        ("host.cwd", "~/site", "cwd = \"~/site\""),
        ("app_server.host", "localhost", "host = \"127.0.0.1\""),
    ] {
        let text = changed("", key, typed);
        assert!(text.contains(&format!("\n{line}\n")), "{key} {typed}: {text}");
    }
}

#[test]
fn every_key_can_be_set_into_the_example_and_taken_out_again() {
    for key in &drawbridge_config::KEYS {
        let literal = key.default.unwrap_or(key.example);
        let (text, value) = set_in_text(&example(), "c.toml", key.path, literal).unwrap();
        let (config, problems) = parse(&text, "c.toml");
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(
            config.unwrap().values().get(key.name),
            Some(&value),
            "{}",
            key.path
        );
        // One line more, right behind the one that explains it.
        let line = format!("{} = {value}", key.leaf());
        let comment = format!("# {} = {literal}\n", key.leaf());
        let at = text.find(&format!("\n{line}\n")).expect(key.path);
        assert!(text[..at + 1].ends_with(&comment), "{}: {text}", key.path);
        assert_eq!(text.replacen(&format!("\n{line}\n"), "\n", 1), example());
        let (text, removed) = drawbridge_config::unset_in_text(&text, "c.toml", key.path).unwrap();
        assert!(removed);
        assert_eq!(parse(&text, "c.toml").0.unwrap(), Default::default());
    }
}

#[test]
fn line_breaks_of_windows_stay() {
    let text = COMMENTED.replace('\n', "\r\n");
    let after = changed(&text, "host.id", "garage");
    assert_eq!(
        after,
        changed(COMMENTED, "host.id", "garage").replace('\n', "\r\n")
    );
}

#[test]
fn what_would_be_wrong_is_not_written() {
    let (_dir, file) = folder();
    std::fs::write(&file, COMMENTED).unwrap();
    for (key, value, code, says) in [
        (
            "security.rolle",
            "viewer",
            "config_no_such_key",
            "did you mean `security.role`?",
        ),
        (
            "role",
            "viewer",
            "config_no_such_key",
            "did you mean `security.role`?",
        ),
        ("bus.token", "abc", "config_secret", "drawbridge enroll"),
        (
            "security.role",
            "opertor",
            "config_would_be_wrong",
            "did you mean \"operator\"?",
        ),
        (
            "app_server.port",
            "70000",
            "config_would_be_wrong",
            "from 1 to 65535",
        ),
        (
            "security.roots",
            "[\"/a\"",
            "config_would_be_wrong",
            "security.roots",
        ),
    ] {
        let error = set(&file, key, value).unwrap_err();
        assert_eq!(error.code(), code, "{key}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), COMMENTED);
    // A file that is wrong elsewhere stays, and is told of; setting the wrong key itself mends it.
    let wrong = COMMENTED.replace("\"viewer\"", "\"vewer\"");
    std::fs::write(&file, &wrong).unwrap();
    let error = set(&file, "host.name", "Garage").unwrap_err();
    assert!(
        error.to_string().contains(":8:8: security.role: `vewer`"),
        "{error}"
    );
    set(&file, "security.role", "viewer").unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), COMMENTED);
    std::fs::write(&file, "[security\n").unwrap();
    assert_eq!(
        set(&file, "host.name", "Garage").unwrap_err().code(),
        "config_would_be_wrong"
    );
}

#[test]
fn links_stay_links_and_modes_stay() {
    let (dir, file) = folder();
    let real = dir.path().join("dotfiles/drawbridge.toml");
    std::fs::create_dir(dir.path().join("dotfiles")).unwrap();
    std::fs::write(&real, COMMENTED).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("dotfiles/drawbridge.toml", &file).unwrap();
    set(&file, "security.answer", "both").unwrap();
    assert!(file.symlink_metadata().unwrap().is_symlink());
    assert!(
        std::fs::read_to_string(&real)
            .unwrap()
            .contains("answer = \"both\"")
    );
    assert_eq!(
        std::fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(
        names(&dir.path().join("dotfiles")),
        ["drawbridge.toml"],
        "nothing is left behind"
    );
}

#[test]
fn a_new_file_is_its_owners_only() {
    let (dir, _) = folder();
    let file = dir.path().join("new/drawbridge/config.toml");
    set(&file, "security.role", "viewer").unwrap();
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "[security]\nrole = \"viewer\"\n"
    );
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(unset(&file, "security.role").unwrap());
    assert!(!unset(&file, "security.role").unwrap());
}

#[test]
fn somebody_elses_change_is_not_written_over() {
    let (_dir, file) = folder();
    std::fs::write(&file, "# theirs\n").unwrap();
    let error = write_checked(&file, COMMENTED, Some(b"# as I read it\n")).unwrap_err();
    assert!(matches!(error, FileError::Changed(_)));
    assert_eq!(
        write_checked(&file, COMMENTED, None).unwrap_err().code(),
        "config_changed"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# theirs\n");
}

#[test]
fn an_edit_is_offered_again_until_it_is_right() {
    let (_dir, file) = folder();
    let mut seen = Vec::new();
    let mut told = Vec::new();
    let mut turn = 0;
    let done = edit(
        &file,
        |copy| {
            assert_ne!(copy, file, "the editor works on a copy");
            seen.push(std::fs::read_to_string(copy).unwrap());
            turn += 1;
            let text = if turn == 1 {
                "[security]\nrole = \"vewer\"\n"
            } else {
                "[security]\nrole = \"viewer\"\n"
            };
            std::fs::write(copy, text).unwrap();
            Ok(true)
        },
        |problems| {
            told.extend(problems.iter().map(ToString::to_string));
            Next::Again
        },
    );
    assert_eq!(done.unwrap(), Edited::Written);
    assert_eq!(
        seen,
        [example(), "[security]\nrole = \"vewer\"\n".to_owned()],
        "the second time with what was typed"
    );
    assert!(told[0].contains("did you mean \"viewer\"?"), "{told:?}");
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "[security]\nrole = \"viewer\"\n"
    );
}

#[test]
fn an_edit_that_is_given_up_changes_nothing() {
    let (dir, file) = folder();
    std::fs::write(&file, COMMENTED).unwrap();
    let spoil = |copy: &Path| std::fs::write(copy, "x").map(|()| true);
    assert_eq!(edit(&file, spoil, |_| Next::GiveUp).unwrap(), Edited::GivenUp);
    assert_eq!(
        edit(&file, |_| Ok(true), |_| Next::Again).unwrap(),
        Edited::Unchanged
    );
    let fails = |copy: &Path| std::fs::write(copy, "").map(|()| false);
    assert_eq!(edit(&file, fails, |_| Next::Again).unwrap(), Edited::GivenUp);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), COMMENTED);
    assert_eq!(names(dir.path()), ["config.toml"]);
}

#[test]
// A broken file can be opened to mend it.
fn a_file_that_is_wrong_can_be_edited() {
    let (_dir, file) = folder();
    std::fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
    let mend = |copy: &Path| std::fs::write(copy, COMMENTED).map(|()| true);
    assert_eq!(edit(&file, mend, |_| Next::GiveUp).unwrap(), Edited::Written);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), COMMENTED);
}

#[test]
fn the_editor_is_the_one_the_person_set() {
    let (_dir, file) = folder();
    std::fs::write(&file, "a\n").unwrap();
    let set_to = |visual: &'static str, editor: &'static str| {
        move |name: &str| match name {
            "VISUAL" => Some(OsString::from(visual)),
            "EDITOR" => Some(OsString::from(editor)),
            _ => None,
        }
    };
    // An editor with arguments, as `code --wait` is.
    let mut command = editor_command(set_to("", "sed -i s/a/b/"), &file);
    assert!(command.status().unwrap().success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "b\n");
    let mut command = editor_command(set_to("sed -i s/b/c/", "false"), &file);
    assert!(command.status().unwrap().success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "c\n");
    assert_eq!(parse(COMMENTED, "c").0.unwrap().line(Name::Answer), Some(7));
}
