//! Looking through a root, within the limits that Codex has, too.

use crate::front_matter::{self, MOST_NAME};
use crate::model::{Instructions, Problem, Root, RootState, ScannedRoot, Severity, Skill};
use drawbridge_consent::visible_line;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, VecDeque};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Name of the file that makes a folder a skill.
pub const SKILL_FILE: &str = "SKILL.md";
/// Most that is read of a file, in bytes.
pub const MOST_READ: u64 = 1024 * 1024;
/// Folders below a root that are looked into, as Codex has it.
pub const MOST_DEPTH: usize = 6;
/// Folders of one root that are looked into, as Codex has it.
pub const MOST_FOLDERS: usize = 2000;
/// Entries of one root that are looked at, as Codex has it.
pub const MOST_ENTRIES: usize = 20_000;
/// Problems of one root that are kept besides those of its skills.
const MOST_PROBLEMS: usize = 100;

/// What was read of a file.
struct FileRead {
    bytes: Vec<u8>,
    size: u64,
    whole: bool,
    changed_ms: Option<u64>,
}

impl FileRead {
    fn hash(&self) -> Option<String> {
        self.whole.then(|| hex::encode(Sha256::digest(&self.bytes)))
    }
}

fn read_file(path: &Path) -> std::io::Result<FileRead> {
    let file = crate::unix::open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(std::io::Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    let mut bytes = Vec::new();
    (&file).take(MOST_READ + 1).read_to_end(&mut bytes)?;
    let whole = bytes.len() as u64 <= MOST_READ;
    bytes.truncate(usize::try_from(MOST_READ).unwrap_or(usize::MAX));
    let changed_ms = found
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| u64::try_from(since.as_millis()).ok());
    Ok(FileRead {
        size: found.len().max(bytes.len() as u64),
        bytes,
        whole,
        changed_ms,
    })
}

/// Looks through a root. Takes no longer and no more memory than the limits above let it.
#[must_use]
pub fn scan(root: &Root) -> ScannedRoot {
    let mut scan = Scan {
        out: ScannedRoot {
            root: root.clone(),
            state: RootState::Present,
            above: root.path.parent().is_some_and(Path::is_dir),
            folder: root
                .folder
                .as_deref()
                .and_then(|folder| folder.canonicalize().ok()),
            real: None,
            skills: Vec::new(),
            problems: Vec::new(),
            folders: Vec::new(),
        },
        seen: BTreeSet::new(),
        queue: VecDeque::new(),
        entries: 0,
        truncated: false,
    };
    match root.path.canonicalize() {
        Ok(real) if real.is_dir() => scan.walk(real),
        Ok(_) => scan.out.state = RootState::NotAFolder,
        Err(why) => scan.no_root(&why),
    }
    scan.out.skills.sort_by(|a, b| a.path.cmp(&b.path));
    scan.out.problems.sort();
    scan.out
}

/// Reads a file of instructions, when it is there.
#[must_use]
pub fn instructions(path: &Path) -> Option<Instructions> {
    // As Codex does, this follows links: it is the user's own file, and only its hash is kept.
    let real = path.canonicalize().ok()?;
    let read = read_file(&real).ok()?;
    Some(Instructions {
        path: path.to_owned(),
        size: read.size,
        hash: read.hash(),
        changed_ms: read.changed_ms,
    })
}

struct Scan {
    out: ScannedRoot,
    /// Folders without links that were put into the queue.
    seen: BTreeSet<PathBuf>,
    /// Folders to look into: really, as reached through the root, and how deep.
    queue: VecDeque<(PathBuf, PathBuf, usize)>,
    entries: usize,
    truncated: bool,
}

