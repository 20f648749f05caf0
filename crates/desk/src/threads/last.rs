//! How much of a thread a window takes: its last items, and of an item that is too long its end.

use super::types::ThreadItem;
use serde_json::{Map, Value};

/// Most items of a thread that are shown.
const MOST_ITEMS: usize = 1000;
/// About how many bytes of them, as they are written to the windows' process.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// The same of one item.
const MOST_OF_ONE: usize = 8 * 1024 * 1024;
/// Texts that may be long by nature, and of which the end says most.
const LONG: [&str; 2] = ["aggregatedOutput", "text"];

/// The last items of a thread, put together from the newest on.
#[derive(Debug, Default)]
pub(super) struct Last {
    newest_first: Vec<ThreadItem>,
    bytes: usize,
    left_out: bool,
}

impl Last {
    /// Takes the next older one, if there is room for it.
    pub(super) fn push(&mut self, item: ThreadItem) {
        let bytes = self.bytes + item.weight();
        self.left_out |= self.is_full() || (bytes > MOST_BYTES && !self.is_empty());
        if !self.left_out {
            self.bytes = bytes;
            self.newest_first.push(item);
        }
    }

    /// Whether there is room for no more.
    pub(super) fn is_full(&self) -> bool {
        self.left_out || self.newest_first.len() >= MOST_ITEMS || self.bytes >= MOST_BYTES
    }

    /// Whether one was left out for want of room.
    pub(super) fn left_out(&self) -> bool {
        self.left_out
    }

    pub(super) fn is_empty(&self) -> bool {
        self.newest_first.is_empty()
    }

    /// Oldest first.
    pub(super) fn items(mut self) -> Vec<ThreadItem> {
        self.newest_first.reverse();
        self.newest_first
    }
}

/// An item that a window can take: of a text that is too long its end; where that is not enough, a word in its place.
pub(super) fn fitting(mut item: ThreadItem) -> ThreadItem {
    let whole = item.weight();
    if whole <= MOST_OF_ONE {
        return item;
    }
    for member in LONG {
        let text = item.text(member);
        if written(text) > MOST_OF_ONE / 2 {
            let end = end_of(text, MOST_OF_ONE / 2);
            let left_out = (text.len() - end.len()).div_ceil(1_000_000);
            let shown = format!("[{left_out} MB before this are not shown here]\n{end}");
            item.set(member, shown.into());
        }
    }
    if item.weight() <= MOST_OF_ONE {
        return item;
    }
    let megabytes = whole.div_ceil(1_000_000);
    let said = format!(
        "An item of {megabytes} MB ({}) is too long to be shown here.",
        item.kind()
    );
    ThreadItem::said(item.id(), said)
}

/// The longest end of a text that is written in so many bytes.
fn end_of(text: &str, most: usize) -> &str {
    let mut left = most;
    let fits = |c: &char| {
        let bytes = width(*c);
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    let length: usize = text.chars().rev().take_while(fits).map(char::len_utf8).sum();
    text.get(text.len() - length..).unwrap_or_default()
}

/// How many bytes a value is written in, as JSON; about.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => written(text),
        Value::Array(each) => each.iter().map(|one| weight(one) + 1).sum::<usize>() + 2,
        Value::Object(members) => weight_of(members),
        _ => 8,
    }
}

/// The same of the members of an object.
pub(super) fn weight_of(members: &Map<String, Value>) -> usize {
    let of_one = |(name, one): (&String, &Value)| written(name) + weight(one) + 2;
    members.iter().map(of_one).sum::<usize>() + 2
}

/// How many bytes a text is written in, as JSON.
pub(super) fn written(text: &str) -> usize {
    text.chars().map(width).sum::<usize>() + 2
}

fn width(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Last, MOST_BYTES, MOST_ITEMS, MOST_OF_ONE, fitting};
    use crate::threads::types::ThreadItem;
    use serde_json::{Value, json};

    fn item(id: &str, text: &str) -> ThreadItem {
        ThreadItem::of(json!({"id": id, "type": "agentMessage", "text": text})).unwrap()
    }

    fn command(output: &str) -> ThreadItem {
        ThreadItem::of(
            json!({"id": "c", "type": "commandExecution", "command": "x", "aggregatedOutput": output}),
        )
        .unwrap()
    }

    #[test]
    fn the_last_items_are_taken_in_order_until_there_is_no_room() {
        let mut last = Last::default();
        for n in 0..MOST_ITEMS {
            last.push(item(&n.to_string(), "short"));
        }
        assert!(last.is_full() && !last.left_out());
        last.push(item("older", "short"));
        assert!(last.left_out());
        let items = last.items();
        assert_eq!(items.len(), MOST_ITEMS);
        assert_eq!((items[0].id(), items[MOST_ITEMS - 1].id()), ("999", "0"));
    }

    #[test]
    fn what_is_taken_is_bounded_in_bytes_however_it_is_written() {
        // Each of these is written in six bytes.
        let text = "\u{1b}".repeat(MOST_OF_ONE / 8);
        let mut last = Last::default();
        for n in 0..5 {
            last.push(item(&n.to_string(), &text));
        }
        assert!(last.is_full());
        let items = last.items();
        assert!(!items.is_empty());
        assert!(serde_json::to_string(&items).unwrap().len() <= MOST_BYTES + MOST_BYTES / 8);
    }

    #[test]
    fn of_a_text_that_is_too_long_its_end_is_shown_and_how_much_is_not() {
        let output = format!("{}the end", "ä\u{1b}".repeat(2_000_000));
        let cut = fitting(command(&output));
        let shown = cut.text("aggregatedOutput");
        assert!(
            shown.starts_with("[5 MB before this are not shown here]\n"),
            "{:?}",
            &shown[..60]
        );
        assert!(shown.ends_with("\u{1b}the end"));
        assert!(serde_json::to_string(&cut).unwrap().len() <= MOST_OF_ONE);
        assert_eq!(cut.text("command"), "x");
    }

    #[test]
    fn what_is_too_long_in_another_way_leaves_a_word_in_its_place() {
        let changes: Vec<Value> = (0..100_000)
            .map(|n| json!({"path": format!("/w/{n}"), "diff": "-a\n+b\n".repeat(8)}))
            .collect();
        let long = ThreadItem::of(json!({"id": "f", "type": "fileChange", "changes": changes})).unwrap();
        assert_eq!((long.id(), long.kind()), ("f", "notice"));
        assert_eq!(
            long.text("message"),
            "An item of 10 MB (fileChange) is too long to be shown here."
        );
    }

    #[test]
    fn what_fits_stays_as_it_came() {
        let one = command(&"x".repeat(1_000_000));
        assert_eq!(fitting(one.clone()), one);
    }
}
