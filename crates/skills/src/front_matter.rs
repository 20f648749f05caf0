//! The head of a `SKILL.md`: YAML between two lines of `---`.

use crate::model::Severity;
use crate::yaml::{self, Node, Plain, Value};
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

fn error(code: &'static str, line: usize, message: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        code,
        line: u32::try_from(line).unwrap_or(u32::MAX),
        message: message.into(),
    }
}

/// The text between the first two lines of `---`; it begins in line 2.
fn block(bytes: &[u8]) -> Result<&str, Finding> {
    let missing = || {
        error(
            "no_front_matter",
            1,
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
                1,
                format!(
                    "the front matter does not end within {MOST_FRONT_MATTER} bytes; close it with a line `---`"
                ),
            ));
        }
    }
    Err(error(
        "open_front_matter",
        1,
        "the front matter does not end; close it with a line `---`",
    ))
}

fn text(block: &[u8]) -> Result<&str, Finding> {
    let line_of = |at: usize| 2 + block[..at].iter().filter(|byte| **byte == b'\n').count();
    if let Some(at) = block.iter().position(|byte| *byte == 0) {
        return Err(error(
            "nul_byte",
            line_of(at),
            "there is a NUL byte in the front matter; save the file as text",
        ));
    }
    std::str::from_utf8(block).map_err(|wrong| {
        error(
            "not_utf8",
            line_of(wrong.valid_up_to()),
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
                self.error(wrong.code, wrong.line, wrong.message);
                return;
            }
        };
        let entries = match root.value {
            Value::Table(entries) => entries,
            Value::Plain(Plain::Nothing) => Vec::new(),
            _ => return self.error("bad_yaml", root.line, "write the front matter as `key: value`"),
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
                    key.line,
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
                1,
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
                node.line,
                format!("`{name}` is longer than {most} characters; Codex does not take it"),
            );
        }
        let line: String = line.chars().take(most).collect();
        let shown = visible_line(&line);
        if shown != line {
            self.warn(
                "hidden_characters",
                node.line,
                format!("`{name}` has characters that do not show themselves: {shown}"),
            );
        }
        if name == "name" && (line.contains(['/', '\\']) || line == "." || line == "..") {
            self.warn(
                "name_like_a_path",
                node.line,
                format!("the name {shown} looks like a path; it is only a name, and is used as no path"),
            );
        }
        Some(shown)
    }

    fn no_text(&mut self, name: &str, node: &Node, what: &str) -> Option<String> {
        self.error("not_text", node.line, format!("`{name}` is {what}"));
        None
    }

    /// Lines of the block begin after the first line of the file.
    fn error(&mut self, code: &'static str, line: usize, message: impl Into<String>) {
        self.findings.push(error(code, line + 1, message));
    }

    fn warn(&mut self, code: &'static str, line: usize, message: impl Into<String>) {
        let finding = error(code, line + 1, message);
        self.findings.push(Finding {
            severity: Severity::Warning,
            ..finding
        });
    }
}
