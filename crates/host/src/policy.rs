//! The policy in force: what remotes may be, see and answer. A snapshot, shared and never changed in
//! place; a connection keeps the one it began with.

use crate::HostError;
use drawbridge_config::Security;
use drawbridge_core::verdict::ceiling::{Ceiling, Pair};
use drawbridge_wire::{Role, WhoMayAnswer};
use std::path::{Component, Path, PathBuf};

/// Everything the gate needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Raised whenever less is allowed than before; connections of an earlier edition end.
    pub edition: u64,
    /// Who may answer approvals.
    pub answer: WhoMayAnswer,
    /// Highest role of a remote.
    pub role: Role,
    /// Canonical folders a remote sees and touches.
    pub roots: Vec<PathBuf>,
    /// Pairs of approval policy and sandbox a remote may set.
    pub ceilings: Vec<Pair>,
    /// Where the app-server runs; a relative path of a remote means a place below it.
    pub cwd: PathBuf,
    /// Folders of the user's own skills, which a remote may name but not see otherwise. They come and go,
    /// so where they lead is looked up each time.
    pub skill_roots: Vec<PathBuf>,
    /// The MCP server that threads of this connection get: that of its bus; for the user, the first bus's.
    pub mcp: Option<McpServer>,
}

/// What is injected into threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct McpServer {
    /// Name, default `codex-agents`.
    pub name: String,
    /// Streamable HTTP URL.
    pub url: String,
    /// Variable that holds the bearer token, when there is one.
    pub token_variable: Option<String>,
}

/// A folder that remotes must not have, and why.
pub(crate) type Guarded = (PathBuf, &'static str);

impl Policy {
    /// The part of it that the configuration decides.
    pub(crate) fn security(&self) -> Security {
        Security {
            role: self.role,
            answer: self.answer,
            roots: self.roots.clone(),
            ceilings: self.ceilings.clone(),
        }
    }

    /// The same policy with another such part.
    pub(crate) fn with(&self, security: &Security) -> Self {
        let narrower = !self.security().is_within(security);
        Self {
            edition: self.edition + u64::from(narrower),
            role: security.role,
            answer: security.answer,
            roots: security.roots.clone(),
            ceilings: security.ceilings.clone(),
            ..self.clone()
        }
    }

    /// The same policy with other folders of skills.
    pub(crate) fn with_skill_roots(&self, skill_roots: Vec<PathBuf>) -> Self {
        let narrower = self.skill_roots.iter().any(|root| !skill_roots.contains(root));
        Self {
            edition: self.edition + u64::from(narrower),
            skill_roots,
            ..self.clone()
        }
    }

    /// How far a remote of this role may set a thread.
    pub(crate) fn ceiling(&self, role: Role) -> Ceiling {
        Ceiling::of(role).narrowed(&self.ceilings)
    }

    /// Whether a path, canonicalised now, lies inside a root; the canonical path is what may go on.
    /// A path that does not exist is inside when its nearest existing ancestor is, and the rest has no `..`.
    #[must_use]
    pub(crate) fn inside(&self, path: &Path) -> Option<PathBuf> {
        let canonical = canonical(&self.cwd.join(path))?;
        self.roots
            .iter()
            .any(|root| canonical.starts_with(root))
            .then_some(canonical)
    }

    /// A folder to work in: it must lie inside a root and be there. What is not there yet could become a
    /// link to anywhere by the time it is used.
    pub(crate) fn folder(&self, path: &Path) -> Result<PathBuf, NoFolder> {
        let canonical = self.inside(path).ok_or(NoFolder::Outside)?;
        match canonical.symlink_metadata() {
            Ok(found) if found.is_dir() => Ok(canonical),
            _ => Err(NoFolder::Missing),
        }
    }

    /// The canonical path of a skill of the user's own.
    #[must_use]
    pub(crate) fn skill(&self, path: &Path) -> Option<PathBuf> {
        let canonical = canonical(path)?;
        self.skill_roots
            .iter()
            .filter_map(|root| super::policy::canonical(root))
            .any(|root| canonical.starts_with(root))
            .then_some(canonical)
    }
}

/// Why a folder is none that a remote may work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoFolder {
    /// Outside the roots.
    Outside,
    /// Inside, but there is no folder of that name.
    Missing,
}

/// Canonical form of an absolute path, links resolved; the missing tail of a path is kept as it is.
#[must_use]
pub(crate) fn canonical(path: &Path) -> Option<PathBuf> {
    if !path.is_absolute() || path.as_os_str().as_encoded_bytes().contains(&0) {
        return None;
    }
    let mut missing = Vec::new();
    let mut here = path;
    loop {
        match here.canonicalize() {
            Ok(base) => {
                let mut out = base;
                out.extend(missing.iter().rev());
                return Some(out);
            }
            // A dangling link must not be taken for a missing file: what it points to may be made later.
            Err(_) if here.symlink_metadata().is_ok() => return None,
            Err(_) => {
                let Some(Component::Normal(name)) = here.components().next_back() else {
                    return None;
                };
                missing.push(name.to_owned());
                here = here.parent()?;
            }
        }
    }
}

