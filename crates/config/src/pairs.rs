//! Pairs of approval policy and sandbox as the file writes them: `on-request + read-only`.

use drawbridge_core::verdict::ceiling::{Pair, Policy, Sandbox};

/// Every pair a remote can ever have, the widest first.
#[must_use]
pub fn all_pairs() -> [Pair; 4] {
    let pair = |policy, sandbox| Pair { policy, sandbox };
    [
        pair(Policy::OnRequest, Sandbox::WorkspaceWrite),
        pair(Policy::OnRequest, Sandbox::ReadOnly),
        pair(Policy::Untrusted, Sandbox::WorkspaceWrite),
        pair(Policy::Untrusted, Sandbox::ReadOnly),
    ]
}

/// A pair as the file writes it.
#[must_use]
pub fn words_of_pair(pair: Pair) -> String {
    format!("{} + {}", pair.policy.as_str(), pair.sandbox.mode())
}

/// A pair from the file; blanks around the plus do not matter.
#[must_use]
pub fn pair_of_words(text: &str) -> Option<Pair> {
    let (policy, sandbox) = text.split_once('+')?;
    let (policy, sandbox) = (policy.trim(), sandbox.trim());
    all_pairs()
        .into_iter()
        .find(|pair| pair.policy.as_str() == policy && pair.sandbox.mode() == sandbox)
}

/// Pairs as a list of words, for records.
pub(crate) mod as_words {
    use super::{Pair, pair_of_words, words_of_pair};
    use serde::{Deserialize as _, Serialize as _};

    pub(crate) fn serialize<S: serde::Serializer>(pairs: &[Pair], serializer: S) -> Result<S::Ok, S::Error> {
        let words: Vec<String> = pairs.iter().map(|pair| words_of_pair(*pair)).collect();
        words.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Pair>, D::Error> {
        // A pair this version does not know is left out: fewer pairs is narrower.
        let words = Vec::<String>::deserialize(deserializer)?;
        Ok(words.iter().filter_map(|text| pair_of_words(text)).collect())
    }
}
