//! A request of the agent in parts, for a window that lays it out. All text is whole and safe to show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One part of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "part", rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// A sentence of ours.
    Say {
        /// It.
        text: String,
    },
    /// A label of ours over text of the agent.
    Text {
        /// Ours.
        label: String,
        /// The agent's.
        text: String,
    },
    /// As [`Part::Text`], for a short value: a folder, a host, a file's name.
    Fact {
        /// Ours.
        label: String,
        /// The agent's, or ours where a label says it all.
        value: String,
    },
    /// What changes in a file.
    Diff {
        /// Ours.
        label: String,
        /// Lines that come.
        added: usize,
        /// Lines that go.
        removed: usize,
        /// Whether it holds what is no text.
        binary: bool,
        /// Every line.
        lines: Vec<DiffLineView>,
    },
    /// What our own look at a command found. Hints, not a verdict.
    Notes {
        /// One each.
        notes: Vec<String>,
    },
    /// Why the agent wants it, in its words.
    Claim {
        /// They.
        text: String,
    },
}

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DiffLine")]
pub struct DiffLineView {
    /// What it is.
    pub kind: DiffLineKind,
    /// Whole, with its sign in front where it has one.
    pub text: String,
}

/// What a line of a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiffLineKind {
    /// Comes.
    Added,
    /// Goes.
    Removed,
    /// Stays.
    Context,
    /// Where in the file the next lines are.
    Place,
    /// About the file, or about the line before.
    About,
}

/// One question as a field of a form. Its texts are safe to show; its id is what the answer goes under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormField {
    /// As the asker wrote it.
    pub id: String,
    /// The question.
    pub label: String,
    /// More about it.
    pub about: Option<String>,
    /// What an answer looks like.
    pub kind: FieldKind,
    /// What to choose from.
    pub options: Vec<FormOption>,
    /// Whether a text of one's own is taken besides the options.
    pub other: bool,
    /// Whether it must be answered.
    pub required: bool,
    /// What it says before anybody answered.
    pub value: Option<String>,
}

/// What an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A text.
    Text,
    /// A text that nobody looking over a shoulder may read.
    Secret,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// One of the options.
    One,
    /// Any of the options.
    Several,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormOption {
    /// What is sent, as the asker wrote it.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// More about it.
    pub about: Option<String>,
}
