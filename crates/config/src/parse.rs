//! Reading the file: the configuration it holds, or everything that is wrong with it.

use crate::finding::{Finding, Say, leaves};
use crate::given::Given;
use crate::key::KEYS;
use crate::problem::has_errors;
use crate::secrets::{SECRET, SECRET_HELP, names_a_secret, secret_message};
use crate::suggest::sections;
use crate::syntax;
use crate::text::Text;
use crate::{Excerpt, Key, Name, Problem, Source, TextRange, Value, Values};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Most problems told of one file.
const MOST: usize = 20;

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    values: Values,
    lines: BTreeMap<Name, u32>,
    places: BTreeMap<Name, Place>,
}

/// Where a value stands, for what turns out to be wrong with it later.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    range: TextRange,
    excerpt: Excerpt,
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
        let (mut lines, mut places) = (self.lines.clone(), self.places.clone());
        lines.retain(|name, _| values.get(*name).is_some());
        places.retain(|name, _| values.get(*name).is_some());
        Self {
            values,
            lines,
            places,
        }
    }

    /// Something wrong with the value of a key that only the computer it is read on can tell.
    pub(crate) fn problem(&self, name: Name, file: &str, code: &str, message: String) -> Problem {
        let place = self.places.get(&name);
        Problem {
            range: place.map(|place| place.range),
            excerpt: place.map(|place| place.excerpt.clone()),
            ..Problem::of(Source::File(file.to_owned()), code, message)
        }
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
            let message = if bytes.contains(&0) {
                "this is no text file".to_owned()
            } else {
                format!("the byte 0x{byte:02X} is no UTF-8")
            };
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
    let mut reader = Reader {
        text: &lines,
        config: Config::default(),
        findings: Vec::new(),
    };
    reader.top(table.get_ref());
    let Reader {
        config, mut findings, ..
    } = reader;
    // Behind a syntax error the parser guesses, and a guess is no ground for a complaint. A secret is one
    // wherever it stands, and then the syntax of its line is the lesser trouble.
    let broken_from = problems.iter().filter_map(line_of).min().unwrap_or(u32::MAX);
    let line_at = |at: usize| u32::try_from(lines.line_at(at) + 1).unwrap_or(u32::MAX);
    findings.retain(|found| found.code == SECRET || line_at(found.range.end) < broken_from);
    problems.retain(|problem| {
        let same_line = |found: &Finding| Some(line_at(found.range.start)) == line_of(problem);
        !findings
            .iter()
            .any(|found| found.code == SECRET && same_line(found))
    });
    // Only what is told is put into words: a large file can be wrong in every line.
    findings.sort_by_key(|found| found.range.start);
    let more = (problems.len() + findings.len()).saturating_sub(MOST);
    findings.truncate(MOST);
    problems.extend(findings.iter().map(|found| found.told(&lines, file)));
    problems.sort_by_key(|problem| problem.range.map(|range| range.start));
    if more > 0 {
        problems.truncate(MOST);
        let source = Source::File(file.to_owned());
        problems.push(Problem::of(source, "more", format!("and {more} more problems")));
    }
    Reading { config, problems }
}

fn line_of(problem: &Problem) -> Option<u32> {
    problem.range.map(|range| range.start.line)
}

type Word<'a> = Spanned<std::borrow::Cow<'a, str>>;

struct Reader<'a> {
    text: &'a Text<'a>,
    config: Config,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        let sections = sections();
        for (name, value) in table {
            let word = name.get_ref().as_ref();
            if !sections.contains(&word) {
                self.unknown("", name, value);
                continue;
            }
            let is_table = |item: &Spanned<DeValue<'_>>| matches!(item.get_ref(), DeValue::Table(_));
            match value.get_ref() {
                DeValue::Table(section) => self.section(word, section),
                DeValue::Array(items) if items.iter().any(is_table) => {
                    let message = format!("`{word}` is one section, not a list of sections");
                    let help = format!("write [{word}] once, in single brackets");
                    self.note(name, "wrong_type", Say::Words { message, help });
                }
                _ => {
                    let message = format!("`{word}` is a section, not a key");
                    let help = format!("write [{word}] and under it {}", leaves(word).join(", "));
                    self.note(name, "wrong_type", Say::Words { message, help });
                }
            }
        }
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let leaf = name.get_ref().as_ref();
            let known = KEYS
                .iter()
                .find(|key| key.section() == section && key.leaf() == leaf);
            match known {
                Some(key) => self.key(key, name, value),
                None => self.unknown(section, name, value),
            }
        }
    }

    fn key(&mut self, key: &Key, name: &Word<'_>, value: &Spanned<DeValue<'_>>) {
        match key.kind.read(&Given::of(value)) {
            Ok(read) => {
                self.config.values.put(key.name, read);
                let line = self.text.position(name.span().start).line;
                self.config.lines.insert(key.name, line);
                let place = Place {
                    range: self.text.range(&value.span()),
                    excerpt: Excerpt::new(self.text, &value.span()),
                };
                self.config.places.insert(key.name, place);
            }
            Err(faults) => self.findings.extend(faults.into_iter().map(|fault| Finding {
                range: fault.range,
                code: fault.code,
                say: Say::Words {
                    message: format!("{}: {}", key.path, fault.message),
                    help: fault.help,
                },
            })),
        }
    }

    fn unknown(&mut self, section: &str, name: &Word<'_>, value: &Spanned<DeValue<'_>>) {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => inner.iter().map(|(inner, _)| inner).collect(),
            _ => Vec::new(),
        };
        let secret = std::iter::once(name)
            .chain(inner)
            .find(|name| names_a_secret(name.get_ref()));
        if let Some(secret) = secret {
            let message = secret_message(secret.get_ref());
            let help = SECRET_HELP.to_owned();
            return self.note(secret, SECRET, Say::Words { message, help });
        }
        let say = Say::Unknown {
            section: section.to_owned(),
            word: name.get_ref().clone().into_owned(),
            is_table: matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_)),
        };
        self.note(name, "unknown_key", say);
    }

    fn note(&mut self, name: &Word<'_>, code: &'static str, say: Say) {
        let range = name.span();
        self.findings.push(Finding { range, code, say });
    }
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
