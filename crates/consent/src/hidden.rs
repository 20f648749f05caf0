//! Making hidden characters visible.
//!
//! The writing, which a reader (and the decoder in the tests) can take back to the one text it stands
//! for: `‹U+XXXX NAME›` is that character, `‹CR›` the carriage return before a line break, `‹N SPACES›`
//! and `·` are spaces, `⇥` is a tab, a line break is a line break. The four signs of this writing are
//! themselves written as `‹U+XXXX NAME›` when the text contains them, so no text can imitate a marker.

use crate::confusable::{Reading, poses};
use crate::names;
use std::fmt::Write;

/// Marks stacked on one letter beyond this number are written out: a tall stack covers other lines.
const MARKS_ON_A_LETTER: usize = 2;
/// From this length on a run of spaces is no typing habit and gets marked.
const MARKED_RUN: usize = 3;
/// From this length on a run of spaces is counted instead of drawn.
const COUNTED_RUN: usize = 17;

/// Shows every hidden character of `text`; line breaks stay line breaks. Nothing is left out, and two
/// different texts never give the same result.
#[must_use]
pub fn visible(text: &str) -> String {
    show(text, Breaks::Kept, Blanks::Marked, Reading::Prose)
}

/// As [`visible`], for commands, paths and file contents: also what looks like an ASCII sign and is
/// another (quotes, dashes, slashes) is shown as what it is.
#[must_use]
pub fn visible_code(text: &str) -> String {
    show(text, Breaks::Kept, Blanks::Marked, Reading::Code)
}

/// As [`visible_code`], but on one line: a line break is shown as `‹U+000A LINE FEED›`.
#[must_use]
pub fn visible_line(text: &str) -> String {
    show(text, Breaks::Shown, Blanks::Marked, Reading::Code)
}

/// For output that streams by and on which nothing is decided: hidden characters are shown, spaces,
/// tabs and line breaks stay as they are.
#[must_use]
pub fn inert(text: &str) -> String {
    show(text, Breaks::Kept, Blanks::Kept, Reading::Prose)
}

#[derive(Clone, Copy, PartialEq)]
enum Breaks {
    Kept,
    Shown,
}

#[derive(Clone, Copy, PartialEq)]
enum Blanks {
    Kept,
    Marked,
}

fn show(text: &str, breaks: Breaks, blanks: Blanks, reading: Reading) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let posing = poses(text, reading);
    let mut at = 0;
    let mut rest = text.chars().peekable();
    // How many marks the letter before still carries; `None` when there is no letter to carry any.
    let mut room_for_marks: Option<usize> = None;
    while let Some(c) = rest.next() {
        let mut room = None;
        let poses = posing.get(at).copied().unwrap_or(false);
        at += 1;
        match c {
            '\n' if breaks == Breaks::Kept => out.push('\n'),
            '\r' if breaks == Breaks::Kept && rest.peek() == Some(&'\n') => out.push_str("‹CR›"),
            '\t' if blanks == Blanks::Kept => out.push('\t'),
            '\t' => out.push('⇥'),
            ' ' if blanks == Blanks::Marked => {
                let mut run = 1;
                while rest.next_if_eq(&' ').is_some() {
                    run += 1;
                    at += 1;
                }
                let ends_line = matches!(rest.peek(), None | Some('\n' | '\r'));
                push_spaces(&mut out, run, ends_line);
            }
            '‹' | '·' | '⇥' => push_marker(&mut out, c),
            c if poses => {
                push_marker(&mut out, c);
                room = Some(0);
            }
            c if names::is_mark(c) && !names::hides(c) => match room_for_marks {
                Some(left) if left > 0 => {
                    out.push(c);
                    room = Some(left - 1);
                }
                left => {
                    push_marker(&mut out, c);
                    room = left;
                }
            },
            c if names::hides(c) => push_marker(&mut out, c),
            c => {
                out.push(c);
                room = (c != ' ').then_some(MARKS_ON_A_LETTER);
            }
        }
        room_for_marks = room;
    }
    out
}

