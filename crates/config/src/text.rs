//! Places in a text: byte offsets to lines and columns.

use crate::{Position, TextRange};
use std::ops::Range;

/// A text with the beginnings of its lines.
pub(crate) struct Text<'a> {
    whole: &'a str,
    starts: Vec<usize>,
}

impl<'a> Text<'a> {
    pub(crate) fn new(whole: &'a str) -> Self {
        let starts = std::iter::once(0)
            .chain(whole.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { whole, starts }
    }

    pub(crate) fn whole(&self) -> &'a str {
        self.whole
    }

    /// Nearest character boundary at or before an offset.
    pub(crate) fn floor(&self, at: usize) -> usize {
        self.whole.floor_char_boundary(at)
    }

    /// Index of the line an offset lies in, from 0.
    pub(crate) fn line_at(&self, at: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= at)
            .saturating_sub(1)
    }

    /// Offset of the first byte of a line.
    pub(crate) fn start_of(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.whole.len())
    }

    /// A line without its break.
    pub(crate) fn line(&self, line: usize) -> &'a str {
        let end = self
            .starts
            .get(line + 1)
            .map_or(self.whole.len(), |next| next - 1);
        let text = self.whole.get(self.start_of(line)..end).unwrap_or("");
        text.strip_suffix('\r').unwrap_or(text)
    }

    /// Line and column, both from 1; a column is a character, whatever its bytes and its width.
    pub(crate) fn position(&self, at: usize) -> Position {
        let at = self.floor(at);
        let line = self.line_at(at);
        let before = self.whole.get(self.start_of(line)..at).unwrap_or("");
        // What carries no ink at the very beginning of a file is no column a person counts.
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        Position {
            line: number(line + 1),
            column: number(before.chars().count() + 1),
        }
    }

    /// A range of bytes as data for a person's editor.
    pub(crate) fn range(&self, bytes: &Range<usize>) -> TextRange {
        let start = self.floor(bytes.start);
        let end = self.floor(bytes.end).max(start);
        TextRange {
            start: self.position(start),
            end: self.position(end),
            start_byte: start as u64,
            end_byte: end as u64,
        }
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
