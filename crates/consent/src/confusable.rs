//! Characters that look like plain ASCII and are something else.

use std::collections::HashSet;
use std::sync::LazyLock;
use unicode_script::{Script, UnicodeScript};
use unicode_security::confusable_detection::skeleton;

/// How much of that matters in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Sentences: only letters of other scripts that pose as Latin ones. Typographic quotes and dashes are
    /// what people write.
    Prose,
    /// Commands, paths, names: anything that looks like ASCII and is not.
    Code,
}

/// For each character whether it poses as ASCII.
///
/// A letter poses when it stands in a word with ASCII letters, or in a word that is made of such letters
/// only; a word of another script that nobody would take for Latin stays as it is.
pub(crate) fn poses(text: &str, reading: Reading) -> Vec<bool> {
    let chars: Vec<char> = text.chars().collect();
    if text.is_ascii() {
        return vec![false; chars.len()];
    }
    let mut out: Vec<bool> = chars
        .iter()
        .map(|c| reading == Reading::Code && !c.is_alphanumeric() && looks_ascii(*c))
        .collect();
    let mut start = 0;
    while start < chars.len() {
        let len = chars[start..].iter().take_while(|c| in_word(**c)).count();
        if len == 0 {
            start += 1;
            continue;
        }
        let word = &chars[start..start + len];
        let latin = word.iter().any(char::is_ascii_alphabetic);
        let all_pose = word.iter().all(|c| !c.is_alphabetic() || looks_ascii(*c));
        if latin || all_pose {
            for (at, c) in word.iter().enumerate() {
                let foreign = reading == Reading::Code || c.script() != Script::Latin;
                out[start + at] = c.is_alphanumeric() && foreign && looks_ascii(*c);
            }
        }
        start += len;
    }
    out
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether readers take it for one ASCII character: both have the same skeleton (UTS #39).
fn looks_ascii(c: char) -> bool {
    static OF_ASCII: LazyLock<HashSet<String>> = LazyLock::new(|| ('!'..='~').map(skeleton_of).collect());
    !c.is_ascii() && OF_ASCII.contains(&skeleton_of(c))
}

fn skeleton_of(c: char) -> String {
    skeleton(c.encode_utf8(&mut [0; 4])).collect()
}

#[cfg(test)]
mod tests {
    use super::{Reading, poses};

    fn posing(text: &str, reading: Reading) -> String {
        let found = text.chars().zip(poses(text, reading));
        found.filter(|(_, poses)| *poses).map(|(c, _)| c).collect()
    }

    #[test]
    fn letters_that_pose_are_found_and_other_scripts_are_left_alone() {
        for (text, code, prose) in [
            ("plain ascii; rm -rf /", "", ""),
            ("p\u{430}ypal", "\u{430}", "\u{430}"),
            (
                "\u{440}\u{430}\u{443}",
                "\u{440}\u{430}\u{443}",
                "\u{440}\u{430}\u{443}",
            ),
            ("привет мир", "", ""),
            ("größe naïve café", "", ""),
            ("漢字 עברית", "", ""),
            ("gіt", "і", "і"),
            ("kapal\u{131}", "\u{131}", ""),
            (
                "\u{2018}quoted\u{2019} \u{2013} so",
                "\u{2018}\u{2019}\u{2013}",
                "",
            ),
            ("a\u{ff0f}b\u{2044}c\u{37e}", "\u{ff0f}\u{2044}\u{37e}", ""),
            ("ｒｍ", "ｒｍ", ""),
        ] {
            assert_eq!(posing(text, Reading::Code), code, "{text}");
            assert_eq!(posing(text, Reading::Prose), prose, "{text}");
        }
    }
}
