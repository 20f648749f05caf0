//! What the TOML parser says, in words that help.

use crate::Problem;
use crate::secrets::{SECRET, SECRET_HELP, looks_random, names_a_secret, secret_message};
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
        if is_json(text) {
            break;
        }
    }
    out
}

fn problem(text: &Text<'_>, file: &str, range: &Range<usize>, said: &str) -> Problem {
    let mut range = range.clone();
    if said.contains("multi-line")
        && range.start >= text.whole().trim_end().len()
        && let Some(at) = ["\"\"\"", "'''"]
            .iter()
            .filter_map(|q| text.whole().rfind(q))
            .max()
    {
        // The end of the file says nothing; where the text began does.
        range = at..at + 3;
    }
    let Said { code, message, help } = explain(text, &range, said);
    let help = help.unwrap_or_else(|| GENERAL.to_owned());
    Problem::at(text, file, &range, code, message).with_help(help)
}

/// What is said where nothing better is known.
const GENERAL: &str = "the file is TOML: `key = value` lines under `[section]` lines";

struct Said {
    code: &'static str,
    message: String,
    help: Option<String>,
}

fn say(message: impl Into<String>, help: &str) -> Said {
    Said {
        code: "syntax",
        message: message.into(),
        help: (!help.is_empty()).then(|| help.to_owned()),
    }
}

fn explain(text: &Text<'_>, range: &Range<usize>, said: &str) -> Said {
    let index = text.line_at(range.start);
    let line = text.line(index);
    let start = range.start.saturating_sub(text.start_of(index));
    let first = line.get(start..).and_then(|rest| rest.chars().next());
    if let Some(c) = first.filter(|c| c.is_control() && *c != '\t') {
        return Said {
            code: "control_character",
            message: format!("there is the control character U+{:04X} here", u32::from(c)),
            help: Some("take it out; in quotes it can be written as \\uXXXX".to_owned()),
        };
    }
    if said.contains("duplicate key") {
        return Said {
            code: "duplicate_key",
            message: duplicate(text, range, line),
            help: Some("take one of them out".to_owned()),
        };
    }
    of_another_format(text, index, line)
        .or_else(|| of_quotes(line, said))
        .or_else(|| of_list(text, index, said))
        .or_else(|| of_line(line.trim(), said))
        .unwrap_or_else(|| say(format!("this is not TOML: {said}"), ""))
}

/// Lines that come from somewhere else.
fn of_another_format(text: &Text<'_>, index: usize, line: &str) -> Option<Said> {
    let trimmed = line.trim();
    if is_json(text) && index == 0 {
        return Some(say(
            "this looks like JSON; the file is TOML",
            "write `key = value` lines under `[section]` lines",
        ));
    }
    if ["<<<<<<<", "=======", ">>>>>>>"]
        .iter()
        .any(|mark| trimmed.starts_with(mark))
    {
        return Some(say(
            "this is the mark of a merge that was not finished",
            "keep one of the two versions and take the marks out",
        ));
    }
    if trimmed.contains('=') {
        return None;
    }
    let (name, value) = trimmed.split_once(':')?;
    if name.contains(['"', '\'', '[', '<']) {
        return None;
    }
    if names_a_secret(name) {
        return Some(Said {
            code: SECRET,
            message: secret_message(name.trim()),
            help: Some(SECRET_HELP.to_owned()),
        });
    }
    let name = crate::words::inert_line(name.trim());
    let help = if value.trim().is_empty() {
        format!("a section is written [{name}]")
    } else {
        format!("write {name} = ...")
    };
    Some(say("a key and its value are joined by `=`, not by `:`", &help))
}

pub(crate) fn is_json(text: &Text<'_>) -> bool {
    text.whole().trim_start().starts_with('{')
}

