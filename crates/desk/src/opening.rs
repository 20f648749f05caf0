//! What a window may have opened of the skills: what the host named, and only as a text or a folder.

use crate::{Opening, Problem};
use drawbridge_wire::skills::SkillsView;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
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
pub(crate) fn file(view: &SkillsView, id: &str) -> Result<Opening, Problem> {
    let instructions = view.instructions.iter().map(|file| &file.path);
    let mut files = view.skills.iter().map(|skill| &skill.path).chain(instructions);
    let found = files.find(|path| is(path, id)).cloned();
    found.map(Opening::Text).ok_or_else(|| unknown(id))
}

/// The folder a window means: a root, or where a file lies that is named here.
pub(crate) fn folder(view: &SkillsView, id: &str) -> Result<Opening, Problem> {
    if let Some(root) = view.roots.iter().find(|root| is(&root.path, id)) {
        return Ok(Opening::Folder(root.path.clone()));
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
        .map(|folder| Opening::Folder(folder.to_owned()))
        .ok_or_else(|| unknown(id))
}

fn is(path: &Path, id: &str) -> bool {
    path.as_os_str() == id
}

fn unknown(id: &str) -> Problem {
    Problem::new(
        "unknown_skill",
        format!("the host does not list {id} any more; look at the list again"),
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
                    format!("{} is no folder; look at it in a terminal", folder.display()),
                )),
                Err(error) => Err(away(folder, &error)),
            },
        }
    }
}

fn text(file: &Path) -> Result<(), Problem> {
    let found = file.symlink_metadata().map_err(|error| away(file, &error))?;
    if !found.is_file() || !file.is_absolute() {
        return Err(Problem::new(
            "not_a_file",
            format!(
                "{} is no file of its own (a link, a pipe or a folder), so it is not opened; look at its folder",
                file.display()
            ),
        ));
    }
    if file.extension().is_none_or(|ending| ending != "md") {
        return Err(Problem::new(
            "not_a_text",
            format!("{} is not named as a text; look at its folder", file.display()),
        ));
    }
    if found.permissions().mode() & 0o111 != 0 {
        return Err(Problem::new(
            "executable",
            format!(
                "{} may be run as a program, so it is not opened from here; take that away (chmod a-x), or look at \
                 its folder",
                file.display()
            ),
        ));
    }
    Ok(())
}

fn away(path: &Path, error: &std::io::Error) -> Problem {
    if error.kind() == ErrorKind::NotFound {
        let message = format!("{} is not there any more; rescan", path.display());
        return Problem::new("not_there", message);
    }
    Problem::new(
        "unreadable",
        format!("cannot look at {}: {error}; see its permissions", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

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

    fn nix_fifo(path: &Path) {
        let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    }
}
