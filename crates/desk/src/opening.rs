//! What a window may have opened of the skills: what the host named, and only as a text or a folder.

use crate::{Opening, Problem, system};
use drawbridge_consent::visible_line;
use drawbridge_local::files;
use drawbridge_wire::skills::SkillsView;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The path of the skill a window means. The window's own words go no further than this comparison.
pub(crate) fn skill(view: &SkillsView, id: &str) -> Result<PathBuf, Problem> {
    let mut skills = view.skills.iter().map(|skill| &skill.path);
    skills
        .find(|path| is(path, id))
        .cloned()
        .ok_or_else(|| unknown(id))
}

/// The file a window means: that of a skill, or one of instructions.
pub(crate) fn file(view: &SkillsView, id: &str) -> Result<Vec<Opening>, Problem> {
    let instructions = view.instructions.iter().map(|file| &file.path);
    let mut files = view.skills.iter().map(|skill| &skill.path).chain(instructions);
    let found = files.find(|path| is(path, id)).cloned();
    found
        .map(|file| vec![Opening::Text(file)])
        .ok_or_else(|| unknown(id))
}

/// The folder a window means: a root, or where a file lies that is named here. Where there may be no such folder
/// others follow, and the first that is there is meant.
pub(crate) fn folder(view: &SkillsView, id: &str) -> Result<Vec<Opening>, Problem> {
    let folder = |path: &Path| Opening::Folder(path.to_owned());
    if let Some(root) = view.roots.iter().find(|root| is(&root.path, id)) {
        if root.state == PRESENT {
            return Ok(vec![folder(&root.path)]);
        }
        // There is nothing to see in it. What can be done about that is done where it lies.
        let above: Vec<_> = root.path.ancestors().skip(1).map(folder).collect();
        return if above.is_empty() {
            Err(unknown(id))
        } else {
            Ok(above)
        };
    }
    let of_roots = view.roots.iter().flat_map(|root| &root.problems);
    let of_skills = view.skills.iter().flat_map(|skill| &skill.problems);
    let files = view.skills.iter().map(|skill| &skill.path);
    let mut named = files
        .chain(view.instructions.iter().map(|file| &file.path))
        .chain(of_roots.chain(of_skills).map(|problem| &problem.path));
    named
        .find(|path| is(path, id))
        .and_then(|path| path.parent())
        .map(|parent| vec![folder(parent)])
        .ok_or_else(|| unknown(id))
}

/// The state of a root that can be looked into.
const PRESENT: &str = "present";

fn is(path: &Path, id: &str) -> bool {
    path.as_os_str() == id
}

fn unknown(id: &str) -> Problem {
    Problem::new(
        "unknown_skill",
        format!(
            "the host does not list {} any more; look at the list again",
            visible_line(id)
        ),
    )
}

impl Opening {
    /// Looks at what is there now: nothing that could be run goes to the desktop, whose programs judge a
    /// file by its name, its content or its permissions.
    ///
    /// # Errors
    /// When it is gone, or is something else than it was named as.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match self {
            Opening::Text(file) => text(file),
            Opening::Folder(folder) => match folder.metadata() {
                Ok(found) if found.is_dir() && folder.is_absolute() => Ok(()),
                Ok(_) => Err(Problem::new(
                    "not_a_folder",
                    format!("{} is no folder; look at it in a terminal", shown(folder)),
                )),
                Err(error) => Err(away(folder, &error)),
            },
        }
    }
}

fn text(file: &Path) -> Result<(), Problem> {
    let found = file.symlink_metadata().map_err(|error| away(file, &error))?;
    if !found.is_file() || !file.is_absolute() {
        return Err(not_a_file(file));
    }
    if file.extension().is_none_or(|ending| ending != "md") {
        return Err(Problem::new(
            "not_a_text",
            format!("{} is not named as a text; look at its folder", shown(file)),
        ));
    }
    // What is judged from here on is one and the same file, whatever its name means meanwhile. Should it have
    // become a pipe, that does not hold this up.
    let opened = files::no_link(File::options().read(true)).open(file);
    let opened = opened.map_err(|error| match system::is_link(&error) {
        true => not_a_file(file),
        false => away(file, &error),
    })?;
    let found = opened.metadata().map_err(|error| away(file, &error))?;
    if !found.is_file() {
        return Err(not_a_file(file));
    }
    if system::may_be_run(&found) {
        return Err(Problem::new(
            "executable",
            format!(
                "{} may be run as a program, so it is not opened from here; take that away (chmod a-x), or look at \
                 its folder",
                shown(file)
            ),
        ));
    }
    let mut start = Vec::new();
    let read = opened.take(READ).read_to_end(&mut start);
    read.map_err(|error| away(file, &error))?;
    match other_than_text(&start) {
        None => Ok(()),
        Some(what) => Err(Problem::new(
            "not_a_text",
            format!(
                "{} {what}, and another program than an editor might take it; open its folder instead",
                shown(file)
            ),
        )),
    }
}