impl Scan {
    fn no_root(&mut self, why: &std::io::Error) {
        let path = self.out.root.path.clone();
        let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
        self.out.state = match why.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => RootState::Missing,
            _ => RootState::Unreadable,
        };
        if is_link && why.kind() == ErrorKind::NotFound {
            self.tell(
                Severity::Warning,
                "broken_link",
                &path,
                "this link leads nowhere; remove it or make its target",
            );
        } else if self.out.state == RootState::Unreadable {
            self.unreadable(&path, why);
        }
    }

    fn walk(&mut self, real: PathBuf) {
        self.out.real = Some(real.clone());
        self.seen.insert(real.clone());
        self.queue.push_back((real, self.out.root.path.clone(), 0));
        while let Some((real, shown, depth)) = self.queue.pop_front() {
            self.folder(&real, &shown, depth);
        }
        if self.truncated {
            let path = self.out.root.path.clone();
            let message = format!(
                "too much lies here: no more than {MOST_FOLDERS} folders with {MOST_ENTRIES} entries are looked at, \
                 by Codex neither; move what is no skill elsewhere"
            );
            self.tell(Severity::Warning, "too_many_folders", &path, &message);
        }
    }

    fn folder(&mut self, real: &Path, shown: &Path, depth: usize) {
        let entries = match std::fs::read_dir(real) {
            Ok(entries) => entries,
            Err(why) => {
                // Gone since its parent was read: nothing is wrong.
                if why.kind() != ErrorKind::NotFound {
                    if depth == 0 {
                        self.out.state = RootState::Unreadable;
                    }
                    self.unreadable(shown, &why);
                }
                return;
            }
        };
        self.out.folders.push(real.to_owned());
        let mut found: Vec<(std::ffi::OsString, std::fs::FileType)> = Vec::new();
        for entry in entries.flatten() {
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                self.truncated = true;
                break;
            }
            let name = entry.file_name();
            // Hidden ones are none of Codex's business, other than those that are roots of their own.
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if let Ok(kind) = entry.file_type()
                && (!kind.is_file() || name == SKILL_FILE)
            {
                found.push((name, kind));
            }
        }
        // What is cut off at a limit is the same each time.
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, kind) in found {
            let (path, shown) = (real.join(&name), shown.join(&name));
            if kind.is_symlink() {
                self.link(&path, &shown, depth);
            } else if kind.is_dir() {
                self.enqueue(path, shown, depth + 1);
            } else if name == SKILL_FILE {
                self.skill(path, shown);
            }
        }
    }

    fn enqueue(&mut self, real: PathBuf, shown: PathBuf, depth: usize) {
        if depth > MOST_DEPTH {
            return;
        }
        if self.seen.len() >= MOST_FOLDERS {
            self.truncated = true;
            return;
        }
        if self.seen.insert(real.clone()) {
            self.queue.push_back((real, shown, depth));
        }
    }

    /// A link is followed when it leads to a folder of the same root.
    fn link(&mut self, path: &Path, shown: &Path, depth: usize) {
        let root = self.out.real.clone().unwrap_or_default();
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(why) if why.kind() == ErrorKind::NotFound => {
                return self.tell(
                    Severity::Warning,
                    "broken_link",
                    shown,
                    "this link leads nowhere; remove it or make its target",
                );
            }
            Err(why) if why.kind() == ErrorKind::PermissionDenied => return self.unreadable(shown, &why),
            Err(_) => {
                return self.tell(
                    Severity::Warning,
                    "link_loop",
                    shown,
                    "this link leads back to itself; remove it",
                );
            }
        };
        let there = visible_line(&target.to_string_lossy());
        if shown.file_name().is_some_and(|name| name == SKILL_FILE) {
            let message =
                format!("this is a link (to {there}), which Codex does not read; put the file itself here");
            return self.tell(Severity::Warning, "linked_file", shown, &message);
        }
        if !target.is_dir() {
            return;
        }
        if !target.starts_with(&root) {
            let message = format!(
                "this link leads out of the folder, to {there}; it is not followed here, though Codex does follow it"
            );
            return self.tell(Severity::Warning, "link_leaves_root", shown, &message);
        }
        if path.starts_with(&target) {
            let message = format!("this link leads back to a folder it is in, {there}; remove it");
            return self.tell(Severity::Warning, "link_loop", shown, &message);
        }
        self.enqueue(target, shown.to_owned(), depth + 1);
    }

    fn skill(&mut self, real: PathBuf, path: PathBuf) {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        let named: String = folder.to_string_lossy().chars().take(MOST_NAME).collect();
        let mut skill = Skill {
            name: visible_line(&named),
            description: String::new(),
            size: 0,
            hash: None,
            changed_ms: None,
            problems: Vec::new(),
            real,
            path,
        };
        match read_file(&skill.real) {
            // Gone since its folder was read.
            Err(why) if why.kind() == ErrorKind::NotFound => return,
            Err(why) => {
                let (code, message) = if why.kind() == ErrorKind::InvalidInput {
                    let message = "this is a pipe or a device; put a file here";
                    ("no_file", message.to_owned())
                } else {
                    ("unreadable", cannot_be_read(&why))
                };
                skill.problems.push(Problem {
                    severity: Severity::Error,
                    code,
                    path: skill.path.clone(),
                    line: None,
                    column: None,
                    message,
                });
            }
            Ok(read) => fill(&mut skill, &read),
        }
        self.out.skills.push(skill);
    }

    fn unreadable(&mut self, path: &Path, why: &std::io::Error) {
        self.tell(Severity::Error, "unreadable", path, &cannot_be_read(why));
    }

    fn tell(&mut self, severity: Severity, code: &'static str, path: &Path, message: &str) {
        if self.out.problems.len() < MOST_PROBLEMS {
            self.out.problems.push(Problem {
                severity,
                code,
                path: path.to_owned(),
                line: None,
                column: None,
                message: message.to_owned(),
            });
        }
    }
}

fn cannot_be_read(why: &std::io::Error) -> String {
    format!("it cannot be read ({}); look at its permissions", why.kind())
}

fn fill(skill: &mut Skill, read: &FileRead) {
    skill.size = read.size;
    skill.hash = read.hash();
    skill.changed_ms = read.changed_ms;
    let (head, findings) = front_matter::read(&read.bytes);
    if let Some(name) = head.name {
        skill.name = name;
    }
    skill.description = head.description.unwrap_or_default();
    let path = skill.path.clone();
    let problem = |finding: front_matter::Finding| Problem {
        severity: finding.severity,
        code: finding.code,
        path: path.clone(),
        line: Some(finding.line),
        column: Some(finding.column),
        message: finding.message,
    };
    skill.problems = findings.into_iter().map(problem).collect();
    if !read.whole {
        skill.problems.push(Problem {
            severity: Severity::Error,
            code: "too_large",
            path: skill.path.clone(),
            line: None,
            column: None,
            message: format!(
                "it is larger than {} KiB, all of which the agent would read; move parts into files of their own",
                MOST_READ / 1024
            ),
        });
    }
}
