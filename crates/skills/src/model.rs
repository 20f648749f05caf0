//! What is known of skills.

use std::path::PathBuf;

/// Whose a skill is, as Codex names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Of a project.
    Repo,
    /// Of the user.
    User,
    /// Comes with Codex.
    System,
    /// Of the administrator of this computer.
    Admin,
}

impl Scope {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Scope::Repo => "repo",
            Scope::User => "user",
            Scope::System => "system",
            Scope::Admin => "admin",
        }
    }
}

/// Why a folder is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    /// `$CODEX_HOME/skills`
    CodexHome,
    /// `~/.agents/skills`
    Home,
    /// `.codex/skills` or `.agents/skills` of a project.
    Folder,
    /// Of `skills.extra_roots` in the configuration.
    Extra,
    /// `$CODEX_HOME/skills/.system`
    System,
    /// `/etc/codex/skills`
    Admin,
}

impl RootKind {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            RootKind::CodexHome => "codex_home",
            RootKind::Home => "home",
            RootKind::Folder => "folder",
            RootKind::Extra => "extra",
            RootKind::System => "system",
            RootKind::Admin => "admin",
        }
    }

    /// Whether only Codex or an administrator changes what is in it.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        matches!(self, RootKind::System | RootKind::Admin)
    }

    /// Whose the skills in it are.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            RootKind::CodexHome | RootKind::Home | RootKind::Extra => Scope::User,
            RootKind::Folder => Scope::Repo,
            RootKind::System => Scope::System,
            RootKind::Admin => Scope::Admin,
        }
    }
}

/// A folder that Codex looks for skills in. It need not be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root {
    /// Where, as Codex names it; may be or lead over a link.
    pub path: PathBuf,
    /// Why.
    pub kind: RootKind,
    /// The folder of the project, for [`RootKind::Folder`]: threads in it and below have these skills.
    pub folder: Option<PathBuf>,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The skill cannot be used.
    Error,
    /// It can, but perhaps not as meant.
    Warning,
}

impl Severity {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Something wrong, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// Stable code.
    pub code: &'static str,
    /// In which file or folder.
    pub path: PathBuf,
    /// In which line, from 1.
    pub line: Option<u32>,
    /// In which column of it, from 1, in characters.
    pub column: Option<u32>,
    /// What is wrong and what to do; safe to print.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&drawbridge_consent::visible_line(&self.path.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}: {} [{}]", self.severity.word(), self.message, self.code)
    }
}

/// A skill, usable or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// Its name, or that of its folder while it has none; safe to print.
    pub name: String,
    /// Its description in one line; safe to print.
    pub description: String,
    /// Its `SKILL.md`, as reached through its root.
    pub path: PathBuf,
    /// The same without links, which is how Codex names it.
    pub real: PathBuf,
    /// Size of the file.
    pub size: u64,
    /// SHA-256 of the file, hex. `None` when it was not read whole.
    pub hash: Option<String>,
    /// When the file was changed last, Unix milliseconds.
    pub changed_ms: Option<u64>,
    /// What is wrong with it, of itself and beside others.
    pub problems: Vec<Problem>,
}

impl Skill {
    /// Whether it can be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.problems
            .iter()
            .all(|problem| problem.severity != Severity::Error)
    }
}

/// How a root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RootState {
    /// A folder.
    Present,
    /// Not there.
    Missing,
    /// There, and no folder.
    NotAFolder,
    /// There, and not to be read.
    Unreadable,
}

impl RootState {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            RootState::Present => "present",
            RootState::Missing => "missing",
            RootState::NotAFolder => "not_a_folder",
            RootState::Unreadable => "unreadable",
        }
    }
}

/// A root and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedRoot {
    /// Which.
    pub root: Root,
    /// How it is.
    pub state: RootState,
    /// Whether the folder it lies in, or would, is there.
    pub above: bool,
    /// Where the folder of the project really is, for [`RootKind::Folder`].
    pub folder: Option<PathBuf>,
    /// Where it really is, while it is a folder.
    pub real: Option<PathBuf>,
    /// By path.
    pub skills: Vec<Skill>,
    /// What is wrong with the root and with what is no skill: links that lead out of it, folders that
    /// cannot be read.
    pub problems: Vec<Problem>,
    /// The folders in it that were looked at, itself first, without links. Empty in what a
    /// [`crate::Watcher`] tells.
    pub folders: Vec<PathBuf>,
}

/// A file with instructions that Codex reads when a thread starts (`AGENTS.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructions {
    /// The file.
    pub path: PathBuf,
    /// Size of the file.
    pub size: u64,
    /// SHA-256 of the file, hex. `None` when it was not read whole.
    pub hash: Option<String>,
    /// When the file was changed last, Unix milliseconds.
    pub changed_ms: Option<u64>,
}
