//! "Did you mean".

use crate::{KEYS, Key};

/// The word that was probably meant: near enough that the guess is worth a line.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing is quadratic in the length, and a long word is no slip of the pen.
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let plain = plain(word);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&plain, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The key that was probably meant by `leaf` in `section` (`""` is the top of the file).
pub(crate) fn nearest_key(section: &str, leaf: &str) -> Option<&'static Key> {
    let here = || KEYS.iter().filter(|key| key.section() == section);
    if let Some(found) = nearest(leaf, here().map(Key::leaf)) {
        return here().find(|key| key.leaf() == found);
    }
    // The right key in the wrong place, also written as the flag or the setting of another tool is.
    let plain = plain(leaf);
    KEYS.iter()
        .find(|key| key.leaf() == plain || key.path.replace('.', "_") == plain)
        .or_else(|| {
            KEYS.iter()
                .find(|key| key.flag.is_some_and(|flag| flag[2..].replace('-', "_") == plain))
        })
        .or_else(|| {
            let found = nearest(leaf, KEYS.iter().map(Key::leaf).filter(|leaf| leaf.len() > 4))?;
            KEYS.iter().find(|key| key.leaf() == found)
        })
}

/// Sections in the order of the table.
pub(crate) fn sections() -> Vec<&'static str> {
    let mut out: Vec<&'static str> = KEYS.iter().map(Key::section).collect();
    out.dedup();
    out
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace(['-', ' '], "_")
}

fn allowed(candidate: &str) -> usize {
    match candidate.len() {
        0..=2 => 0,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    }
}

/// [`nearest`] among words that may hold dashes.
pub(crate) fn nearest_exact(word: &str, candidates: &[&'static str]) -> Option<&'static str> {
    let dashed = |word: &str| word.replace('-', "_");
    let plain: Vec<String> = candidates.iter().map(|word| dashed(word)).collect();
    let found = nearest(word, plain.iter().map(String::as_str))?.to_owned();
    candidates.iter().copied().find(|word| dashed(word) == found)
}
