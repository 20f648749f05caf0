//! What a person last confirmed, as the vault keeps it: the key as the file writes it, and its value.

use drawbridge_config::{Name, Security, all_pairs, common_roots, pair_of_words, words_of_pair};
use drawbridge_core::verdict::ceiling::Pair;
use drawbridge_wire::buses::ConfirmedState;
use drawbridge_wire::{Role, WhoMayAnswer};
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings by key.
pub(crate) type Kept = BTreeMap<String, Value>;

/// What is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Confirmed {
    /// Nothing is kept.
    Nothing,
    /// This is.
    Kept(Kept),
    /// Something is kept and cannot be read (now).
    Unreadable,
}

/// Member of kept roots that mean the folder drawbridge is started in, whichever that is.
const STARTED_IN: &str = "started_in";

/// The folder drawbridge is started in. It is kept as a rule: a folder would be another one at the next
/// start.
pub(super) fn started_in() -> Value {
    json!({ STARTED_IN: null })
}

/// Of the folder drawbridge is started in only these.
pub(super) fn started_in_and(security: &Security) -> Option<Value> {
    Some(json!({ STARTED_IN: value(security, Name::Roots)? }))
}

impl Confirmed {
    pub(super) fn state(&self) -> ConfirmedState {
        match self {
            Confirmed::Nothing => ConfirmedState::Defaults,
            Confirmed::Kept(_) => ConfirmedState::Kept,
            Confirmed::Unreadable => ConfirmedState::Unreadable,
        }
    }

    /// The widest it allows. A key that was never confirmed has its default, with the folder that
    /// drawbridge was started in; what is not known allows nothing.
    pub(super) fn security(&self, started_in: &[PathBuf]) -> Security {
        let default = Security {
            role: Role::Operator,
            answer: WhoMayAnswer::Local,
            roots: started_in.to_vec(),
            ceilings: all_pairs().to_vec(),
        };
        match self {
            Confirmed::Nothing => default,
            Confirmed::Kept(kept) => Security {
                role: read(kept, Name::Role, default.role).unwrap_or(Role::Viewer),
                answer: read(kept, Name::Answer, default.answer).unwrap_or_default(),
                roots: roots(kept, started_in),
                ceilings: pairs(kept, default.ceilings),
            },
            Confirmed::Unreadable => Security {
                role: Role::Viewer,
                answer: WhoMayAnswer::Local,
                roots: Vec::new(),
                ceilings: Vec::new(),
            },
        }
    }
}

/// A value that is kept, else the default; `None` when what is kept is not understood.
fn read<T: serde::de::DeserializeOwned>(kept: &Kept, name: Name, default: T) -> Option<T> {
    match kept.get(name.key().path) {
        None => Some(default),
        Some(value) => T::deserialize(value).ok(),
    }
}

/// Folders that are kept; or that it is the folder started in, whole or only these of it.
fn roots(kept: &Kept, started_in: &[PathBuf]) -> Vec<PathBuf> {
    match kept.get(Name::Roots.key().path) {
        None => started_in.to_vec(),
        Some(Value::Object(of)) if of.len() == 1 => match of.get(STARTED_IN) {
            Some(Value::Null) => started_in.to_vec(),
            Some(only) => {
                let only: Vec<PathBuf> = Vec::deserialize(only).unwrap_or_default();
                common_roots(started_in, &only)
            }
            None => Vec::new(),
        },
        Some(folders) => Vec::deserialize(folders).unwrap_or_default(),
    }
}

fn pairs(kept: &Kept, default: Vec<Pair>) -> Vec<Pair> {
    match read(kept, Name::Ceilings, None::<Vec<String>>) {
        Some(None) => default,
        Some(Some(words)) => words.iter().filter_map(|words| pair_of_words(words)).collect(),
        None => Vec::new(),
    }
}

/// A setting as it is kept; lists in one order, so that the same is kept for the same.
pub(super) fn value(security: &Security, name: Name) -> Option<Value> {
    match name {
        Name::Role => Some(json!(security.role)),
        Name::Answer => Some(json!(security.answer)),
        Name::Roots => {
            let mut roots = security.roots.clone();
            roots.sort();
            Some(json!(roots))
        }
        Name::Ceilings => {
            let allowed = all_pairs()
                .into_iter()
                .filter(|pair| security.ceilings.contains(pair));
            Some(json!(allowed.map(words_of_pair).collect::<Vec<_>>()))
        }
        _ => None,
    }
}