/// Checks the folders a user wants to open to remotes.
///
/// # Errors
/// For a folder that does not exist, or that equals or contains the home, `CODEX_HOME` or our own data.
pub(crate) fn roots(wanted: &[PathBuf], guarded: &[Guarded]) -> Result<Vec<PathBuf>, HostError> {
    let mut out = Vec::new();
    for root in wanted {
        let bad = |why| HostError::Root {
            path: root.clone(),
            why,
        };
        let canonical = root.canonicalize().map_err(|_| bad("it does not exist"))?;
        if !canonical.is_dir() {
            return Err(bad("it is no folder"));
        }
        if let Some(why) = refused(&canonical, guarded) {
            return Err(bad(why));
        }
        if !out.contains(&canonical) {
            out.push(canonical);
        }
    }
    Ok(out)
}

/// Why a folder, canonical, equals or contains too much, or lies where no remote may look.
pub(crate) fn refused(canonical: &Path, guarded: &[Guarded]) -> Option<&'static str> {
    guarded.iter().find_map(|(place, why)| {
        let place = place.canonicalize().unwrap_or_else(|_| place.clone());
        let inside = *why != HOME && canonical.starts_with(&place);
        (inside || place.starts_with(canonical)).then_some(*why)
    })
}

/// Why a root is refused.
pub(crate) const HOME: &str = "it is or contains your home folder";
/// Why a root is refused.
pub(crate) const CODEX_HOME: &str = "it is, contains or lies in CODEX_HOME";
/// Why a root is refused.
pub(crate) const OWN_DATA: &str = "it is, contains or lies in Drawbridge's own data folder";

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(root: &Path) -> Policy {
        Policy {
            edition: 0,
            answer: WhoMayAnswer::Local,
            role: Role::Operator,
            roots: vec![root.to_owned()],
            ceilings: drawbridge_config::all_pairs().to_vec(),
            cwd: root.to_owned(),
            skill_roots: Vec::new(),
            mcp: None,
        }
    }

    #[test]
    fn paths_that_leave_the_root_are_outside() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let root = base.join("root");
        std::fs::create_dir_all(root.join("a")).unwrap();
        std::fs::create_dir(base.join("rootless")).unwrap();
        std::os::unix::fs::symlink(&base, root.join("out")).unwrap();
        std::os::unix::fs::symlink(base.join("nowhere"), root.join("dangling")).unwrap();
        std::os::unix::fs::symlink(root.join("a"), root.join("within")).unwrap();
        let policy = policy(&root);
        for (path, inside) in [
            (root.clone(), true),
            (root.join("a"), true),
            (root.join("a/new/file"), true),
            (root.join("a/../a"), true),
            (root.join("within"), true),
            (root.join(".."), false),
            (root.join("a/../../rootless"), false),
            (root.join("missing/../../.."), false),
            (root.join("out"), false),
            (root.join("out/rootless"), false),
            (root.join("dangling"), false),
            (root.join("dangling/x"), false),
            (base.join("rootless"), false),
            (PathBuf::from("a"), true),
            (PathBuf::from("../rootless"), false),
            (PathBuf::from("/"), false),
        ] {
            assert_eq!(policy.inside(&path).is_some(), inside, "{}", path.display());
        }
        assert_eq!(
            policy.inside(&root.join("within")),
            Some(root.join("a")),
            "only the canonical path goes on"
        );
    }

    #[test]
    fn a_folder_to_work_in_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let root = base.join("root");
        std::fs::create_dir_all(root.join("a")).unwrap();
        std::fs::create_dir(base.join("beside")).unwrap();
        std::fs::write(root.join("file"), "x").unwrap();
        std::os::unix::fs::symlink(root.join("a"), root.join("within")).unwrap();
        std::os::unix::fs::symlink(base.join("beside"), root.join("out")).unwrap();
        std::os::unix::fs::symlink(root.join("later"), root.join("dangling")).unwrap();
        let policy = policy(&root);
        for (path, folder) in [
            ("", Ok(root.clone())),
            ("a", Ok(root.join("a"))),
            ("a/../a", Ok(root.join("a"))),
            ("within", Ok(root.join("a"))),
            ("later", Err(NoFolder::Missing)),
            ("a/later/still", Err(NoFolder::Missing)),
            ("file", Err(NoFolder::Missing)),
            ("file/x", Err(NoFolder::Missing)),
            ("out", Err(NoFolder::Outside)),
            ("out/later", Err(NoFolder::Outside)),
            ("dangling", Err(NoFolder::Outside)),
            ("../beside", Err(NoFolder::Outside)),
            ("later/../../beside", Err(NoFolder::Outside)),
        ] {
            assert_eq!(policy.folder(&root.join(path)), folder, "{path}");
        }
        // What was a folder and became a link leads where it leads now.
        std::fs::remove_dir(root.join("a")).unwrap();
        std::os::unix::fs::symlink(base.join("beside"), root.join("a")).unwrap();
        assert_eq!(policy.folder(&root.join("a")), Err(NoFolder::Outside));
    }

    #[test]
    fn roots_that_would_give_too_much_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let home = base.join("home");
        for made in ["home/project", "home/.codex/x", "data/run"] {
            std::fs::create_dir_all(base.join(made)).unwrap();
        }
        let guarded = [
            (home.clone(), HOME),
            (home.join(".codex"), CODEX_HOME),
            (base.join("data"), OWN_DATA),
        ];
        assert_eq!(
            roots(&[home.join("project")], &guarded).unwrap(),
            vec![home.join("project")]
        );
        for bad in [
            home.clone(),
            base.clone(),
            home.join(".codex"),
            home.join(".codex/x"),
            base.join("data/run"),
            base.join("no"),
        ] {
            assert!(
                roots(std::slice::from_ref(&bad), &guarded).is_err(),
                "{}",
                bad.display()
            );
        }
    }
}
