//! What a person last confirmed, as the vault keeps it: the key as the file writes it, and its value.

use drawbridge_config::{Name, Security, all_pairs, pair_of_words, words_of_pair};
use drawbridge_core::verdict::ceiling::Pair;
use drawbridge_wire::buses::ConfirmedState;
use drawbridge_wire::{Role, WhoMayAnswer};
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
                roots: read(kept, Name::Roots, default.roots).unwrap_or_default(),
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

fn pairs(kept: &Kept, default: Vec<Pair>) -> Vec<Pair> {
    match read(kept, Name::Ceilings, None::<Vec<String>>) {
        Some(None) => default,
        Some(Some(words)) => words.iter().filter_map(|words| pair_of_words(words)).collect(),
        None => Vec::new(),
    }
}

/// A setting as it is kept.
pub(super) fn value(security: &Security, name: Name) -> Option<Value> {
    let words = |pair: &Pair| words_of_pair(*pair);
    match name {
        Name::Role => Some(json!(security.role)),
        Name::Answer => Some(json!(security.answer)),
        Name::Roots => Some(json!(security.roots)),
        Name::Ceilings => Some(json!(security.ceilings.iter().map(words).collect::<Vec<_>>())),
        _ => None,
    }
}
