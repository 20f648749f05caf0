//! A file's change line by line.

use crate::hidden::visible_code;

/// What a line of a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Comes.
    Added,
    /// Goes.
    Removed,
    /// Stays.
    Context,
    /// Where in the file the next lines are.
    Place,
    /// About the file, or about the line before: a mode, a missing line break at the end.
    About,
}

/// One line, safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// What it is.
    pub kind: LineKind,
    /// Whole, with its sign in front where it has one.
    pub text: String,
}

/// All lines, and what they amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Lines that come.
    pub added: usize,
    /// Lines that go.
    pub removed: usize,
    /// Whether it holds what is no text.
    pub binary: bool,
    /// Every line.
    pub lines: Vec<DiffLine>,
}

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A unified difference.
    Unified,
    /// A whole file that comes.
    New,
    /// A whole file that goes.
    Old,
}

/// What a file's new mode means, where a difference names one.
pub(crate) fn mode_change(diff: &str) -> Option<(String, String)> {
    let mode = |word: &str| {
        let line = diff.lines().take_while(|line| !line.starts_with("@@"));
        line.filter_map(|line| line.strip_prefix(word)).next()
    };
    Some((mode("old mode ")?.to_owned(), mode("new mode ")?.to_owned()))
}

impl Diff {
    pub(crate) fn read(text: &str, form: Form) -> Self {
        let mut diff = Self {
            added: 0,
            removed: 0,
            binary: text.contains('\0') || text.contains('\u{fffd}'),
            lines: Vec::new(),
        };
        // Before the first place everything is about the file, as git and patch write it.
        let placed = text.lines().any(|line| line.starts_with("@@"));
        let mut inside = !placed;
        let whole = text.strip_suffix('\n').unwrap_or(text);
        for line in whole.split('\n') {
            let kind = match form {
                Form::New => LineKind::Added,
                Form::Old => LineKind::Removed,
                Form::Unified => {
                    inside |= line.starts_with("@@");
                    match line.chars().next() {
                        Some('@') if line.starts_with("@@") => LineKind::Place,
                        _ if !inside => LineKind::About,
                        Some('+') => LineKind::Added,
                        Some('-') => LineKind::Removed,
                        Some('\\') => LineKind::About,
                        _ => LineKind::Context,
                    }
                }
            };
            match kind {
                LineKind::Added => diff.added += 1,
                LineKind::Removed => diff.removed += 1,
                LineKind::Context | LineKind::Place | LineKind::About => {}
            }
            diff.lines.push(DiffLine {
                kind,
                text: visible_code(line),
            });
        }
        if form != Form::Unified && !text.ends_with('\n') {
            diff.lines.push(DiffLine {
                kind: LineKind::About,
                text: "No line break at the end".to_owned(),
            });
        }
        diff
    }
}

#[cfg(test)]
mod tests {
    use super::{Diff, Form, LineKind, mode_change};
    use proptest::prelude::*;

    #[test]
    fn lines_are_told_apart() {
        let diff = Diff::read(
            "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n@@ -1,2 +1,2 @@ fn\n a\n-b\n+c\u{202e}\n\\ No newline at end of file",
            Form::Unified,
        );
        let kinds: Vec<LineKind> = diff.lines.iter().map(|line| line.kind).collect();
        use LineKind::{About, Added, Context, Place, Removed};
        assert_eq!(
            kinds,
            [About, About, About, Place, Context, Removed, Added, About]
        );
        assert_eq!((diff.added, diff.removed, diff.binary), (1, 1, false));
        assert_eq!(diff.lines[6].text, "+c‹U+202E RIGHT-TO-LEFT OVERRIDE›");
    }

    #[test]
    fn a_line_before_the_first_place_is_no_change() {
        let diff = Diff::read("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", Form::Unified);
        assert_eq!((diff.added, diff.removed), (1, 1));
        let bare = Diff::read("-a\n+b\n", Form::Unified);
        assert_eq!((bare.added, bare.removed), (1, 1), "some write no place at all");
    }

    #[test]
    fn whole_files_come_and_go() {
        let new = Diff::read("a\n-b\n", Form::New);
        assert_eq!((new.added, new.removed, new.lines.len()), (2, 0, 2));
        let old = Diff::read("a", Form::Old);
        assert_eq!((old.added, old.removed), (0, 1));
        assert!(Diff::read("\0ELF", Form::New).binary);
    }

    #[test]
    fn modes_are_named() {
        let text = "old mode 100644\nnew mode 100755\n@@ -1 +1 @@\n";
        assert_eq!(
            mode_change(text),
            Some(("100644".to_owned(), "100755".to_owned()))
        );
        assert_eq!(
            mode_change("@@ -1 +1 @@\nold mode 1\nnew mode 2"),
            None,
            "content is no mode"
        );
    }

    proptest! {
        #[test]
        fn no_line_is_left_out(text in "[-+@ a\\n]{0,60}") {
            let diff = Diff::read(&text, Form::Unified);
            let whole = text.strip_suffix('\n').unwrap_or(&text);
            prop_assert_eq!(diff.lines.len(), whole.split('\n').count());
        }
    }
}
