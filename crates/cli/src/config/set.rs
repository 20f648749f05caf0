//! `config set` and `config unset`, and what is wrong with their arguments: the argument with a caret under
//! the wrong part. Problems of the file have their own place and are shown as `config check` does.

use crate::{CliError, Exit, screen};
use drawbridge_config::{FileError, KEYS, Problem, Source};
use drawbridge_consent::inert;
use std::fmt;
use std::ops::Range;
use std::path::Path;

/// Longer arguments are not repeated.
const LONGEST: usize = 200;

/// Why a key was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// An argument is wrong.
    #[error("nothing was changed: {}", listed(.0))]
    Arguments(Vec<WrongArgument>),
    /// The file, or what would stand in it.
    #[error(transparent)]
    File(#[from] FileError),
}

impl SetError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            SetError::Arguments(wrong) => wrong.first().map_or("config_would_be_wrong", |wrong| wrong.code),
            SetError::File(error) => error.code(),
        }
    }
}

/// What is wrong with an argument, and where.
#[derive(Debug)]
pub struct WrongArgument {
    code: &'static str,
    message: String,
    help: Option<String>,
    /// The command as it was typed, safe to print.
    line: String,
    /// Characters before the caret, and under it.
    at: (usize, usize),
}

impl fmt::Display for WrongArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (skip, width) = self.at;
        write!(f, "{}\n  |\n  | {}\n  | ", self.message, self.line)?;
        write!(f, "{:skip$}{}", "", "^".repeat(width))?;
        match &self.help {
            Some(help) => write!(f, "\n  = {help}"),
            None => Ok(()),
        }
    }
}

fn listed(wrong: &[WrongArgument]) -> String {
    let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    all.join("\n\n")
}

pub(super) fn set(file: &Path, key: &str, value: &str) -> Result<Exit, CliError> {
    let typed = Typed {
        verb: "set",
        key,
        value: Some(value),
    };
    let value = drawbridge_config::set(file, key, value).map_err(|error| typed.placed(error))?;
    screen::line(&format!("{key} = {value}"))?;
    Ok(Exit::Done)
}

pub(super) fn unset(file: &Path, key: &str) -> Result<Exit, CliError> {
    let typed = Typed {
        verb: "unset",
        key,
        value: None,
    };
    let was_there = drawbridge_config::unset(file, key).map_err(|error| typed.placed(error))?;
    screen::line(if was_there { "removed" } else { "it was not set" })?;
    Ok(Exit::Done)
}

/// The command as it was typed.
struct Typed<'a> {
    verb: &'static str,
    key: &'a str,
    value: Option<&'a str>,
}

impl Typed<'_> {
    /// Gives an error about an argument its place.
    fn placed(&self, error: FileError) -> SetError {
        let code = error.code();
        let wrong = match &error {
            FileError::NoSuchKey { .. } => vec![self.in_key(code, error.to_string(), wrong_part(self.key))],
            FileError::Secret(_) => vec![self.in_key(code, error.to_string(), 0..self.key.len())],
            FileError::WouldBeWrong(problems) => {
                let of_argument = |problem: &&Problem| matches!(problem.source, Source::Argument(_));
                problems
                    .iter()
                    .filter(of_argument)
                    .map(|problem| self.in_value(code, problem))
                    .collect()
            }
            _ => Vec::new(),
        };
        if wrong.is_empty() {
            error.into()
        } else {
            SetError::Arguments(wrong)
        }
    }

    fn in_key(&self, code: &'static str, message: String, part: Range<usize>) -> WrongArgument {
        let before = format!("drawbridge config {} ", self.verb);
        // The value of what is no key may be a secret.
        let after = self.value.map_or("", |_| " …");
        if self.key.len() > LONGEST {
            return drawn(code, message, None, [&before, "…", after]);
        }
        let (left, rest) = self.key.split_at(part.start);
        let (part, right) = rest.split_at(part.len());
        let before = format!("{before}{left}");
        drawn(code, message, None, [&before, part, &format!("{right}{after}")])
    }

    fn in_value(&self, code: &'static str, problem: &Problem) -> WrongArgument {
        let key = problem.source.name();
        let message = if problem.message.starts_with(key) {
            problem.message.clone()
        } else {
            format!("{key}: {}", problem.message)
        };
        let before = format!("drawbridge config {} {} ", self.verb, self.key);
        let value = self.value.unwrap_or_default();
        // No more of the value than the message says already: an address may carry a password.
        let told = told_part(&message, value).filter(|_| value.len() <= LONGEST && !value.contains('@'));
        let Some(part) = told else {
            return drawn(code, message, problem.help.clone(), [&before, "…", ""]);
        };
        let before = format!("{before}{}", &value[..part.start]);
        let after = &value[part.end..];
        drawn(
            code,
            message,
            problem.help.clone(),
            [&before, &value[part], after],
        )
    }
}

fn drawn(
    code: &'static str,
    message: String,
    help: Option<String>,
    [before, part, after]: [&str; 3],
) -> WrongArgument {
    let shown = |text: &str| inert(&text.replace(['\n', '\t'], " "));
    let (before, part) = (shown(before), shown(part));
    let at = (before.chars().count(), part.chars().count().max(1));
    WrongArgument {
        code,
        message,
        help,
        line: format!("{before}{part}{}", shown(after)).trim_end().to_owned(),
        at,
    }
}

/// The section if there is none of that name, else what follows it.
fn wrong_part(key: &str) -> Range<usize> {
    let Some((section, _)) = key.split_once('.') else {
        return 0..key.len();
    };
    let known = KEYS.iter().any(|key| key.section() == section);
    if known {
        section.len() + 1..key.len()
    } else {
        0..section.len()
    }
}

/// The part of the value that the message names: between quotes, or the value as a word.
fn told_part(message: &str, value: &str) -> Option<Range<usize>> {
    let quoted = message.split('`').skip(1).step_by(2);
    let place = |part: &str| {
        let at = value.find(part).filter(|_| !part.is_empty())?;
        Some(at..at + part.len())
    };
    let whole = || {
        let mut words = message.split(' ');
        words
            .any(|word| word == value && !value.is_empty())
            .then_some(0..value.len())
    };
    quoted.filter_map(place).next().or_else(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_part_of_a_key_and_of_a_value_is_found() {
        assert_eq!(wrong_part("security.rol"), 9..12);
        assert_eq!(wrong_part("securty.role"), 0..7);
        assert_eq!(wrong_part("role"), 0..4);
        assert_eq!(told_part("k: `b` is relative", r#"["/a", "b"]"#), Some(8..9));
        assert_eq!(told_part("k: 70000 is too large", "70000"), Some(0..5));
        assert_eq!(
            told_part("k: this address holds a password", "http://u:p@x"),
            None
        );
        assert_eq!(told_part("k: `` is nothing", ""), None);
    }

    #[test]
    fn no_argument_is_too_odd_to_be_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        let long = "x".repeat(LONGEST * 2);
        for key in [
            "",
            ".",
            "..",
            "ü.ö",
            "a\nb",
            "security.\u{1b}[2J",
            &long,
            "security.role",
        ] {
            for value in ["", "\u{1b}[2J", "ü", "a`b`c", "[", &long] {
                if let Err(error) = set(&file, key, value) {
                    let text = error.to_string();
                    assert!(!text.contains('\u{1b}'), "{text:?}");
                    assert!(text.contains('^'), "{key:?} {value:?}: {text}");
                }
            }
        }
    }
}
