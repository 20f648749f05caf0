//! Which folders Codex looks for skills and instructions in.

use crate::model::{Root, RootKind};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Known folders that are looked at, and as many of the configuration, which takes no more.
pub const MOST_FOLDERS: usize = 64;
/// Folders from that of a thread up to the top of its project.
const MOST_ABOVE: usize = 16;
/// What the topmost folder of a project has.
pub(crate) const TOP: &str = ".git";
/// Files of instructions, the first of which Codex prefers.
const INSTRUCTIONS: [&str; 2] = ["AGENTS.override.md", "AGENTS.md"];

/// From what the roots follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// `$CODEX_HOME`
    pub codex_home: PathBuf,
    /// The home folder.
    pub home: Option<PathBuf>,
    /// Folders that threads work in or may.
    pub folders: Vec<PathBuf>,
    /// `skills.extra_roots` of the configuration, absolute.
    pub extra: Vec<PathBuf>,
}

impl Places {
    /// The roots, each once, in the order in which Codex prefers them. They need not be there.
    #[must_use]
    pub fn roots(&self) -> Vec<Root> {
        let mut roots = Vec::new();
        let mut seen = BTreeSet::new();
        let mut add = |path: PathBuf, kind: RootKind, folder: Option<PathBuf>| {
            if path.is_absolute() && seen.insert(path.clone()) {
                roots.push(Root { path, kind, folder });
            }
        };
        add(self.codex_home.join("skills"), RootKind::CodexHome, None);
        if let Some(home) = &self.home {
            add(home.join(".agents/skills"), RootKind::Home, None);
        }
        for extra in self.extra.iter().take(MOST_FOLDERS) {
            add(extra.clone(), RootKind::Extra, None);
        }
        add(self.codex_home.join("skills/.system"), RootKind::System, None);
        if let Some(admin) = crate::unix::ADMIN_SKILLS {
            add(admin.into(), RootKind::Admin, None);
        }
        for folder in self.projects() {
            for below in [".codex/skills", ".agents/skills"] {
                add(folder.join(below), RootKind::Folder, Some(folder.clone()));
            }
        }
        roots
    }

    /// The folders that are looked for files of instructions in.
    #[must_use]
    pub fn instruction_folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.codex_home.clone()];
        folders.extend(self.projects());
        folders
    }

    /// The files of instructions that there may be.
    #[must_use]
    pub fn instruction_files(&self) -> Vec<PathBuf> {
        let names = |folder: PathBuf| INSTRUCTIONS.map(|name| folder.join(name));
        self.instruction_folders().into_iter().flat_map(names).collect()
    }

    /// Known folders and those above them up to the top of their project, each once.
    fn projects(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for folder in self.folders.iter().take(MOST_FOLDERS) {
            for folder in up_to_top(folder) {
                if !all.contains(&folder) {
                    all.push(folder);
                }
            }
        }
        all
    }
}

/// A folder and those above it up to the next that has a `.git`; without one only itself.
fn up_to_top(folder: &Path) -> Vec<PathBuf> {
    let mut above: Vec<PathBuf> = folder.ancestors().take(MOST_ABOVE).map(Path::to_owned).collect();
    let top = above
        .iter()
        .position(|folder| folder.join(TOP).symlink_metadata().is_ok());
    above.truncate(top.unwrap_or(0) + 1);
    above
}
