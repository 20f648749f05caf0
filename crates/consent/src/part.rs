//! The parts of a card, for whoever lays them out.

use crate::diff::Diff;

/// One part. All text is safe to show and whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A sentence of ours.
    Say(String),
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
        /// The agent's, line by line.
        diff: Diff,
    },
    /// What our own look at a command found. Hints, not a verdict: what is not named here can still harm.
    Notes(Vec<String>),
    /// Why the agent wants it, in its words.
    Claim(String),
}
