//! From what was found to what is told.

use super::Listed;
use drawbridge_skills::places::MOST_FOLDERS;
use drawbridge_skills::{Because, Instructions, Problem, ScannedRoot, Severity, Skill, Watching};
use drawbridge_wire::skills::{
    InstructionsView, SkillProblemView, SkillRootView, SkillView, SkillWatching, SkillsView, UnwatchedFolders,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A path as it can be told: as text. One that is none is told with a mark where it is not, and cannot be
/// named by anybody.
pub(super) fn told_path(path: &Path) -> PathBuf {
    path.to_string_lossy().into_owned().into()
}

pub(super) fn watching(now: &Watching) -> SkillWatching {
    match now {
        Watching::Watched => SkillWatching::Watched,
        Watching::Polled { because, every } => SkillWatching::Polled {
            every_ms: u64::try_from(every.as_millis()).unwrap_or(u64::MAX),
            code: because.code().to_owned(),
            message: Because::to_string(because),
        },
    }
}

pub(super) fn unwatched(folders: &[PathBuf]) -> Option<UnwatchedFolders> {
    (!folders.is_empty()).then(|| UnwatchedFolders {
        code: "too_many_folders".to_owned(),
        message: format!(
            "no more than {MOST_FOLDERS} folders are watched, and threads work in more; end threads that are not \
             needed any more, and the others take their place"
        ),
        folders: folders.iter().map(|folder| told_path(folder)).collect(),
    })
}

fn problem(problem: &Problem) -> SkillProblemView {
    SkillProblemView {
        severity: problem.severity.word().to_owned(),
        code: problem.code.to_owned(),
        path: told_path(&problem.path),
        line: problem.line,
        column: problem.column,
        message: problem.message.clone(),
    }
}

pub(super) fn root(found: &ScannedRoot, not_in: Option<&BTreeSet<String>>) -> SkillRootView {
    let kind = found.root.kind;
    SkillRootView {
        path: told_path(&found.root.path),
        real: found
            .real
            .as_deref()
            .filter(|real| *real != found.root.path)
            .map(told_path),
        kind: kind.word().to_owned(),
        scope: kind.scope().word().to_owned(),
        folder: found.root.folder.as_deref().map(told_path),
        read_only: kind.is_read_only(),
        state: found.state.word().to_owned(),
        problems: found.problems.iter().map(problem).collect(),
        not_in: not_in.into_iter().flatten().cloned().collect(),
    }
}

pub(super) fn skill(
    root: &ScannedRoot,
    skill: &Skill,
    listed: &Listed,
    next_turn: Option<&BTreeSet<String>>,
) -> SkillView {
    let mut problems: Vec<SkillProblemView> = skill.problems.iter().map(problem).collect();
    // Codex has the last word on what it takes.
    if let (Some(message), true) = (listed.error(&skill.path, &skill.real), skill.is_usable()) {
        problems.push(SkillProblemView {
            severity: Severity::Error.word().to_owned(),
            code: "codex".to_owned(),
            path: told_path(&skill.path),
            line: None,
            column: None,
            message: format!("Codex does not take it: {message}"),
        });
    }
    SkillView {
        name: skill.name.clone(),
        description: skill.description.clone(),
        scope: root.root.kind.scope().word().to_owned(),
        root: told_path(&root.root.path),
        path: told_path(&skill.path),
        enabled: listed.enabled(&skill.real),
        hash: skill.hash.clone(),
        size: skill.size,
        changed_at_ms: skill.changed_ms,
        problems,
        next_turn: next_turn.into_iter().flatten().cloned().collect(),
    }
}

pub(super) fn instructions(file: &Instructions, old_in: Option<&BTreeSet<String>>) -> InstructionsView {
    InstructionsView {
        path: told_path(&file.path),
        hash: file.hash.clone(),
        size: file.size,
        changed_at_ms: file.changed_ms,
        old_in: old_in.into_iter().flatten().cloned().collect(),
    }
}

/// What is found without a host, and so without a word of Codex.
pub(super) fn without_codex(roots: &[ScannedRoot], files: &[Instructions]) -> SkillsView {
    let listed = Listed::default();
    let of_root = |found: &ScannedRoot| {
        let skills = found.skills.iter();
        skills
            .map(|one| skill(found, one, &listed, None))
            .collect::<Vec<_>>()
    };
    SkillsView {
        watching: SkillWatching::Off {
            message: "no host runs; this was read just now".to_owned(),
        },
        roots: roots.iter().map(|found| root(found, None)).collect(),
        skills: roots.iter().flat_map(of_root).collect(),
        instructions: files.iter().map(|file| instructions(file, None)).collect(),
        ..SkillsView::default()
    }
}
