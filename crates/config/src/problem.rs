//! What is wrong, and where.

use crate::Excerpt;
use crate::text::Text;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file does not count until this is put right.
    Error,
    /// The file counts; this part of it has no effect.
    Warning,
}

/// A place between two characters of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// A part of a file, for a person's editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRange {
    /// First character.
    pub start: Position,
    /// Behind the last character.
    pub end: Position,
    /// Offset of the first byte.
    pub start_byte: u64,
    /// Offset behind the last byte.
    pub end_byte: u64,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
pub enum Source {
    /// A file, as it is named to people.
    File(String),
    /// A variable.
    Variable(String),
    /// A flag or an argument.
    Argument(String),
}

impl Source {
    /// The name of the file, variable or argument.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Source::File(name) | Source::Variable(name) | Source::Argument(name) => name,
        }
    }
}

/// One thing that is wrong. `Display` writes it for a terminal:
///
/// ```text
/// config.toml:3:8: `opertor` is no role; did you mean "operator"?
///   |
/// 3 | role = "opertor"
///   |        ^^^^^^^^^
///   = write "viewer" or "operator"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Stable code, e.g. `unknown_key`.
    pub code: String,
    /// What is wrong, on one line.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Where.
    pub source: Source,
    /// Which part of the file.
    pub range: Option<TextRange>,
    /// The line, ready to show.
    pub excerpt: Option<Excerpt>,
}

impl Problem {
    /// An error at a part of a file.
    pub(crate) fn at(
        text: &Text<'_>,
        file: &str,
        range: &Range<usize>,
        code: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            range: Some(text.range(range)),
            excerpt: Some(Excerpt::new(text, range)),
            ..Self::of(Source::File(file.to_owned()), code, message)
        }
    }

    /// An error of a whole file, a variable or an argument.
    pub(crate) fn of(source: Source, code: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.to_owned(),
            message: message.into(),
            help: None,
            source,
            range: None,
            excerpt: None,
        }
    }

    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub(crate) fn into_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::words::inert_line(self.source.name()))?;
        if let Some(range) = &self.range {
            write!(f, ":{}:{}", range.start.line, range.start.column)?;
        }
        let kind = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, ": {kind}{}", self.message)?;
        let mut gutter = 1;
        if let Some(excerpt) = &self.excerpt {
            let number = excerpt.line.to_string();
            gutter = number.len();
            write!(f, "\n{:gutter$} |\n{number} | {}", "", excerpt.text)?;
            write!(
                f,
                "\n{:gutter$} | {:skip$}{}",
                "",
                "",
                "^".repeat(excerpt.width),
                skip = excerpt.skip
            )?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{:gutter$} = {help}", "")?;
        }
        Ok(())
    }
}

/// Whether something is wrong enough that the file does not count.
#[must_use]
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}