/// How much of a text is looked at.
const READ: u64 = 64 * 1024;

/// How files begin that are more than a text to some program.
const BEGINNINGS: [(&[u8], &str); 8] = [
    (b"#!", "begins as a script"),
    (b"PK", "begins as an archive"),
    (b"MZ", "begins as a program"),
    (b"\x7fELF", "begins as a program"),
    (b"%PDF", "begins as a document to print"),
    (b"%!", "begins as a document to print"),
    (b"{\\rtf", "begins as a document of a word processor"),
    (b"[Desktop Entry]", "begins as a starter of programs"),
];

/// How far desktops look for signs of a web page.
const LOOKED_THROUGH: usize = 4096;

/// What makes a file a web page, wherever it stands at its beginning: `file`, which desktops without a judgement of
/// their own ask, needs no more than one of them.
const OF_WEB_PAGES: [&[u8]; 8] = [
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<title",
    b"<script",
    b"<style",
    b"<table",
    b"<a href",
];

/// Why something that begins like this would not surely be handed to an editor. Desktops go by the content of a file
/// when its name tells them nothing.
fn other_than_text(start: &[u8]) -> Option<&'static str> {
    let known = BEGINNINGS.iter().find(|(bytes, _)| start.starts_with(bytes));
    if let Some((_, what)) = known {
        return Some(what);
    }
    if start.contains(&0) {
        return Some("has bytes in it that no text has");
    }
    match std::str::from_utf8(start) {
        Ok(_) => {}
        // The end of what was read may lie within a sign.
        Err(wrong) if wrong.error_len().is_none() && start.len() as u64 == READ => {}
        Err(_) => return Some("is no text in UTF-8"),
    }
    let marked = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    if marked.trim_ascii_start().starts_with(b"<") {
        return Some("begins as a web page or another document in markup");
    }
    let near = start.get(..LOOKED_THROUGH).unwrap_or(start).to_ascii_lowercase();
    let has = |sign: &&[u8]| near.windows(sign.len()).any(|part| part == *sign);
    OF_WEB_PAGES
        .iter()
        .any(has)
        .then_some("has marks of a web page at its beginning")
}

fn not_a_file(file: &Path) -> Problem {
    Problem::new(
        "not_a_file",
        format!(
            "{} is no file of its own (a link, a pipe or a folder), so it is not opened; look at its folder",
            shown(file)
        ),
    )
}

/// A path in a sentence, hidden signs visible: who named it is not who reads it.
fn shown(path: &Path) -> String {
    visible_line(&path.to_string_lossy())
}

