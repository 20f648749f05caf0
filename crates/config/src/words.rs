//! Quoting foreign words in messages.

use crate::secrets::looks_random;

/// Longest foreign word in a message.
const LONGEST: usize = 60;

/// A foreign word in back quotes: one line, nothing hidden, not endless.
pub(crate) fn quoted(word: &str) -> String {
    if looks_random(word) {
        return crate::secrets::HIDDEN.to_owned();
    }
    let mut short: String = word.chars().take(LONGEST).collect();
    if short.len() < word.len() {
        short.push('…');
    }
    // Single blanks are no secret sign; only what a person cannot see is written out.
    format!("`{}`", inert_line(&short))
}

/// A text on one line with every hidden character shown.
pub(crate) fn inert_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, part) in text.split(['\n', '\t']).enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(&drawbridge_consent::inert(part));
    }
    out
}

/// `a`, `b` or `c`, each in quotes.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
