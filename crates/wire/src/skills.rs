//! Skills as control clients see and change them, and the little of them that a bus is told.

mod delta;

pub use delta::{SkillPlace, SkillsDelta};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Most bytes of names that a link tells at once; see [`SkillNames`].
pub const MOST_NAME_BYTES: usize = 40 * 1024;

/// Parameters of `skills/set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSkill {
    /// [`SkillView::path`].
    pub path: PathBuf,
    /// Whether Codex is to use it.
    pub enabled: bool,
}

/// All that is known of skills.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillsView {
    /// How changes are noticed.
    pub watching: SkillWatching,
    /// Whether Codex's own list is as fresh as this one.
    pub codex: CodexSkills,
    /// Folders that are looked at, in the order in which Codex prefers them.
    pub roots: Vec<SkillRootView>,
    /// By root, in it by path.
    pub skills: Vec<SkillView>,
    /// `AGENTS.md` and `AGENTS.override.md` of known folders, those that are there.
    pub instructions: Vec<InstructionsView>,
    /// How many changes there were since the host began. Who knows an older number knows how many are new, also
    /// when more are new than `recent` has.
    pub changes: u64,
    /// The last of them, at most 50, newest last.
    pub recent: Vec<SkillChangeView>,
    /// Folders of live threads that are not watched; `None` when all are.
    pub unwatched: Option<UnwatchedFolders>,
}

/// Folders in which threads live and that nobody looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnwatchedFolders {
    /// Stable code: `too_many_folders`.
    pub code: String,
    /// Why, and what to do.
    pub message: String,
    /// Which.
    pub folders: Vec<PathBuf>,
}

/// How changes are noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum SkillWatching {
    /// Nobody looked yet.
    #[default]
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Starting,
    /// The system tells.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Watched,
    /// By looking from time to time.
    Polled {
        /// How often, in milliseconds.
        every_ms: u64,
        /// Stable code: `overflow`, `limit`, `unavailable`.
        code: String,
        /// Why, and what to do.
        message: String,
    },
    /// Not at all.
    Off {
        /// Why, and what to do.
        message: String,
    },
}

/// Whether Codex's own list is as fresh as ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum CodexSkills {
    /// It does not run, or was not asked yet.
    #[default]
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Unknown,
    /// It is being told to read again.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Refreshing,
    /// It has read what is shown here.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Fresh,
    /// It did not.
    Failed {
        /// What it said.
        message: String,
    },
}

/// A folder that is looked at for skills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillRootView {
    /// Where, as Codex names it.
    pub path: PathBuf,
    /// Where it really is, when that is elsewhere.
    pub real: Option<PathBuf>,
    /// `codex_home`, `home`, `extra`, `folder`, `system`, `admin`.
    pub kind: String,
    /// `repo`, `user`, `system`, `admin`.
    pub scope: String,
    /// The folder whose threads have these skills; `None` for all.
    pub folder: Option<PathBuf>,
    /// Whether only Codex or an administrator changes what is in it.
    pub read_only: bool,
    /// `present`, `missing`, `not_a_folder`, `unreadable`.
    pub state: String,
    /// What is wrong with it besides its skills.
    pub problems: Vec<SkillProblemView>,
    /// Live threads that began before there was a `.codex` in their folder: Codex looks into that only when a
    /// thread starts or is loaded, so these have none of its skills.
    pub not_in: Vec<String>,
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillProblemView {
    /// `error` (Codex does not use it) or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// Which file or folder.
    pub path: PathBuf,
    /// Which line of it, from 1.
    pub line: Option<u32>,
    /// Which column of that line, from 1, in characters.
    pub column: Option<u32>,
    /// What is wrong and what to do, hidden characters visible.
    pub message: String,
}

/// A skill, usable or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillView {
    /// Its name, hidden characters visible.
    pub name: String,
    /// Its description in one line, hidden characters visible.
    pub description: String,
    /// `repo`, `user`, `system`, `admin`.
    pub scope: String,
    /// [`SkillRootView::path`].
    pub root: PathBuf,
    /// Its `SKILL.md`.
    pub path: PathBuf,
    /// Whether Codex uses it; `None` while Codex did not say.
    pub enabled: Option<bool>,
    /// SHA-256 of the file, hex; `None` when it was not read whole.
    pub hash: Option<String>,
    /// Size of the file.
    pub size: u64,
    /// When the file was changed last, Unix milliseconds.
    pub changed_at_ms: Option<u64>,
    /// What is wrong with it.
    pub problems: Vec<SkillProblemView>,
    /// Threads in which a turn runs that began before it changed: there it applies from the next turn.
    pub next_turn: Vec<String>,
}

/// A file that Codex reads when a thread starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstructionsView {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file, hex; `None` when it was not read whole.
    pub hash: Option<String>,
    /// Size of the file.
    pub size: u64,
    /// When the file was changed last, Unix milliseconds.
    pub changed_at_ms: Option<u64>,
    /// Live threads that began before it changed and keep the old one.
    pub old_in: Vec<String>,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillChangeView {
    /// `created`, `modified`, `deleted`, `renamed`, `moved`.
    pub kind: String,
    /// Name of the skill; `None` for a file of instructions.
    pub name: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// Where it was before, when it was renamed or moved.
    pub from: Option<PathBuf>,
    /// When it was noticed, Unix milliseconds.
    pub at_ms: u64,
    /// Threads in which a turn ran at that time: there it applies from the next turn.
    pub next_turn: Vec<String>,
}

/// What a bus is told of a host's skills: never more than this, and of those in folders only of folders that
/// remote clients see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillNames {
    /// Usable ones, by name.
    pub skills: Vec<SkillName>,
    /// How many more there are, which do not fit into a message.
    pub left_out: u32,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillName {
    /// Its name.
    pub name: String,
    /// `repo`, `user`, `system`, `admin`.
    pub scope: String,
    /// SHA-256 of its `SKILL.md`, hex.
    pub hash: String,
    /// Whether Codex uses it; `null` while Codex did not say.
    pub enabled: Option<bool>,
}
