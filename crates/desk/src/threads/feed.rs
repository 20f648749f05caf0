//! One open thread: what runs in it, and what its window was not told yet. Pure.

use super::last::{Last, fitting, written};
use super::told::{Told, growing};
use super::types::{About, Away, ItemDelta, ThreadChange, ThreadEvent, ThreadItem, ThreadItems, TurnState};
use std::collections::{HashMap, HashSet};
use std::mem;

/// Longest text of an item that runs, in bytes; of a longer one the older part is forgotten until the
/// item is complete, of which a window then takes what `fitting` leaves.
const MOST_TEXT: usize = 4 * 1024 * 1024;
/// Items that run at a time, of which the beginning is kept.
const MOST_RUNNING: usize = 256;

/// A thread as its app-server gave it.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) items: Vec<ThreadItem>,
    pub(super) earlier: bool,
    pub(super) turn: Option<TurnState>,
    pub(super) about: About,
}

/// One open thread.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// Whether a window follows it; without one nothing waits to be told.
    pub(super) followed: bool,
    seq: u64,
    turn: Option<TurnState>,
    about: About,
    /// Items that began and did not end, with what was added since.
    running: Vec<ThreadItem>,
    /// Items that were complete when the thread was taken. Older news of them may still be on its way.
    complete: HashSet<String>,
    /// What ended since the thread was asked for; none while it is not.
    meanwhile: Option<Vec<ThreadItem>>,
    /// Bytes in `meanwhile`.
    meanwhile_bytes: usize,
    /// Whether a turn was told of since the thread was asked for.
    turn_is_new: bool,
    waiting: Waiting,
    notices: u64,
}

/// What a window was not told yet, each item once.
#[derive(Debug, Default)]
struct Waiting {
    reset: Option<ThreadItems>,
    /// In the order in which they were first heard of.
    items: Vec<Change>,
    places: HashMap<String, usize>,
    turn: Option<TurnState>,
    about: Option<About>,
    away: Option<Away>,
    bytes: usize,
}

#[derive(Debug)]
struct Change {
    id: String,
    whole: Option<ThreadItem>,
    delta: String,
}

impl Feed {
    /// The turn that runs.
    pub(super) fn turn(&self) -> Option<&TurnState> {
        self.turn.as_ref().filter(|turn| turn.runs())
    }

    /// How much waits to be told or put together.
    pub(super) fn bytes(&self) -> usize {
        self.waiting.bytes + self.meanwhile_bytes
    }

    /// The thread is asked for: from now on everything is kept that the answer may lack.
    pub(super) fn ask(&mut self) {
        self.meanwhile = Some(Vec::new());
        self.meanwhile_bytes = 0;
        self.turn_is_new = false;
        self.waiting.clear();
    }

    /// The connection on which it was heard of is gone. What ran is no longer sure.
    pub(super) fn lost(&mut self) {
        self.running.clear();
        self.complete.clear();
        self.meanwhile = None;
        self.meanwhile_bytes = 0;
    }

    /// The thread as a window takes it over, with everything that was told since it was asked for.
    pub(super) fn take(&mut self, taken: Taken) -> ThreadItems {
        let mut items = taken.items;
        self.complete = items.iter().map(|item| item.id().to_owned()).collect();
        for item in self.meanwhile.take().unwrap_or_default() {
            match items.iter_mut().find(|known| known.id() == item.id()) {
                Some(known) => *known = item,
                None => items.push(item),
            }
        }
        self.meanwhile_bytes = 0;
        self.running.retain(|item| !self.complete.contains(item.id()));
        items.extend(self.running.iter().cloned().map(fitting));
        let mut last = Last::default();
        items.into_iter().rev().for_each(|item| last.push(item));
        let earlier = taken.earlier || last.left_out();
        if !self.turn_is_new {
            self.turn = taken.turn;
        }
        self.about = About {
            tokens: self.about.tokens.or(taken.about.tokens),
            ..taken.about
        };
        self.waiting.clear();
        ThreadItems {
            seq: self.seq,
            items: last.items(),
            earlier,
            turn: self.turn.clone(),
            about: self.about.clone(),
        }
    }

    /// As [`Feed::take`], for a window that has the thread already.
    pub(super) fn take_again(&mut self, taken: Taken) {
        let whole = self.take(taken);
        if self.followed {
            self.waiting.reset = Some(whole);
        }
    }

    /// Nothing new comes for a while.
    pub(super) fn away(&mut self, why: Away) {
        if self.followed {
            self.waiting.away = Some(why);
        }
    }

