//! What the TOML parser says, in words that help.

use crate::Problem;
use crate::secrets::names_a_secret;
use crate::text::Text;
use std::ops::Range;

/// Most syntax errors told at once: later ones often only follow from earlier ones.
const MOST: usize = 5;

/// Problems of the parser, at most one a line.
pub(crate) fn problems(text: &Text<'_>, file: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut places: Vec<(Range<usize>, &str)> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message()))
        .collect();
    places.sort_by_key(|(range, _)| range.start);
    let mut out = Vec::new();
    let mut last_line = None;
    for (range, message) in places {
        let line = text.line_at(range.start);
        if last_line == Some(line) || out.len() == MOST {
            continue;
        }
        last_line = Some(line);
        out.push(problem(text, file, &range, message));
    }
    out
}

fn problem(text: &Text<'_>, file: &str, range: &Range<usize>, said: &str) -> Problem {
    let index = text.line_at(range.start);
    let line = text.line(index);
    let (code, message, help) = explain(text, range, line, said);
    let help =
        help.unwrap_or_else(|| "the file is TOML: `key = value` lines under `[section]` lines".to_owned());
    Problem::at(text, file, range, code, message).with_help(help)
}

fn explain(
    text: &Text<'_>,
    range: &Range<usize>,
    line: &str,
    said: &str,
) -> (&'static str, String, Option<String>) {
    let start = range
        .start
        .saturating_sub(text.start_of(text.line_at(range.start)));
    let at = line.get(start..).unwrap_or("");
    let first = at.chars().next();
    let trimmed = line.trim();
    let told = format!("this is not TOML: {said}");
    if let Some(c) = first
        && c.is_control()
        && c != '\t'
    {
        let message = format!("there is the control character U+{:04X} here", u32::from(c));
        return (
            "control_character",
            message,
            Some("take it out; in quotes it can be written as \\uXXXX".to_owned()),
        );
    }
    if said.contains("duplicate key") {
        return (
            "duplicate_key",
            duplicate(text, range, line),
            Some("take one of them out".to_owned()),
        );
    }
    if let Some(c) = line
        .chars()
        .find(|c| matches!(c, '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}'))
        && !line.contains(['"', '\''])
    {
        return (
            "syntax",
            format!("`{c}` is no quote that TOML knows"),
            Some("use the straight quotes \" or '".to_owned()),
        );
    }
    if text.whole().trim_start().starts_with('{') && text.line_at(range.start) == 0 {
        return (
            "syntax",
            "this looks like JSON; the file is TOML".to_owned(),
            Some("write `key = value` lines under `[section]` lines".to_owned()),
        );
    }
    if said.contains("escape") {
        return (
            "syntax",
            told,
            Some("a backslash begins an escape in \"...\"; put paths with backslashes in '...'".to_owned()),
        );
    }
    if !trimmed.contains('=')
        && let Some((name, _)) = trimmed.split_once(':')
        && !name.contains(['"', '\'', '['])
    {
        return (
            "syntax",
            "a key and its value are joined by `=`, not by `:`".to_owned(),
            (!names_a_secret(name)).then(|| format!("write {} = ...", name.trim())),
        );
    }
    if trimmed.starts_with('[') && !trimmed.contains(']') && !trimmed.contains('=') {
        return ("syntax", "the `]` of this section is missing".to_owned(), None);
    }
    if let Some((name, value)) = trimmed.split_once('=')
        && !names_a_secret(name)
    {
        let value = value.split('#').next().unwrap_or("").trim();
        if value.is_empty() {
            return (
                "syntax",
                format!("`{}` has no value", crate::words::inert_line(name.trim())),
                Some("write a value behind `=`, or put `#` before the line".to_owned()),
            );
        }
        if matches!(
            value.to_lowercase().as_str(),
            "true" | "yes" | "on" | "false" | "no" | "off"
        ) {
            return (
                "syntax",
                told,
                Some("true and false are written small and without quotes".to_owned()),
            );
        }
        if value
            .chars()
            .next()
            .is_some_and(|c| c.is_alphabetic() || matches!(c, '~' | '/' | '.'))
        {
            return (
                "syntax",
                "text must stand in quotes".to_owned(),
                Some(format!(
                    "write {} = \"{}\"",
                    crate::words::inert_line(name.trim()),
                    crate::words::inert_line(value)
                )),
            );
        }
    }
    if !trimmed.contains('=')
        && !trimmed.starts_with('[')
        && !trimmed.starts_with(['"', '\''])
        && trimmed.split_whitespace().count() >= 2
    {
        return (
            "syntax",
            "there is no `=` between the key and its value".to_owned(),
            Some("write `key = value`, or put `#` before a comment".to_owned()),
        );
    }
    ("syntax", told, None)
}

/// Names the line that had the key first, when it can be found by its look.
fn duplicate(text: &Text<'_>, range: &Range<usize>, line: &str) -> String {
    let here = text.line_at(range.start);
    let wanted = head(line);
    let section = section_of(text, here);
    let earlier = (0..here).rev().find(|index| {
        let other = text.line(*index);
        head(other) == wanted && (wanted.starts_with('[') || section_of(text, *index) == section)
    });
    let what = if wanted.starts_with('[') {
        "this section"
    } else {
        "this key"
    };
    match earlier {
        Some(index) => format!("{what} was written already, in line {}", index + 1),
        None => format!("{what} was written already"),
    }
}

fn section_of<'a>(text: &Text<'a>, index: usize) -> Option<&'a str> {
    (0..=index)
        .rev()
        .map(|index| text.line(index).trim())
        .find(|line| line.starts_with('['))
}

fn head(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('[') {
        line.split('#').next().unwrap_or(line).trim()
    } else {
        line.split('=').next().unwrap_or(line).trim()
    }
}
