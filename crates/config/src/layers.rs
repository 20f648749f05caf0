//! Flags over variables over the file over the defaults, and which one won.

use crate::key::KEYS;
use crate::parse::value_of_text;
use crate::{Config, Key, Name, Problem, Source, Value, Values};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", content = "place", rename_all = "lowercase")]
pub enum Origin {
    /// A flag.
    Flag(&'static str),
    /// A variable.
    Variable(&'static str),
    /// The file.
    File {
        /// Its name.
        file: String,
        /// The line of the key.
        line: u32,
    },
    /// Nobody said anything.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "{flag}"),
            Origin::Variable(variable) => write!(f, "variable {variable}"),
            Origin::File { file, line } => write!(f, "{}:{line}", crate::words::inert_line(file)),
            Origin::Default => write!(f, "default"),
        }
    }
}

/// The values that won.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    values: Values,
    origins: BTreeMap<Name, Origin>,
}

impl Settings {
    /// The value of each key that has one.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Who gave a key its value.
    #[must_use]
    pub fn origin(&self, name: Name) -> &Origin {
        self.origins.get(&name).unwrap_or(&Origin::Default)
    }
}

/// Settings, and what was wrong with variables (which then count as not set).
#[derive(Debug)]
pub struct Resolved {
    /// What won.
    pub settings: Settings,
    /// What is wrong with variables.
    pub problems: Vec<Problem>,
}

/// Lays the layers over each other. `flags` holds the values of flags that were given; a variable that
/// is set but empty counts as not set.
pub fn resolve(
    flags: &Values,
    variable: impl Fn(&str) -> Option<OsString>,
    config: &Config,
    file: &str,
) -> Resolved {
    let mut values = Values::default();
    let mut origins = BTreeMap::new();
    let mut problems = Vec::new();
    for key in &KEYS {
        let found = if let Some(value) = flags.get(key.name) {
            Some((value.clone(), Origin::Flag(key.flag.unwrap_or(key.path))))
        } else if let Some(found) = of_variables(key, &variable, &mut problems) {
            Some(found)
        } else if let Some(value) = config.values().get(key.name) {
            let line = config.line(key.name).unwrap_or(1);
            let file = file.to_owned();
            Some((value.clone(), Origin::File { file, line }))
        } else {
            default_of(key).map(|value| (value, Origin::Default))
        };
        if let Some((value, origin)) = found {
            values.put(key.name, value);
            origins.insert(key.name, origin);
        }
    }
    Resolved {
        settings: Settings { values, origins },
        problems,
    }
}

fn of_variables(
    key: &Key,
    variable: &impl Fn(&str) -> Option<OsString>,
    problems: &mut Vec<Problem>,
) -> Option<(Value, Origin)> {
    for name in key.variables {
        let Some(value) = variable(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let source = Source::Variable((*name).to_owned());
        let Some(text) = value.to_str() else {
            problems.push(
                Problem::of(source, "not_text", format!("{}: this is not UTF-8", key.path))
                    .with_help("set the variable again"),
            );
            continue;
        };
        match value_of_text(key, text, &source) {
            Ok(value) => return Some((value, Origin::Variable(name))),
            Err(mut found) => problems.append(&mut found),
        }
    }
    None
}

/// The fixed default of a key.
pub(crate) fn default_of(key: &Key) -> Option<Value> {
    let literal = key.default?;
    let value = toml::de::DeValue::parse(literal).ok()?;
    key.kind.read(&crate::given::Given::of(&value)).ok()
}

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The key, as the file writes it.
    pub key: &'static str,
    /// The value as TOML; `None` when nobody gave one.
    pub value: Option<String>,
    /// What happens without a value.
    pub otherwise: Option<&'static str>,
    /// Who won.
    pub origin: Origin,
}

/// Every key with its value and who gave it. No key holds a secret.
#[must_use]
pub fn show(settings: &Settings) -> Vec<Shown> {
    KEYS.iter()
        .map(|key| {
            let value = settings.values.get(key.name);
            Shown {
                key: key.path,
                value: value.map(|value| crate::words::inert_line(&value.to_string())),
                otherwise: value.is_none().then_some(key.otherwise),
                origin: settings.origin(key.name).clone(),
            }
        })
        .collect()
}