    /// Takes in what was told. `bytes` is how long that was.
    pub(super) fn hear(&mut self, told: Told, bytes: usize) {
        match told {
            Told::Running(item) => {
                if !self.complete.contains(item.id()) {
                    self.run(item.clone());
                    self.tell(item, bytes);
                }
            }
            Told::Complete(item) => {
                self.running.retain(|running| running.id() != item.id());
                if let Some(meanwhile) = &mut self.meanwhile {
                    self.meanwhile_bytes += bytes;
                    match meanwhile.iter_mut().find(|known| known.id() == item.id()) {
                        Some(known) => *known = item,
                        None => meanwhile.push(item),
                    }
                } else {
                    self.tell(item, bytes);
                }
            }
            Told::Delta(id, kind, text) => self.add(&id, kind, &text),
            Told::Patch(id, changes) => {
                if let Some(item) = self.running.iter_mut().find(|item| item.id() == id) {
                    item.set("changes", changes);
                    *item = fitting(item.clone());
                    let item = item.clone();
                    self.tell(item, bytes);
                }
            }
            Told::Turn(turn) => {
                if !turn.runs() {
                    // A message that broke off is never told to be complete. A command may still run.
                    self.running.retain(|item| item.kind() == "commandExecution");
                }
                self.turn = Some(turn.clone());
                self.turn_is_new = true;
                if self.tells() {
                    self.waiting.turn = Some(turn);
                }
            }
            Told::Tokens(tokens) => {
                self.about.tokens = Some(tokens);
                if self.tells() {
                    self.waiting.about = Some(self.about.clone());
                }
            }
            Told::Notice(kind, message) => {
                self.notices += 1;
                let id = format!("{kind}:{}", self.notices);
                let item = ThreadItem::made(&id, kind, "message", message.into());
                self.hear(Told::Complete(item), bytes);
            }
            Told::Status | Told::Closed => {}
        }
    }

    /// What the window is to be told, if there is anything.
    pub(super) fn event(&mut self, id: &str) -> Option<ThreadEvent> {
        let changes = self.waiting.changes();
        if changes.is_empty() {
            return None;
        }
        self.seq += 1;
        Some(ThreadEvent {
            id: id.to_owned(),
            seq: self.seq,
            changes,
        })
    }

    /// Whether there is something to tell.
    pub(super) fn has_news(&self) -> bool {
        let waiting = &self.waiting;
        waiting.reset.is_some()
            || !waiting.items.is_empty()
            || waiting.turn.is_some()
            || waiting.about.is_some()
            || waiting.away.is_some()
    }

    /// A thread that was asked for is told whole.
    fn tells(&self) -> bool {
        self.followed && self.meanwhile.is_none()
    }

    fn run(&mut self, item: ThreadItem) {
        if let Some(known) = self.running.iter_mut().find(|known| known.id() == item.id()) {
            *known = item;
            return;
        }
        if self.running.len() >= MOST_RUNNING {
            self.running.remove(0);
        }
        self.running.push(item);
    }

    fn tell(&mut self, item: ThreadItem, bytes: usize) {
        if self.tells() {
            self.waiting.bytes += bytes;
            let place = self.waiting.place(item.id());
            self.waiting.items[place].whole = Some(item);
            self.waiting.items[place].delta.clear();
        }
    }

    fn add(&mut self, id: &str, kind: &str, text: &str) {
        if self.complete.contains(id) {
            return;
        }
        let member = growing(kind);
        if let Some(item) = self.running.iter_mut().find(|item| item.id() == id) {
            item.grow(member, text, MOST_TEXT);
        } else {
            // It began before the thread was opened here: its beginning comes when it is complete.
            let item = ThreadItem::made(id, kind, member, text.into());
            self.run(item.clone());
            self.tell(item, id.len());
            return;
        }
        if self.tells() {
            self.waiting.bytes += written(text);
            let place = self.waiting.place(id);
            self.waiting.items[place].delta.push_str(text);
        }
    }
}

impl Waiting {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn place(&mut self, id: &str) -> usize {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        let place = self.items.len();
        self.places.insert(id.to_owned(), place);
        self.items.push(Change {
            id: id.to_owned(),
            whole: None,
            delta: String::new(),
        });
        place
    }

    fn changes(&mut self) -> Vec<ThreadChange> {
        let all = mem::take(self);
        let mut changes = Vec::new();
        changes.extend(all.reset.map(ThreadChange::Reset));
        for one in all.items {
            changes.extend(one.whole.map(ThreadChange::Item));
            if !one.delta.is_empty() {
                changes.push(ThreadChange::Delta(ItemDelta {
                    item_id: one.id,
                    text: one.delta,
                }));
            }
        }
        changes.extend(all.about.map(ThreadChange::About));
        changes.extend(all.turn.map(ThreadChange::Turn));
        changes.extend(all.away.map(ThreadChange::Away));
        changes
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