fn push_spaces(out: &mut String, run: usize, ends_line: bool) {
    if run >= COUNTED_RUN {
        // Writing to a string cannot fail.
        let _ = write!(out, "‹{run} SPACES›");
    } else {
        let sign = if run >= MARKED_RUN || ends_line { '·' } else { ' ' };
        out.extend(std::iter::repeat_n(sign, run));
    }
}

fn push_marker(out: &mut String, c: char) {
    let _ = write!(out, "‹U+{:04X} {}›", u32::from(c), names::name(c));
}

#[cfg(test)]
mod tests {
    use super::{inert, visible, visible_code, visible_line};
    use proptest::prelude::*;

    /// Takes the writing back to its text: that it can be written down is what makes [`visible`]
    /// injective.
    fn decode(shown: &str) -> String {
        let mut out = String::new();
        let mut rest = shown.chars();
        while let Some(c) = rest.next() {
            match c {
                '‹' => {
                    let inside: String = rest.by_ref().take_while(|c| *c != '›').collect();
                    if inside == "CR" {
                        out.push('\r');
                    } else if let Some(count) = inside.strip_suffix(" SPACES") {
                        out.extend(std::iter::repeat_n(' ', count.parse().unwrap()));
                    } else {
                        let code = inside.strip_prefix("U+").unwrap().split(' ').next().unwrap();
                        out.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
                    }
                }
                '·' => out.push(' '),
                '⇥' => out.push('\t'),
                c => out.push(c),
            }
        }
        out
    }