fn of_quotes(line: &str, said: &str) -> Option<Said> {
    let curly = line
        .chars()
        .find(|c| matches!(c, '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}'));
    if let Some(c) = curly.filter(|_| !line.contains(['"', '\''])) {
        return Some(say(
            format!("`{c}` is no quote that TOML knows"),
            "use the straight quotes \" or '",
        ));
    }
    if said.contains("escape") || (said.contains("unicode") && line.contains('\\')) {
        return Some(say(
            "a backslash begins an escape here, and this is none",
            "put paths with backslashes between '...' instead of \"...\"",
        ));
    }
    if said.contains("multi-line") {
        return Some(say(
            "this text of several lines does not end",
            "write the same three quotes at its end, or use a single quote on each side",
        ));
    }
    (said.contains("invalid basic string") || said.contains("invalid literal string")).then(|| {
        say(
            "the quotes of this text are not closed",
            "write the same quote at the end of the text",
        )
    })
}

fn of_list(text: &Text<'_>, index: usize, said: &str) -> Option<Said> {
    if !said.contains("array") {
        return None;
    }
    // A list that is not closed shows only where the next key begins.
    let opened = (0..=index)
        .rev()
        .find(|at| text.line(*at).contains('['))
        .unwrap_or(index);
    Some(if opened == index {
        say(
            "there is a `,` or a `]` missing here",
            "separate the elements by `,` and end the list by `]`",
        )
    } else {
        let message = format!("the list that begins in line {} is not closed", opened + 1);
        say(message, "separate the elements by `,` and end the list by `]`")
    })
}

fn of_line(line: &str, said: &str) -> Option<Said> {
    let section = line.starts_with('[') && !line.contains('=');
    if section && !line.contains(']') {
        return Some(say("the `]` of this section is missing", "write [section]"));
    }
    if section && line.trim_matches(['[', ']', ' ']).is_empty() {
        return Some(say("this section has no name", "write [section]"));
    }
    if said.contains("unexpected key or value") {
        return Some(say(
            "there is something behind the value",
            "write one `key = value` on each line, and `#` before a comment",
        ));
    }
    let Some((name, value)) = line.split_once('=') else {
        let words = line.split_whitespace().count();
        return (!section && !line.starts_with(['"', '\'']) && words >= 2).then(|| {
            say(
                "there is no `=` between a key and its value here",
                "write `key = value`, and `#` before a comment",
            )
        });
    };
    // A secret is not repeated in a piece of advice.
    if names_a_secret(name) || looks_random(line) {
        return None;
    }
    let name = crate::words::inert_line(name.trim());
    if name.contains(' ') && !name.contains(['"', '\'']) {
        return Some(say(
            "a key is one word",
            "write `key = value`, and `#` before a comment",
        ));
    }
    let value = value.split('#').next().unwrap_or("").trim();
    if value.is_empty() {
        return Some(say(
            format!("`{name}` has no value"),
            "write a value behind `=`, or put `#` before the line",
        ));
    }
    if matches!(
        value.to_lowercase().as_str(),
        "true" | "yes" | "on" | "false" | "no" | "off"
    ) {
        return Some(say(
            format!("this is not TOML: {said}"),
            "true and false are written small and without quotes, text in quotes",
        ));
    }
    let first = value.chars().next()?;
    if first.is_alphabetic() || matches!(first, '~' | '/' | '.' | '$') {
        let value = crate::words::inert_line(value);
        return Some(say(
            "text must stand in quotes",
            &format!("write {name} = \"{value}\""),
        ));
    }
    first.is_ascii_digit().then(|| {
        say(
            "this is no number",
            "write a number without a unit, or text in quotes",
        )
    })
}

/// Names the line that had the key first, when it can be found by its look.
fn duplicate(text: &Text<'_>, range: &Range<usize>, line: &str) -> String {
    let here = text.line_at(range.start);
    let wanted = head(line);
    let is_section = wanted.starts_with('[');
    let earlier = (0..here)
        .rev()
        // A key can only be the same as one of its own section.
        .take_while(|index| is_section || !text.line(*index).trim().starts_with('['))
        .find(|index| head(text.line(*index)) == wanted);
    let what = if is_section { "this section" } else { "this key" };
    match earlier {
        Some(index) => format!("{what} was written already, in line {}", index + 1),
        None => format!("{what} was written already"),
    }
}

fn head(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('[') {
        line.split('#').next().unwrap_or(line).trim()
    } else {
        line.split('=').next().unwrap_or(line).trim()
    }
}