fn away(path: &Path, error: &std::io::Error) -> Problem {
    if error.kind() == ErrorKind::NotFound {
        let message = format!("{} is not there any more; rescan", shown(path));
        return Problem::new("not_there", message);
    }
    Problem::new(
        "unreadable",
        format!("cannot look at {}: {error}; see its permissions", shown(path)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn code(opening: &Opening) -> String {
        opening
            .check()
            .map_or_else(|problem| problem.code, |()| "fine".to_owned())
    }

    #[test]
    fn only_a_text_file_that_nothing_would_run_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let text = |name: &str| Opening::Text(at(name));
        std::fs::write(at("SKILL.md"), "---\n").unwrap();
        assert_eq!(code(&text("SKILL.md")), "fine");
        assert_eq!(code(&text("gone.md")), "not_there");
        for mode in [0o755, 0o641, 0o614] {
            std::fs::write(at("run.md"), "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(at("run.md"), PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(code(&text("run.md")), "executable", "{mode:o}");
        }
        std::fs::write(at("evil.desktop"), "[Desktop Entry]\n").unwrap();
        assert_eq!(code(&text("evil.desktop")), "not_a_text");
        symlink(at("SKILL.md"), at("link.md")).unwrap();
        assert_eq!(code(&text("link.md")), "not_a_file");
        nix_fifo(&at("pipe.md"));
        assert_eq!(code(&text("pipe.md")), "not_a_file");
        std::fs::create_dir(at("folder.md")).unwrap();
        assert_eq!(code(&text("folder.md")), "not_a_file");
        assert_eq!(code(&Opening::Text("SKILL.md".into())), "not_there");
    }

    #[test]
    fn what_desktops_take_for_more_than_a_text_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("SKILL.md");
        let judged = |content: &[u8]| {
            std::fs::write(&file, content).unwrap();
            code(&Opening::Text(file.clone()))
        };
        let late = format!(
            "---\nname: x\n---\n{}\n<Script>hit()</Script>\n",
            "a".repeat(3000)
        );
        let others: [&[u8]; 16] = [
            b"<!DOCTYPE html><script>hit()</script>",
            b"\n \t<html>",
            b"\xef\xbb\xbf\r\n<svg/>",
            b"---\nname: x\n---\n<HTML><body>",
            late.as_bytes(),
            b"PK\x03\x04\x14\x00",
            b"PKish",
            b"MZ\x90\x00",
            b"\x7fELF\x02\x01",
            b"#!/bin/sh\ntouch hit\n",
            b"%PDF-1.7\n",
            b"%!PS-Adobe-3.0\n",
            b"{\\rtf1 x}",
            b"[Desktop Entry]\nExec=touch hit\n",
            b"---\nname: x\0\n",
            b"\xff\xfe-\x01",
        ];
        for content in others {
            assert_eq!(
                judged(content),
                "not_a_text",
                "{:?}",
                content.escape_ascii().to_string()
            );
        }
        // The last sign of a whole file is not cut by us.
        assert_eq!(judged(b"caf\xc3"), "not_a_text");
        let texts = [
            "",
            "---\nname: x\n---\na < b, <p> & #! too\n",
            "# Pi\n",
            "\u{feff}---\n",
            "\u{5d0}",
        ];
        for content in texts {
            assert_eq!(judged(content.as_bytes()), "fine", "{content:?}");
        }
        // A sign of two bytes lies across the end of what is looked at; what comes after that counts no more.
        let long = format!("{}\u{e9}\0", "a".repeat(64 * 1024 - 1));
        assert_eq!(judged(long.as_bytes()), "fine");
    }

    #[test]
    fn a_folder_is_one_wherever_its_link_leads() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("there")).unwrap();
        symlink(at("there"), at("link")).unwrap();
        std::fs::write(at("file"), "x").unwrap();
        assert_eq!(code(&Opening::Folder(at("there"))), "fine");
        assert_eq!(code(&Opening::Folder(at("link"))), "fine");
        assert_eq!(code(&Opening::Folder(at("file"))), "not_a_folder");
        assert_eq!(code(&Opening::Folder(at("gone"))), "not_there");
    }

    #[test]
    fn hidden_signs_of_a_path_are_named_in_what_is_said_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(format!("\u{202e}{name}\u{1b}[31m\n.md"));
        std::fs::write(at("web"), "<html>").unwrap();
        std::fs::write(at("run"), "").unwrap();
        std::fs::set_permissions(at("run"), PermissionsExt::from_mode(0o755)).unwrap();
        symlink(at("web"), at("link")).unwrap();
        let unnamed = dir.path().join("\u{202e}\u{1b}\n.exe");
        std::fs::write(&unnamed, "x").unwrap();
        let stray = at("stray").to_string_lossy().into_owned();
        let refused = [
            (Opening::Text(at("web")).check(), "not_a_text"),
            (Opening::Text(unnamed).check(), "not_a_text"),
            (Opening::Text(at("run")).check(), "executable"),
            (Opening::Text(at("link")).check(), "not_a_file"),
            (Opening::Text(at("gone")).check(), "not_there"),
            (Opening::Text(at("web").join("in.md")).check(), "unreadable"),
            (Opening::Folder(at("web")).check(), "not_a_folder"),
            (Opening::Folder(at("gone")).check(), "not_there"),
            (file(&SkillsView::default(), &stray).map(drop), "unknown_skill"),
            (folder(&SkillsView::default(), &stray).map(drop), "unknown_skill"),
            (skill(&SkillsView::default(), &stray).map(drop), "unknown_skill"),
        ];
        for (refused, code) in refused {
            let problem = refused.unwrap_err();
            assert_eq!(problem.code, code);
            assert!(
                !problem.message.contains(['\u{202e}', '\u{1b}', '\n']),
                "{problem:?}"
            );
            assert!(problem.message.contains("RIGHT-TO-LEFT OVERRIDE"), "{problem:?}");
        }
    }

    fn nix_fifo(path: &Path) {
        let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    }
}