    #[test]
    fn hidden_characters_are_named() {
        for (text, shown) in [
            ("rm \u{202e}fr-", "rm ‹U+202E RIGHT-TO-LEFT OVERRIDE›fr-"),
            ("a\u{200b}b", "a‹U+200B ZERO WIDTH SPACE›b"),
            ("\u{1b}[31mred", "‹U+001B ESCAPE›[31mred"),
            ("a\u{9b}31m", "a‹U+009B CONTROL SEQUENCE INTRODUCER›31m"),
            ("\u{e0041}\u{e0020}", "‹U+E0041 TAG A›‹U+E0020 TAG SPACE›"),
            ("a\u{fe0f}", "a‹U+FE0F VARIATION SELECTOR-16›"),
            ("\u{e0100}", "‹U+E0100 VARIATION SELECTOR-17›"),
            ("\u{e000}\u{10fffd}", "‹U+E000 PRIVATE USE›‹U+10FFFD PRIVATE USE›"),
            (
                "\u{2028}\u{2029}",
                "‹U+2028 LINE SEPARATOR›‹U+2029 PARAGRAPH SEPARATOR›",
            ),
            (
                "a\u{a0}b\u{3000}c\u{2800}d\u{3164}",
                "a‹U+00A0 NO-BREAK SPACE›b‹U+3000 IDEOGRAPHIC SPACE›c‹U+2800 BRAILLE PATTERN BLANK›d‹U+3164 HANGUL FILLER›",
            ),
            ("\u{ffff}\u{378}", "‹U+FFFF UNASSIGNED›‹U+0378 UNASSIGNED›"),
            ("\u{7f}\0", "‹U+007F DELETE›‹U+0000 NULL›"),
            ("ok\rls", "ok‹U+000D CARRIAGE RETURN›ls"),
            ("a\r\nb\n", "a‹CR›\nb\n"),
            ("\tx", "⇥x"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in [
            "touch t2",
            "/bin/bash -lc 'ls -la | wc'",
            "füße 漢字 עברית 🎉 é e\u{301}",
            "a  b\nc",
            "",
        ] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn what_poses_as_ascii_is_shown_as_what_it_is() {
        assert_eq!(visible("p\u{430}y"), "p‹U+0430 CYRILLIC SMALL LETTER A›y");
        assert_eq!(visible_code("ls \u{2013}la"), "ls ‹U+2013 EN DASH›la");
        assert_eq!(visible("so \u{2013} well"), "so \u{2013} well");
        assert_eq!(visible_line("/etc\u{2044}x"), "/etc‹U+2044 FRACTION SLASH›x");
        assert_eq!(visible("a   \u{430}b"), "a···‹U+0430 CYRILLIC SMALL LETTER A›b");
    }

    #[test]
    fn runs_of_blanks_are_marked() {
        assert_eq!(visible("a  b   c"), "a  b···c");
        assert_eq!(visible("a \nb "), "a·\nb·");
        assert_eq!(
            visible(&format!("ls{}; rm x", " ".repeat(500))),
            "ls‹500 SPACES›; rm x"
        );
    }

    #[test]
    fn a_text_that_looks_like_a_marker_is_told_from_one() {
        assert_eq!(
            visible("‹U+202E RIGHT-TO-LEFT OVERRIDE›"),
            "‹U+2039 SINGLE LEFT-POINTING ANGLE QUOTATION MARK›U+202E RIGHT-TO-LEFT OVERRIDE›"
        );
        assert_eq!(
            visible("·⇥"),
            "‹U+00B7 MIDDLE DOT›‹U+21E5 RIGHTWARDS ARROW TO BAR›"
        );
    }

    #[test]
    fn marks_stack_only_so_high_and_never_on_a_marker() {
        assert_eq!(
            visible("a\u{301}\u{301}\u{301}"),
            "a\u{301}\u{301}‹U+0301 COMBINING ACUTE ACCENT›"
        );
        assert_eq!(
            visible("\n\u{338}x"),
            "\n‹U+0338 COMBINING LONG SOLIDUS OVERLAY›x"
        );
        assert_eq!(
            visible("\u{200b}\u{338}"),
            "‹U+200B ZERO WIDTH SPACE›‹U+0338 COMBINING LONG SOLIDUS OVERLAY›"
        );
    }

    #[test]
    fn one_line_and_streamed_forms() {
        assert_eq!(
            visible_line("a\nb\r\n"),
            "a‹U+000A LINE FEED›b‹U+000D CARRIAGE RETURN›‹U+000A LINE FEED›"
        );
        assert_eq!(inert("a\t    b\u{1b}[2J\n"), "a\t    b‹U+001B ESCAPE›[2J\n");
    }

    /// Text dense in what matters here: the signs of the writing, blanks, hidden characters.
    fn tricky() -> impl Strategy<Value = String> {
        let sign = prop_oneof![
            Just("‹".to_owned()),
            Just("›".to_owned()),
            Just("·".to_owned()),
            Just("⇥".to_owned()),
            Just(" ".to_owned()),
            Just("  ".to_owned()),
            Just("\r".to_owned()),
            Just("\n".to_owned()),
            Just("\t".to_owned()),
            Just("U+202E".to_owned()),
            Just("CR›".to_owned()),
            Just("20 SPACES›".to_owned()),
            Just("\u{301}".to_owned()),
            Just("a".to_owned()),
            any::<char>().prop_map(String::from),
            (0u32..0x3100).prop_map(|c| char::from_u32(c).map(String::from).unwrap_or_default()),
            (1usize..30).prop_map(|n| " ".repeat(n)),
        ];
        proptest::collection::vec(sign, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        // Decoding gives the text back: nothing is lost, and two texts cannot look the same.
        #[test]
        fn nothing_is_lost(text in tricky()) {
            prop_assert_eq!(decode(&visible(&text)), text.clone());
            prop_assert_eq!(decode(&visible_code(&text)), text.clone());
            prop_assert_eq!(decode(&visible_line(&text)), text);
        }

        #[test]
        fn different_texts_look_different(a in tricky(), b in tricky()) {
            prop_assert_eq!(a == b, visible(&a) == visible(&b));
        }

        #[test]
        fn nothing_hidden_is_left(text in tricky()) {
            for c in visible(&text).chars() {
                prop_assert!(c == '\n' || !crate::names::hides(c), "{:?}", c);
            }
            prop_assert!(!visible_line(&text).contains('\n'));
        }
    }
}
