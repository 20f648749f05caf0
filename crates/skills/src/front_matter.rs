//! The head of a `SKILL.md`: YAML between two lines of `---`.

use crate::model::Severity;
use crate::yaml::{self, At, Node, Plain, Value};
use drawbridge_consent::visible_line;

/// Longest front matter, in bytes.
pub const MOST_FRONT_MATTER: usize = 16 * 1024;
/// Longest name that Codex takes, in characters.
pub const MOST_NAME: usize = 64;
/// Longest description that Codex takes, in characters.
pub const MOST_DESCRIPTION: usize = 1024;

/// What the head of a skill says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrontMatter {
    /// In one line, hidden characters visible; `None` when it is not given.
    pub name: Option<String>,
    /// The same of the description.
    pub description: Option<String>,
}

/// Something wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Stable code.
    pub code: &'static str,
    /// In which line of the file, from 1.
    pub line: u32,
    /// In which column of it, from 1, in characters; what is said of the whole line is said of its first.
    pub column: u32,
    /// What is wrong and what to do; safe to print.
    pub message: String,
}

/// Reads the beginning of a `SKILL.md`. What can be read is answered whatever is wrong with the rest.
#[must_use]
pub fn read(bytes: &[u8]) -> (FrontMatter, Vec<Finding>) {
    let mut reading = Reading::default();
    match block(bytes) {
        Ok(block) => reading.block(block),
        Err(finding) => reading.findings.push(finding),
    }
    (reading.front_matter, reading.findings)
}

fn error(code: &'static str, at: At, message: impl Into<String>) -> Finding {
    let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Finding {
        severity: Severity::Error,
        code,
        line: number(at.line),
        column: number(at.column),
        message: message.into(),
    }
}

/// The text between the first two lines of `---`; it begins in line 2.
fn block(bytes: &[u8]) -> Result<&str, Finding> {
    let missing = || {
        error(
            "no_front_matter",
            At::START,
            "a skill begins with front matter: a line `---`, then name and description, then a line `---`",
        )
    };
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().ok_or_else(missing)?;
    if first.trim_ascii() != b"---" {
        return Err(missing());
    }
    let start = first.len();
    let mut end = start;
    for line in lines {
        if line.trim_ascii() == b"---" {
            return text(&bytes[start..end]);
        }
        end += line.len();
        if end - start > MOST_FRONT_MATTER {
            return Err(error(
                "front_matter_too_long",
                At::START,
                format!(
                    "the front matter does not end within {MOST_FRONT_MATTER} bytes; close it with a line `---`"
                ),
            ));
        }
    }
    Err(error(
        "open_front_matter",
        At::START,
        "the front matter does not end; close it with a line `---`",
    ))
}

fn text(block: &[u8]) -> Result<&str, Finding> {
    let place = |at: usize| {
        let before = &block[..at];
        let ends = before.iter().filter(|byte| **byte == b'\n').count();
        let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        At {
            line: 2 + ends,
            column: 1 + String::from_utf8_lossy(line).chars().count(),
        }
    };
    if let Some(at) = block.iter().position(|byte| *byte == 0) {
        return Err(error(
            "nul_byte",
            place(at),
            "there is a NUL byte in the front matter; save the file as text",
        ));
    }
    std::str::from_utf8(block).map_err(|wrong| {
        error(
            "not_utf8",
            place(wrong.valid_up_to()),
            "the front matter is not UTF-8; save the file as UTF-8",
        )
    })
}

#[derive(Default)]
struct Reading {
    front_matter: FrontMatter,
    findings: Vec<Finding>,
}

impl Reading {
    fn block(&mut self, block: &str) {
        let root = match yaml::read(block) {
            Ok(root) => root,
            Err(wrong) => {
                self.error(wrong.code, wrong.at, wrong.message);
                return;
            }
        };
        let entries = match root.value {
            Value::Table(entries) => entries,
            Value::Plain(Plain::Nothing) => Vec::new(),
            _ => return self.error("bad_yaml", root.at, "write the front matter as `key: value`"),
        };
        let mut seen: Vec<&str> = Vec::new();
        for (key, value) in &entries {
            let Value::Text(name) = &key.value else { continue };
            if !matches!(name.as_str(), "name" | "description") {
                continue;
            }
            if seen.contains(&name.as_str()) {
                self.error(
                    "duplicate_key",
                    key.at,
                    format!("`{name}` stands here twice; keep one"),
                );
                continue;
            }
            seen.push(name);
            let text = self.text(name, value);
            match name.as_str() {
                "name" => self.front_matter.name = text,
                _ => self.front_matter.description = text,
            }
        }
        if self.front_matter.description.is_none() && !seen.contains(&"description") {
            self.warn(
                "no_description",
                At::START,
                "without `description` the agent does not know when to use it",
            );
        }
    }

    fn text(&mut self, name: &str, node: &Node) -> Option<String> {
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Plain(Plain::Nothing) => return None,
            Value::Plain(Plain::Number) => return self.no_text(name, node, "a number; put it in quotes"),
            Value::Plain(Plain::Boolean) => {
                return self.no_text(name, node, "true or false; put it in quotes");
            }
            Value::List => return self.no_text(name, node, "a list; write text"),
            Value::Table(_) => {
                return self.no_text(name, node, "a table; write text, in quotes if it has a colon");
            }
            Value::Alias => return self.no_text(name, node, "an alias; write the text itself"),
        };
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            return None;
        }
        let most = if name == "name" {
            MOST_NAME
        } else {
            MOST_DESCRIPTION
        };
        if line.chars().count() > most {
            self.error(
                "too_long",
                node.at,
                format!("`{name}` is longer than {most} characters; Codex does not take it"),
            );
        }
        let line: String = line.chars().take(most).collect();
        let shown = visible_line(&line);
        if shown != line {
            self.warn(
                "hidden_characters",
                node.at,
                format!("`{name}` has characters that do not show themselves: {shown}"),
            );
        }
        if name == "name" && (line.contains(['/', '\\']) || line == "." || line == "..") {
            self.warn(
                "name_like_a_path",
                node.at,
                format!("the name {shown} looks like a path; it is only a name, and is used as no path"),
            );
        }
        Some(shown)
    }

    fn no_text(&mut self, name: &str, node: &Node, what: &str) -> Option<String> {
        self.error("not_text", node.at, format!("`{name}` is {what}"));
        None
    }

    fn error(&mut self, code: &'static str, at: At, message: impl Into<String>) {
        self.find(Severity::Error, code, at, message);
    }

    fn warn(&mut self, code: &'static str, at: At, message: impl Into<String>) {
        self.find(Severity::Warning, code, at, message);
    }

    /// Lines of the block begin after the first line of the file.
    fn find(&mut self, severity: Severity, code: &'static str, at: At, message: impl Into<String>) {
        let at = At {
            line: at.line + 1,
            ..at
        };
        let finding = error(code, at, message);
        self.findings.push(Finding { severity, ..finding });
    }
}
