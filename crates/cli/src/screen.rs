//! Writing for people: stdout for what was asked for, stderr for the rest.

use crate::CliError;
use drawbridge_consent::GUTTER;
use std::io::{IsTerminal, Write};

/// What a line continues with that had to be broken: not the gutter, so that a broken line is not taken
/// for two, and not the left edge, so that text of the agent is never there.
const CONTINUED: &str = "  ┊ ";
/// Narrower than this no terminal is taken for.
const NARROWEST: usize = 20;
/// Width when nobody tells.
const USUAL_WIDTH: usize = 80;

/// Prints to stdout.
pub(crate) fn out(text: &str) -> Result<(), CliError> {
    try_out(text).map_err(CliError::Output)
}

/// Prints to stdout.
pub(crate) fn try_out(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints a line to stdout.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    out(&format!("{text}\n"))
}

/// Prints JSON to stdout.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Output(error.into()))?;
    line(&text)
}

/// Prints to stderr. When nobody reads stderr there is nobody to tell.
pub(crate) fn note(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Prints a line to stderr.
pub(crate) fn note_line(text: &str) {
    note(&format!("{text}\n"));
}

/// Says why the command failed. That nobody reads our output (`drawbridge ... | head`) is no news.
pub(crate) fn error(error: &CliError) {
    if !matches!(error, CliError::Output(source) if source.kind() == std::io::ErrorKind::BrokenPipe) {
        note_line(&format!("drawbridge: {error} [{}]", error.code()));
    }
}

/// Whether a person can be asked here: they see stderr and can type.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Columns of the terminal.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0))
}

/// Breaks the lines of a card for a terminal, so that the terminal does not break them at its own left
/// edge, where only our words may stand.
pub(crate) fn wrap(body: &str, width: usize) -> String {
    let width = width.max(NARROWEST);
    let mut out = String::with_capacity(body.len() + body.len() / 8);
    for line in body.split('\n') {
        let continued = if line.starts_with(GUTTER) {
            CONTINUED
        } else {
            "    "
        };
        let mut used = 0;
        for c in line.chars() {
            if used + columns(c) > width {
                out.push('\n');
                out.push_str(continued);
                used = continued.chars().count();
            }
            out.push(c);
            used += columns(c);
        }
        out.push('\n');
    }
    out
}

/// Cuts a line of ours to the width of the terminal.
pub(crate) fn cut(line: &str, width: usize) -> String {
    let width = width.max(NARROWEST) - 1;
    let mut used = 0;
    let mut out = String::new();
    for c in line.chars() {
        used += columns(c);
        if used >= width {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

/// Columns a character takes at most; too wide a guess only breaks a line early. The signs of our own
/// layout are known to be narrow.
fn columns(c: char) -> usize {
    if c.is_ascii() || matches!(c, '│' | '·' | '‹' | '›' | '⇥' | '…') {
        1
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::{cut, wrap};

    #[test]
    fn broken_lines_never_start_at_the_left_edge() {
        let wrapped = wrap("Command\n  │ 0123456789abcdefWorking directory", 20);
        assert_eq!(
            wrapped,
            "Command\n  │ 0123456789abcdef\n  ┊ Working director\n  ┊ y\n"
        );
    }

    #[test]
    fn wide_characters_are_counted_wide() {
        assert_eq!(
            wrap("  │ 漢字漢字漢字漢字漢", 20),
            "  │ 漢字漢字漢字漢字\n  ┊ 漢\n"
        );
    }

    #[test]
    fn a_status_line_fits() {
        assert_eq!(cut("short", 40), "short");
        assert_eq!(cut(&"x".repeat(90), 30), format!("{}…", "x".repeat(28)));
    }
}
