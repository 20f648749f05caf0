//! Secrets do not belong in the file. What looks like one is refused, and what is shown of the file
//! leaves it out.

use crate::text::Text;

/// Parts of a name that say that a secret follows.
const SECRET_WORDS: [&str; 12] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "api_key",
    "api-key",
    "bearer",
    "credential",
    "authorization",
    "private_key",
];

/// Code of the problem that a secret is in the file.
pub(crate) const SECRET: &str = "secret_in_file";
/// What to do about it.
pub(crate) const SECRET_HELP: &str =
    "take it out and give the token to `drawbridge enroll`, which keeps it encrypted";
/// What stands where a secret stood.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Whether a name of a key says that its value is a secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// What is said about a secret in the file.
pub(crate) fn secret_message(name: &str) -> String {
    format!(
        "{} looks like a secret; secrets do not belong in this file",
        crate::words::quoted(name)
    )
}

/// From which byte on a line must not be shown, if it holds something that looks like a secret.
pub(crate) fn secret_from(text: &Text<'_>, line: usize) -> Option<usize> {
    // A value may go on over several lines; look back for the line that began it.
    const FURTHEST: usize = 64;
    let own = text.line(line);
    if let Some(from) = secret_in(own) {
        return Some(from);
    }
    if begins_something(own) {
        return None;
    }
    for before in (line.saturating_sub(FURTHEST)..line).rev() {
        let above = text.line(before);
        if secret_in(above).is_some() {
            return Some(0);
        }
        if begins_something(above) {
            return None;
        }
    }
    None
}

/// Whether a line stands for itself: a key with a value, a section, a comment, nothing.
fn begins_something(line: &str) -> bool {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['[', '#']) {
        return true;
    }
    line.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim();
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'' | ' '))
    })
}

/// Where the secret of one line begins: behind the sign that follows a word such as `token`, or the
/// password of an address.
fn secret_in(line: &str) -> Option<usize> {
    // Only ASCII is lowered, so that offsets stay those of the line.
    let lower = line.to_ascii_lowercase();
    let named = SECRET_WORDS
        .iter()
        .filter_map(|word| {
            let end = lower.find(word)? + word.len();
            let rest = &lower[end..];
            let sign = rest.find(['=', ':']).or_else(|| rest.find(' '))? + 1;
            let blanks = rest[sign..].len() - rest[sign..].trim_start().len();
            Some(end + sign + blanks)
        })
        .min();
    let in_address = line.match_indices("://").find_map(|(at, _)| {
        let from = at + 3;
        let rest = &line[from..];
        let end = rest.find(['/', '"', '\'', ' ', '?', '#']).unwrap_or(rest.len());
        rest[..end].contains('@').then_some(from)
    });
    // What only looks random and long is treated as a token that was put in a wrong place.
    let random = long_random_word(line);
    [named, in_address, random].into_iter().flatten().min()
}

/// Whether a text holds something that looks like a token.
pub(crate) fn looks_random(text: &str) -> bool {
    long_random_word(text).is_some()
}

/// The beginning of a run that looks like a token: long, of letters and digits mixed, no path.
fn long_random_word(line: &str) -> Option<usize> {
    let mut from = 0;
    for word in line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
        if word.len() >= 24 && digits >= 4 && letters >= 4 {
            return Some(from);
        }
        from += word.len();
        from += line[from..].chars().next().map_or(0, char::len_utf8);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> &str {
        let text = Text::new(line);
        &line[..secret_from(&text, 0).unwrap_or(line.len())]
    }

    #[test]
    fn what_looks_like_a_secret_is_cut_off() {
        for (line, kept) in [
            ("token = \"abc\"", "token ="),
            ("mcp_token=\"abc\"", "mcp_token="),
            ("x = { API_KEY = \"abc\" }", "x = { API_KEY ="),
            ("api = \"https://me:pass@bus\"", "api = \"https://"),
            (
                "url = \"https://bus/mcp?token=abc\"",
                "url = \"https://bus/mcp?token=",
            ),
            ("id = \"a1b2c3d4e5f6a1b2c3d4e5f6\"", "id = \""),
        ] {
            assert!(
                kept.starts_with(shown(line).trim_end()),
                "{line}: {}",
                shown(line)
            );
            assert!(!shown(line).contains("abc"), "{line}");
        }
        for line in [
            "role = \"operator\"",
            "roots = [\"/home/somebody/a-rather-long-folder-name\"]",
            "ü = \"ä\"",
        ] {
            assert_eq!(shown(line), line);
        }
    }

    #[test]
    fn a_secret_over_several_lines_is_hidden_on_each() {
        let text = Text::new("token = \"\"\"\nfirst\nsecond\"\"\"\nrole = 1\nother\n");
        assert_eq!(secret_from(&text, 1), Some(0));
        assert_eq!(secret_from(&text, 2), Some(0));
        assert_eq!(secret_from(&text, 3), None);
        assert_eq!(secret_from(&text, 4), None);
    }
}
