//! The line of a problem, as a terminal can show it.

use crate::secrets::{HIDDEN, secret_from};
use crate::text::Text;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use unicode_width::UnicodeWidthStr as _;

/// Widest line shown, in columns of a terminal.
const WIDEST: usize = 100;
/// How much of a long line stands before the place.
const BEFORE: usize = 40;
/// How many characters around the place are looked at.
const NEAR: usize = 240;
/// Distance of tab stops.
const TAB: usize = 4;

/// A line of a file with a place underlined: tabs and hidden characters written out, long lines cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// Number of the line.
    pub line: u32,
    /// The line, safe to print.
    pub text: String,
    /// Terminal columns before the underline.
    pub skip: usize,
    /// Width of the underline, at least 1.
    pub width: usize,
}

/// What one character of the line becomes.
struct Cell {
    shown: String,
    width: usize,
    marked: bool,
}

impl Excerpt {
    /// The line in which a range of bytes begins; a range over several lines is underlined on its first.
    pub(crate) fn new(text: &Text<'_>, range: &Range<usize>) -> Self {
        let start = text.floor(range.start);
        let index = text.line_at(start);
        let line = text.line(index);
        let base = text.start_of(index);
        let marked = start - base..text.floor(range.end).max(start).saturating_sub(base);
        let secret = secret_from(text, index).unwrap_or(line.len());
        let (cells, cut_before, cut_after) = cells(line, &marked, secret);
        let line = u32::try_from(index + 1).unwrap_or(u32::MAX);
        Self::from_cells(line, &cells, cut_before, cut_after)
    }

    fn from_cells(line: u32, cells: &[Cell], mut cut_before: bool, mut cut_after: bool) -> Self {
        let first = cells.iter().position(|cell| cell.marked).unwrap_or(cells.len());
        let total: usize = cells.iter().map(|cell| cell.width).sum();
        let mut from = 0;
        let mut to = cells.len();
        if total > WIDEST {
            let mut room = BEFORE;
            from = first;
            while from > 0 && cells[from - 1].width <= room {
                from -= 1;
                room -= cells[from].width;
            }
            let mut room = WIDEST;
            to = from;
            while to < cells.len() && cells[to].width <= room {
                room -= cells[to].width;
                to += 1;
            }
            cut_before |= from > 0;
            cut_after |= to < cells.len();
        }
        let mut text = String::new();
        let mut skip = usize::from(cut_before);
        let mut width = 0;
        if cut_before {
            text.push('…');
        }
        for (at, cell) in cells.iter().enumerate().take(to).skip(from) {
            text.push_str(&cell.shown);
            if at < first {
                skip += cell.width;
            } else if cell.marked {
                width += cell.width;
            }
        }
        if cut_after {
            text.push('…');
        }
        Self {
            line,
            text: text.trim_end().to_owned(),
            skip,
            width: width.max(1),
        }
    }
}

/// The characters near the place, and whether some before and after them were left out.
fn cells(line: &str, marked: &Range<usize>, secret: usize) -> (Vec<Cell>, bool, bool) {
    let from = line[..marked.start.min(line.len())]
        .char_indices()
        .rev()
        .nth(NEAR)
        .map_or(0, |(at, _)| at);
    let mut cells: Vec<Cell> = Vec::new();
    let mut column = 0;
    let mut cut_after = false;
    for (count, (at, c)) in line[from..].char_indices().enumerate() {
        let at = from + at;
        if count > 2 * NEAR {
            cut_after = true;
            break;
        }
        let inside = (marked.start..marked.end.max(marked.start + 1)).contains(&at);
        if at >= secret {
            // The whole rest is one word; it is underlined when the place lies in it.
            cells.push(Cell {
                shown: HIDDEN.to_owned(),
                width: HIDDEN.len(),
                marked: inside || marked.start >= at,
            });
            break;
        }
        let (shown, width) = shown(c, at == 0, column);
        column += width;
        cells.push(Cell {
            shown,
            width,
            marked: inside,
        });
    }
    (cells, from > 0, cut_after)
}

fn shown(c: char, first: bool, column: usize) -> (String, usize) {
    match c {
        '\t' => {
            let width = TAB - column % TAB;
            (" ".repeat(width), width)
        }
        '\u{feff}' if first => (String::new(), 0),
        ' '..='~' => (c.to_string(), 1),
        _ => {
            let shown = drawbridge_consent::inert(c.encode_utf8(&mut [0; 4]));
            let width = shown.width();
            (shown, width)
        }
    }
}
