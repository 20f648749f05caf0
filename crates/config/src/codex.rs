//! Codex's own configuration, as far as an error in it would only show when a child fails to start.

use crate::Problem;
use crate::file::read_bounded;
use crate::given::{Given, What};
use crate::parse::decode;
use crate::syntax;
use crate::text::Text;
use crate::words::{one_of, quoted};
use std::borrow::Cow;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Shape of a value in Codex's file that Drawbridge builds on.
#[derive(Debug)]
enum Shape {
    Text,
    Word(&'static [&'static str]),
    Boolean,
    TextList,
    TextTable,
    /// A table in which the listed keys have shapes; others are Codex's own affair.
    Table(&'static [(&'static str, Shape)]),
    /// A table of tables.
    Named(&'static [(&'static str, Shape)]),
}

/// What Drawbridge reads, or sets beside it.
const SHAPES: &[(&str, Shape)] = &[
    (
        "sandbox_mode",
        Shape::Word(&["read-only", "workspace-write", "danger-full-access"]),
    ),
    (
        "sandbox_workspace_write",
        Shape::Table(&[
            ("network_access", Shape::Boolean),
            ("writable_roots", Shape::TextList),
        ]),
    ),
    (
        "shell_environment_policy",
        Shape::Table(&[
            ("inherit", Shape::Word(&["all", "core", "none"])),
            ("ignore_default_excludes", Shape::Boolean),
            ("exclude", Shape::TextList),
            ("include_only", Shape::TextList),
            ("set", Shape::TextTable),
        ]),
    ),
    (
        "mcp_servers",
        Shape::Named(&[
            ("url", Shape::Text),
            ("command", Shape::Text),
            ("bearer_token_env_var", Shape::Text),
        ]),
    ),
];

/// What is wrong with the `config.toml` of Codex, shown as problems of our own file are: syntax, and the
/// types of the keys that Drawbridge builds on. No file is no problem.
#[must_use]
pub fn check_codex_config(codex_home: &Path) -> Vec<Problem> {
    let path = codex_home.join("config.toml");
    let file = path.display().to_string();
    match read_bounded(&path) {
        Ok(None) => Vec::new(),
        Ok(Some(bytes)) => check(&bytes, &file),
        Err(problem) => vec![*problem],
    }
}

pub(crate) fn check(bytes: &[u8], file: &str) -> Vec<Problem> {
    let text = match decode(bytes, file) {
        Ok(text) => text,
        Err(problem) => return vec![*problem],
    };
    let text = Text::new(text);
    let (table, errors) = DeTable::parse_recoverable(text.whole());
    if !errors.is_empty() {
        return syntax::problems(&text, file, &errors);
    }
    let mut checker = Checker {
        text: &text,
        file,
        problems: Vec::new(),
    };
    checker.table("", table.get_ref(), SHAPES);
    let mut problems = checker.problems;
    problems.sort_by_key(|problem| problem.range.map(|range| range.start));
    problems
}

struct Checker<'a> {
    text: &'a Text<'a>,
    file: &'a str,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn table(&mut self, above: &str, table: &DeTable<'_>, shapes: &[(&str, Shape)]) {
        for (name, shape) in shapes {
            let found = table.iter().find(|(key, _)| key.get_ref() == name);
            if let Some((key, value)) = found {
                let path = join(above, name);
                self.value(&path, key, value, shape);
            }
        }
    }

    fn value(
        &mut self,
        path: &str,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        shape: &Shape,
    ) {
        let given = Given::of(value);
        match (shape, value.get_ref()) {
            (Shape::Text, DeValue::String(_)) | (Shape::Boolean, DeValue::Boolean(_)) => {}
            (Shape::Word(words), DeValue::String(word)) => {
                if !words.contains(&word.as_ref()) {
                    let meant = crate::suggest::nearest_exact(word, words);
                    let meant = meant.map_or(String::new(), |word| format!("; did you mean \"{word}\"?"));
                    let message = format!("{path}: Codex does not know {}{meant}", quoted(word));
                    self.tell(value, "unknown_word", message, format!("write {}", one_of(words)));
                }
            }
            (Shape::TextList, DeValue::Array(items)) => {
                for item in items {
                    if !matches!(item.get_ref(), DeValue::String(_)) {
                        self.wrong(path, item, "text", &Given::of(item).what);
                    }
                }
            }
            (Shape::TextTable, DeValue::Table(table)) => {
                for (name, item) in table {
                    if !matches!(item.get_ref(), DeValue::String(_)) {
                        let path = join(path, name.get_ref());
                        self.wrong(&path, item, "text", &Given::of(item).what);
                    }
                }
            }
            (Shape::Table(shapes), DeValue::Table(table)) => self.table(path, table, shapes),
            (Shape::Named(shapes), DeValue::Table(table)) => {
                for (name, item) in table {
                    let path = join(path, name.get_ref());
                    match item.get_ref() {
                        DeValue::Table(inner) => self.table(&path, inner, shapes),
                        _ => self.wrong(&path, item, "a section", &Given::of(item).what),
                    }
                }
            }
            (Shape::Text | Shape::Word(_), _) => self.wrong(path, value, "text", &given.what),
            (Shape::Boolean, _) => self.wrong(path, value, "true or false", &given.what),
            (Shape::TextList, _) => self.wrong(path, value, "a list of text", &given.what),
            (Shape::TextTable | Shape::Table(_) | Shape::Named(_), _) => {
                // A table that came by `[[...]]` has no place of its own worth pointing at.
                let place = if matches!(given.what, What::List(_)) {
                    key.span()
                } else {
                    value.span()
                };
                let message = format!("{path}: this must be a section, not {}", given.what.noun());
                let help = format!("write [{path}]");
                self.problems
                    .push(Problem::at(self.text, self.file, &place, "wrong_type", message).with_help(help));
            }
        }
    }

    fn wrong(&mut self, path: &str, value: &Spanned<DeValue<'_>>, takes: &str, found: &What) {
        let path = crate::words::inert_line(path);
        let message = format!("{path}: this must be {takes}, not {}", found.noun());
        self.tell(
            value,
            "wrong_type",
            message,
            format!("Codex does not start with this; write {takes}"),
        );
    }

    fn tell(&mut self, value: &Spanned<DeValue<'_>>, code: &str, message: String, help: String) {
        self.problems
            .push(Problem::at(self.text, self.file, &value.span(), code, message).with_help(help));
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() {
        name.to_owned()
    } else {
        format!("{above}.{name}")
    }
}
