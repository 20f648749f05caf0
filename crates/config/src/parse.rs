//! Reading the file: the configuration it holds, or everything that is wrong with it.

use crate::given::Given;
use crate::key::KEYS;
use crate::problem::has_errors;
use crate::secrets::names_a_secret;
use crate::suggest::{nearest, nearest_key, sections};
use crate::syntax;
use crate::text::Text;
use crate::words::quoted;
use crate::{Key, Name, Problem, Source, Value, Values};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Most problems told of one file.
const MOST: usize = 50;

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    values: Values,
    lines: BTreeMap<Name, u32>,
}

impl Config {
    /// The values it gives.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The line a key was given in.
    #[must_use]
    pub fn line(&self, name: Name) -> Option<u32> {
        self.lines.get(&name).copied()
    }

    /// Only what the file says about these keys.
    pub(crate) fn only(&self, keep: impl Fn(Name, &Value) -> bool) -> Self {
        let values: Values = self
            .values
            .iter()
            .filter(|(name, value)| keep(*name, value))
            .map(|(name, value)| (name, value.clone()))
            .collect();
        let lines = self
            .lines
            .iter()
            .filter(|(name, _)| values.get(**name).is_some())
            .map(|(name, line)| (*name, *line))
            .collect();
        Self { values, lines }
    }
}

/// What could be read, and what could not.
pub(crate) struct Reading {
    /// Holds only what is right in the file.
    pub config: Config,
    pub problems: Vec<Problem>,
}

impl Reading {
    pub(crate) fn into_result(self) -> (Option<Config>, Vec<Problem>) {
        let good = !has_errors(&self.problems);
        (good.then_some(self.config), self.problems)
    }
}

/// Reads a configuration. `file` is its name in problems. There is a configuration when there is no
/// error; a file that is wrong in one place does not count in any other.
#[must_use]
pub fn parse(text: &str, file: &str) -> (Option<Config>, Vec<Problem>) {
    read(text, file).into_result()
}

/// As [`parse`], for bytes that may be anything.
#[must_use]
pub fn parse_bytes(bytes: &[u8], file: &str) -> (Option<Config>, Vec<Problem>) {
    read_bytes(bytes, file).into_result()
}

pub(crate) fn read_bytes(bytes: &[u8], file: &str) -> Reading {
    match decode(bytes, file) {
        Ok(text) => read(text, file),
        Err(problem) => Reading {
            config: Config::default(),
            problems: vec![*problem],
        },
    }
}

/// The text of a file, or why it is none.
pub(crate) fn decode<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Box<Problem>> {
    let whole = |message: &str, help: &str| {
        let source = Source::File(file.to_owned());
        Err(Box::new(Problem::of(source, "not_text", message).with_help(help)))
    };
    let utf8 = "open it in an editor and save it as UTF-8";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return whole("this file is UTF-16, which TOML files are not", utf8);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = error.valid_up_to();
            let byte = bytes.get(good).copied().unwrap_or(0);
            // The line as far as it can be read, with a sign where it cannot.
            let end = bytes[good..]
                .iter()
                .position(|b| *b == b'\n')
                .map_or(bytes.len(), |at| good + at);
            let near = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let text = Text::new(&near);
            let range = good..good + '\u{fffd}'.len_utf8();
            let message = format!("the byte 0x{byte:02X} is no UTF-8");
            return Err(Box::new(
                Problem::at(&text, file, &range, "not_text", message).with_help(utf8),
            ));
        }
    };
    if let Some(at) = text.find('\0') {
        let lines = Text::new(text);
        let message = "there is a NUL character here, so this is no text file";
        let help = "restore the file from a copy, or write it anew with `drawbridge config edit`";
        return Err(Box::new(
            Problem::at(&lines, file, &(at..at + 1), "not_text", message).with_help(help),
        ));
    }
    Ok(text)
}

pub(crate) fn read(text: &str, file: &str) -> Reading {
    let lines = Text::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems = syntax::problems(&lines, file, &errors);
    let broken_from = errors
        .iter()
        .map(|error| error.span().map_or(0, |span| span.start))
        .min()
        .unwrap_or(usize::MAX);
    let mut reader = Reader {
        text: &lines,
        file,
        config: Config::default(),
        problems: Vec::new(),
    };
    reader.top(table.get_ref());
    let Reader {
        config,
        problems: mut found,
        ..
    } = reader;
    // Behind a syntax error the parser guesses, and a guess is no ground for a complaint.
    found.retain(|problem| {
        problem
            .range
            .is_some_and(|range| range.end_byte <= broken_from as u64)
    });
    problems.append(&mut found);
    problems.sort_by_key(|problem| problem.range.map(|range| range.start));
    if problems.len() > MOST {
        let more = problems.len() - MOST;
        problems.truncate(MOST);
        let source = Source::File(file.to_owned());
        problems.push(Problem::of(source, "more", format!("and {more} more problems")));
    }
    Reading { config, problems }
}

