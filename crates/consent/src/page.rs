//! A page under construction: sections with a label of ours and guttered text of the agent.

use crate::diff::{Diff, Form};
use crate::hidden::{visible, visible_code, visible_line};
use crate::{Card, GUTTER, Part};
use serde_json::{Map, Value};

/// Characters of a headline that come from the agent.
const HEADLINE_CHARS: usize = 100;

/// Members of every request that name where it belongs and say nothing about what is asked. The
/// approval carries thread and turn itself.
const ROUTING: [&str; 6] = [
    "threadId",
    "turnId",
    "itemId",
    "startedAtMs",
    "approvalId",
    "availableDecisions",
];

/// Collects a card. Members of the request that no section has taken are shown raw at the end, so that
/// a newer agent cannot ask for something this version does not mention.
pub(crate) struct Page<'a> {
    params: &'a Value,
    taken: Vec<&'static str>,
    headline: String,
    body: String,
    claim: Option<String>,
    facts: Vec<(String, String)>,
    parts: Vec<Part>,
}

impl<'a> Page<'a> {
    pub(crate) fn new(params: &'a Value) -> Self {
        Self {
            params,
            taken: ROUTING.to_vec(),
            headline: String::new(),
            body: String::new(),
            claim: None,
            facts: Vec::new(),
            parts: Vec::new(),
        }
    }

    pub(crate) fn params(&self) -> &'a Value {
        self.params
    }

    /// A member of the request as text. It counts as shown only when it is text; any other form stays
    /// for [`Page::finish`] to show raw.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        match self.params.get(key) {
            Some(Value::String(text)) => {
                self.taken.push(key);
                Some(text)
            }
            Some(Value::Null) => {
                self.taken.push(key);
                None
            }
            _ => None,
        }
    }

    /// A member of the request that the caller shows whole; `null` counts as absent.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.taken.push(key);
        self.params.get(key).filter(|value| !value.is_null())
    }

    /// The headline: words of ours, then words of the agent on one line.
    pub(crate) fn headline(&mut self, ours: &str, theirs: &str) {
        let total = theirs.chars().count();
        let head: String = theirs.chars().take(HEADLINE_CHARS).collect();
        let separator = if theirs.is_empty() { "" } else { ": " };
        self.headline = format!("{ours}{separator}{}", visible_line(&head));
        if total > HEADLINE_CHARS {
            self.headline.push_str(&format!(
                " ‹{} more characters, shown below›",
                total - HEADLINE_CHARS
            ));
        }
    }

    /// A label and a command, content or name of the agent, whole.
    pub(crate) fn section(&mut self, label: &str, text: &str) {
        let shown = visible_code(text);
        self.labelled(label, &shown);
        self.parts.push(Part::Text {
            label: label.to_owned(),
            text: shown,
        });
    }

    /// A label and sentences of the agent, whole.
    pub(crate) fn words(&mut self, label: &str, text: &str) {
        let shown = visible(text);
        self.labelled(label, &shown);
        self.parts.push(Part::Text {
            label: label.to_owned(),
            text: shown,
        });
    }

    /// As [`Page::section`], for a short value that is also a fact.
    pub(crate) fn fact(&mut self, label: &str, text: &str) {
        let shown = visible_code(text);
        self.labelled(label, &shown);
        self.facts.push((label.to_owned(), shown.clone()));
        self.parts.push(Part::Fact {
            label: label.to_owned(),
            value: shown,
        });
    }

    /// A fact in words of ours (`text` must not come from outside).
    pub(crate) fn own_fact(&mut self, label: &str, text: &str) {
        self.line(&format!("{label}: {text}"));
        self.facts.push((label.to_owned(), text.to_owned()));
        self.parts.push(Part::Fact {
            label: label.to_owned(),
            value: text.to_owned(),
        });
    }

    /// A label and what changes in a file, whole.
    pub(crate) fn diff(&mut self, label: &str, text: &str, form: Form) {
        let diff = Diff::read(text, form);
        self.labelled(label, &visible_code(text));
        self.parts.push(Part::Diff {
            label: label.to_owned(),
            diff,
        });
    }

    /// What our own look at it found.
    pub(crate) fn notes(&mut self, notes: Vec<String>) {
        if !notes.is_empty() {
            self.line(&format!("Look at: {}", notes.join("; ")));
            self.parts.push(Part::Notes(notes));
        }
    }

    /// A label and JSON, whole.
    pub(crate) fn json(&mut self, label: &str, value: &Value) {
        let mut text = String::new();
        push_json(&mut text, value, 0);
        self.labelled(label, &text);
        self.parts.push(Part::Text {
            label: label.to_owned(),
            text,
        });
    }

    /// A line of ours.
    pub(crate) fn say(&mut self, line: &str) {
        self.line(line);
        self.parts.push(Part::Say(line.to_owned()));
    }

    /// A label of ours over text that is already safe to show.
    pub(crate) fn ready(&mut self, label: &str, shown: &str) {
        self.labelled(label, shown);
        self.parts.push(Part::Text {
            label: label.to_owned(),
            text: shown.to_owned(),
        });
    }

    fn line(&mut self, line: &str) {
        self.body.push_str(line);
        self.body.push('\n');
    }

    /// The agent's reason, marked as its claim.
    pub(crate) fn claim(&mut self) {
        if let Some(reason) = self.text("reason").filter(|reason| !reason.is_empty()) {
            let shown = visible(reason);
            self.labelled("The agent says (its claim, not checked)", &shown);
            self.parts.push(Part::Claim(shown.clone()));
            self.claim = Some(shown);
        }
    }

    fn labelled(&mut self, label: &str, shown: &str) {
        self.line(label);
        for line in shown.split('\n') {
            self.body.push_str(GUTTER);
            self.body.push_str(line);
            self.body.push('\n');
        }
    }

    pub(crate) fn finish(mut self) -> Card {
        let rest = match self.params {
            Value::Object(members) => {
                let rest: Map<String, Value> = members
                    .iter()
                    .filter(|(key, value)| !value.is_null() && !self.taken.contains(&key.as_str()))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                (!rest.is_empty()).then_some(Value::Object(rest))
            }
            Value::Null => None,
            other => Some(other.clone()),
        };
        if let Some(rest) = rest {
            self.json("Also in the request, as it came", &rest);
        }
        Card {
            headline: self.headline,
            body: self.body.trim_end_matches('\n').to_owned(),
            claim: self.claim,
            facts: self.facts,
            parts: self.parts,
        }
    }

    /// Leaves nothing for the raw part at the end: the caller has shown all of the request.
    pub(crate) fn all_shown(&mut self) {
        self.params = &Value::Null;
    }
}

/// JSON for reading: our own line breaks and indentation, hidden characters inside strings shown.
pub(crate) fn push_json(out: &mut String, value: &Value, depth: usize) {
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('{');
            for (n, (key, member)) in members.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                indent(out, depth + 1);
                out.push_str(&quoted(key));
                out.push_str(": ");
                push_json(out, member, depth + 1);
            }
            indent(out, depth);
            out.push('}');
        }
        Value::Array(entries) if !entries.is_empty() => {
            out.push('[');
            for (n, entry) in entries.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                indent(out, depth + 1);
                push_json(out, entry, depth + 1);
            }
            indent(out, depth);
            out.push(']');
        }
        Value::String(text) => out.push_str(&quoted(text)),
        other => out.push_str(&other.to_string()),
    }
}

/// A JSON string on one line, hidden characters shown.
pub(crate) fn quoted(text: &str) -> String {
    visible_line(&Value::from(text).to_string())
}
