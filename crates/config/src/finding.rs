//! What the reader stumbled over, before it is put into words.

use crate::suggest::{nearest, nearest_key, sections};
use crate::text::Text;
use crate::words::quoted;
use crate::{KEYS, Key, Problem};
use std::ops::Range;

/// One thing that is wrong, at its place.
pub(crate) struct Finding {
    pub range: Range<usize>,
    pub code: &'static str,
    pub say: Say,
}

/// What is said about it.
pub(crate) enum Say {
    /// This.
    Words { message: String, help: String },
    /// What an unknown word probably meant.
    Unknown {
        /// `""` at the top of the file.
        section: String,
        word: String,
        /// Whether it holds keys of its own, as a section does.
        is_table: bool,
    },
}

impl Finding {
    /// In words.
    pub(crate) fn told(&self, text: &Text<'_>, file: &str) -> Problem {
        let (message, help) = match &self.say {
            Say::Words { message, help } => (message.clone(), help.clone()),
            Say::Unknown {
                section,
                word,
                is_table,
            } => unknown(section, word, *is_table),
        };
        Problem::at(text, file, &self.range, self.code, message).with_help(help)
    }
}

fn unknown(section: &str, word: &str, is_table: bool) -> (String, String) {
    let shown = quoted(word);
    if section.is_empty()
        && is_table
        && let Some(close) = nearest(word, sections())
    {
        return (
            format!("there is no section {shown}; did you mean `{close}`?"),
            format!("write [{close}]"),
        );
    }
    let place = if section.is_empty() {
        "outside the sections".to_owned()
    } else {
        format!("in [{section}]")
    };
    match nearest_key(section, word) {
        Some(key) if key.section() == section => (
            format!("there is no key {shown} {place}; did you mean `{}`?", key.leaf()),
            format!("`{}` takes {}", key.leaf(), key.kind.accepts()),
        ),
        Some(key) => (
            format!("there is no key {shown} {place}; did you mean `{}`?", key.path),
            format!("write it under [{}] as `{} = ...`", key.section(), key.leaf()),
        ),
        None if section.is_empty() => {
            let noun = if is_table { "section" } else { "key" };
            (
                format!("there is no {noun} {shown}"),
                format!("the sections are {}", sections().join(", ")),
            )
        }
        None => (
            format!("there is no key {shown} {place}"),
            format!("[{section}] has {}", leaves(section).join(", ")),
        ),
    }
}

/// The keys of a section.
pub(crate) fn leaves(section: &str) -> Vec<&'static str> {
    KEYS.iter()
        .filter(|key| key.section() == section)
        .map(Key::leaf)
        .collect()
}