struct Reader<'a> {
    text: &'a Text<'a>,
    file: &'a str,
    config: Config,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let word = name.get_ref().as_ref();
            if !sections().contains(&word) {
                self.unknown("", name, value);
                continue;
            }
            match value.get_ref() {
                DeValue::Table(section) => self.section(word, section),
                DeValue::Array(items)
                    if items
                        .iter()
                        .any(|item| matches!(item.get_ref(), DeValue::Table(_))) =>
                {
                    let message = format!("`{word}` is one section, not a list of sections");
                    self.tell(
                        name,
                        "wrong_type",
                        message,
                        &format!("write [{word}] once, in single brackets"),
                    );
                }
                _ => {
                    let leaves = leaves(word);
                    let message = format!("`{word}` is a section, not a key");
                    let help = format!("write [{word}] and under it {}", leaves.join(", "));
                    self.tell(name, "wrong_type", message, &help);
                }
            }
        }
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let leaf = name.get_ref().as_ref();
            match KEYS
                .iter()
                .find(|key| key.section() == section && key.leaf() == leaf)
            {
                Some(key) => self.key(key, name, value),
                None => self.unknown(section, name, value),
            }
        }
    }

    fn key(&mut self, key: &Key, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) {
        match key.kind.read(&Given::of(value)) {
            Ok(read) => {
                self.config.values.put(key.name, read);
                let line = self.text.position(name.span().start).line;
                self.config.lines.insert(key.name, line);
            }
            Err(faults) => {
                for fault in faults {
                    let message = format!("{}: {}", key.path, fault.message);
                    self.problems.push(
                        Problem::at(self.text, self.file, &fault.range, fault.code, message)
                            .with_help(fault.help),
                    );
                }
            }
        }
    }

    fn unknown(
        &mut self,
        section: &str,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let word = name.get_ref().as_ref();
        if names_a_secret(word) {
            let message = format!(
                "{} looks like a secret; secrets do not belong in this file",
                quoted(word)
            );
            let help = "take it out and give the token to `drawbridge enroll`, which keeps it encrypted";
            return self.tell(name, "secret_in_file", message, help);
        }
        if let DeValue::Table(inner) = value.get_ref()
            && let Some((found, _)) = inner.iter().find(|(inner, _)| names_a_secret(inner.get_ref()))
        {
            let message = format!(
                "{} looks like a secret; secrets do not belong in this file",
                quoted(found.get_ref())
            );
            let help = "take it out and give the token to `drawbridge enroll`, which keeps it encrypted";
            return self.tell(found, "secret_in_file", message, help);
        }
        let is_table = matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
        let close_section = nearest(word, sections()).filter(|_| section.is_empty() && is_table);
        let (message, help) = if let Some(close) = close_section {
            (
                format!("there is no section {}; did you mean `{close}`?", quoted(word)),
                format!("write [{close}]"),
            )
        } else if let Some(key) = nearest_key(section, word) {
            if key.section() == section {
                (
                    format!(
                        "there is no key {} in [{section}]; did you mean `{}`?",
                        quoted(word),
                        key.leaf()
                    ),
                    format!("`{}` takes {}", key.leaf(), key.kind.accepts()),
                )
            } else {
                let place = if section.is_empty() {
                    "outside the sections".to_owned()
                } else {
                    format!("in [{section}]")
                };
                (
                    format!(
                        "there is no key {} {place}; did you mean `{}`?",
                        quoted(word),
                        key.path
                    ),
                    format!("write it under [{}] as `{} = ...`", key.section(), key.leaf()),
                )
            }
        } else if section.is_empty() {
            let noun = if is_table { "section" } else { "key" };
            (
                format!("there is no {noun} {}", quoted(word)),
                format!("the sections are {}", sections().join(", ")),
            )
        } else {
            (
                format!("there is no key {} in [{section}]", quoted(word)),
                format!("[{section}] has {}", leaves(section).join(", ")),
            )
        };
        self.tell(name, "unknown_key", message, &help);
    }

    fn tell(&mut self, name: &Spanned<std::borrow::Cow<'_, str>>, code: &str, message: String, help: &str) {
        self.problems
            .push(Problem::at(self.text, self.file, &name.span(), code, message).with_help(help));
    }
}

fn leaves(section: &str) -> Vec<&'static str> {
    KEYS.iter()
        .filter(|key| key.section() == section)
        .map(Key::leaf)
        .collect()
}

/// A value written outside the file: in a variable or as an argument. Lists are written as TOML, or as
/// one bare element.
pub(crate) fn value_of_text(key: &Key, text: &str, source: &Source) -> Result<Value, Vec<Problem>> {
    let given = given_of_text(key, text);
    key.kind.read(&given).map_err(|faults| {
        faults
            .into_iter()
            .map(|fault| {
                let message = format!("{}: {}", key.path, fault.message);
                Problem::of(source.clone(), fault.code, message).with_help(fault.help)
            })
            .collect()
    })
}

fn given_of_text(key: &Key, text: &str) -> Given {
    let trimmed = text.trim();
    if key.kind.is_list()
        || matches!(key.kind, crate::Kind::Integer { .. })
        || trimmed.starts_with(['"', '\''])
    {
        if let Ok(value) = DeValue::parse(trimmed) {
            return Given::of(&value);
        }
        if key.kind.is_list() {
            return Given {
                what: crate::given::What::List(vec![Given::text(trimmed)]),
                range: 0..0,
            };
        }
    }
    Given::text(trimmed)
}
