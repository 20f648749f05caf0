//! How many lines of the record one connection may fill with what was refused to it, and all connections
//! of one bus together with their coming and going. What a person or a rule decided about an approval is no
//! such line and is never left out.

use super::{Hub, now_ms};
use crate::event::{Caller, ConnectionId};
use drawbridge_audit::Entry;
use std::collections::BTreeMap;

/// How many lines there are.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// At once.
    lines: u32,
    /// How long it takes to get one back.
    one_back_ms: u64,
}

impl Size {
    /// How long one that had all its lines waits for new ones.
    fn all_back_ms(self) -> u64 {
        u64::from(self.lines) * self.one_back_ms
    }
}

/// Of one connection.
const ONE: Size = Size {
    lines: 20,
    one_back_ms: 3000,
};
/// Of all remotes of one bus, or of all that one socket turned away: a bus's tunnels may come together,
/// but who comes again and again must not fill the disk.
const TOGETHER: Size = Size {
    lines: 200,
    one_back_ms: 1000,
};
/// What a connection that was opened is counted as.
const OPENED: &str = "connection_opened";
/// Most rules told apart while counting. There are fewer; this is for the day when there are not.
const MOST_RULES: usize = 64;

/// A bucket of lines. Empty, it only counts until it is full again, and then says what it counted.
#[derive(Debug)]
pub(crate) struct Lines {
    size: Size,
    left: u32,
    /// When `left` was right.
    at_ms: u64,
    /// Since when it only counts.
    empty_at_ms: Option<u64>,
    left_out: BTreeMap<String, u64>,
}

impl Lines {
    pub(super) fn new(now_ms: u64) -> Self {
        Self::of(ONE, now_ms)
    }

    fn of(size: Size, now_ms: u64) -> Self {
        Self {
            size,
            left: size.lines,
            at_ms: now_ms,
            empty_at_ms: None,
            left_out: BTreeMap::new(),
        }
    }

    /// Whether there is a line for this; if not, it is counted.
    pub(super) fn take(&mut self, rule: &str, now_ms: u64) -> bool {
        let line = self.line(now_ms);
        if !line {
            self.leave_out(rule, 1);
        }
        line
    }

    /// Whether there is a line.
    fn line(&mut self, now_ms: u64) -> bool {
        if self.empty_at_ms.is_some() {
            return false;
        }
        let Size { lines, one_back_ms } = self.size;
        let back = now_ms.saturating_sub(self.at_ms) / one_back_ms;
        self.left = lines.min(self.left.saturating_add(u32::try_from(back).unwrap_or(lines)));
        self.at_ms = self.at_ms.saturating_add(back * one_back_ms).min(now_ms);
        if self.left > 0 {
            self.left -= 1;
            return true;
        }
        self.empty_at_ms = Some(now_ms);
        false
    }

    fn leave_out(&mut self, rule: &str, count: u64) {
        let known = self.left_out.len() < MOST_RULES || self.left_out.contains_key(rule);
        let rule = if known { rule } else { "other" };
        *self.left_out.entry(rule.to_owned()).or_default() += count;
    }

    /// When it will be full again, if it only counts now.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.empty_at_ms
            .map(|since| since.saturating_add(self.size.all_back_ms()))
    }

    /// What was left out, by rule, once it is full again.
    pub(super) fn refilled(&mut self, now_ms: u64) -> BTreeMap<String, u64> {
        match self.empty_at_ms {
            // A clock that was set back must not make it wait for longer.
            Some(since) if now_ms < since || now_ms - since >= self.size.all_back_ms() => {
                let told = std::mem::take(&mut self.left_out);
                *self = Self::of(self.size, now_ms);
                told
            }
            _ => BTreeMap::new(),
        }
    }

    /// What was left out and not told yet.
    pub(super) fn end(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.left_out)
    }
}

/// Lines that several connections share: those of a bus, or those turned away at a socket.
#[derive(Debug, Default)]
pub(crate) struct Shared(BTreeMap<String, Lines>);

impl Shared {
    fn of(&mut self, whose: &str, now_ms: u64) -> &mut Lines {
        // Few: enrolled buses and our own sockets.
        self.0
            .entry(whose.to_owned())
            .or_insert_with(|| Lines::of(TOGETHER, now_ms))
    }
}

impl Hub {
    /// Records that a connection was opened, or counts it. Whether it has its line.
    pub(super) fn record_opened(&mut self, bus: Option<&str>, entry: &Entry) -> bool {
        let line = bus.is_none_or(|bus| self.shared.of(bus, now_ms()).take(OPENED, now_ms()));
        if line {
            self.record(entry);
        }
        line
    }

    /// Records that somebody was turned away at a socket, or counts it.
    pub(super) fn record_turned_away(&mut self, door: &str, why: &str, entry: &Entry) {
        if self.shared.of(door, now_ms()).take(why, now_ms()) {
            self.record(entry);
        }
    }

    /// Records something that was refused to a connection, or counts it.
    pub(super) fn record_refusal(&mut self, connection: ConnectionId, rule: &str, entry: &Entry) {
        let now = now_ms();
        let Some(client) = self.clients.get_mut(&connection) else {
            return self.record(entry);
        };
        if !client.lines.take(rule, now) {
            return;
        }
        let shared = match &client.caller {
            Caller::Remote { bus, .. } => Some(self.shared.of(bus, now)),
            Caller::Local => None,
        };
        let Some(shared) = shared else {
            return self.record(entry);
        };
        // Who has no line of its own is named before what was refused to it.
        let opened = client.unrecorded.as_ref().filter(|_| shared.line(now)).cloned();
        let named = client.unrecorded.is_none() || opened.is_some();
        if !(named && shared.line(now)) {
            shared.leave_out(rule, 1);
        } else {
            client.unrecorded = None;
            if let Some(opened) = opened {
                self.record(&opened);
            }
            self.record(entry);
        }
    }

    /// Records how much was left out of a connection.
    pub(super) fn record_left_out(&mut self, connection: ConnectionId, left_out: BTreeMap<String, u64>) {
        let now = now_ms();
        for (rule, count) in left_out {
            let shared = match self.clients.get(&connection) {
                Some(client) => match &client.caller {
                    Caller::Remote { bus, .. } => Some((client.unrecorded.is_none(), bus)),
                    Caller::Local => None,
                },
                None => None,
            };
            if let Some((named, bus)) = shared {
                let shared = self.shared.of(bus, now);
                if !(named && shared.line(now)) {
                    shared.leave_out(&rule, count);
                    continue;
                }
            }
            self.record(&Entry::RefusalsLeftOut {
                connection,
                rule,
                count,
            });
        }
    }

    /// When the next one has its lines back.
    pub(super) fn lines_due_ms(&self) -> Option<u64> {
        let connections = self.clients.values().map(|client| &client.lines);
        connections
            .chain(self.shared.0.values())
            .filter_map(Lines::due_ms)
            .min()
    }

    /// Says of those that have their lines back what was left out.
    pub(super) fn refill_lines(&mut self, now_ms: u64) {
        self.tell_left_out(|lines| lines.refilled(now_ms));
    }

    /// Says what was left out and not told yet.
    pub(super) fn end_lines(&mut self) {
        self.tell_left_out(Lines::end);
    }

    fn tell_left_out(&mut self, told: impl Fn(&mut Lines) -> BTreeMap<String, u64>) {
        let of_one: Vec<_> = self
            .clients
            .iter_mut()
            .map(|(connection, client)| (*connection, told(&mut client.lines)))
            .filter(|(_, left_out)| !left_out.is_empty())
            .collect();
        for (connection, left_out) in of_one {
            self.record_left_out(connection, left_out);
        }
        let together: Vec<_> = self
            .shared
            .0
            .iter_mut()
            .map(|(whose, lines)| (whose.clone(), told(lines)))
            .collect();
        for (whose, left_out) in together {
            for (what, count) in left_out {
                let whose = whose.clone();
                self.record(&Entry::LeftOut { whose, what, count });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_flood_gets_its_lines_and_then_one_for_the_rest() {
        let mut lines = Lines::new(0);
        let written = (0..1000).filter(|_| lines.take("role", 10)).count();
        assert_eq!(written, 20);
        assert!(
            !lines.take("wide_thread", 59_000),
            "it only counts until it is full"
        );
        let due = lines.due_ms().unwrap();
        assert_eq!(due, 10 + ONE.all_back_ms());
        assert!(lines.refilled(due - 1).is_empty());
        let told: Vec<_> = lines.refilled(due).into_iter().collect();
        assert_eq!(told, [("role".to_owned(), 980), ("wide_thread".to_owned(), 1)]);
        assert_eq!(lines.due_ms(), None);
        assert!(lines.take("role", due), "and has lines again");
        assert!(lines.end().is_empty(), "told once");
    }

    #[test]
    fn who_comes_again_and_again_gets_few_lines_and_others_keep_theirs() {
        let mut shared = Shared::default();
        let written = (0..60_000)
            .filter(|_| shared.of("bus", 0).take(OPENED, 0))
            .count();
        assert_eq!(written, 200, "it only counts until it is full again");
        assert!(shared.of("another", 0).take(OPENED, 0));
        let told = shared.of("bus", 0).end();
        assert_eq!(told, BTreeMap::from([(OPENED.to_owned(), 59_800)]));
    }

    #[test]
    fn slow_refusals_all_have_a_line() {
        let mut lines = Lines::new(0);
        assert!((0..200).all(|n| lines.take("role", n * ONE.one_back_ms)));
    }

    #[test]
    fn what_is_counted_when_the_connection_ends_is_told() {
        let mut lines = Lines::new(0);
        for _ in 0..25 {
            lines.take("role", 0);
        }
        assert_eq!(lines.end(), BTreeMap::from([("role".to_owned(), 5)]));
    }

    proptest! {
        /// Every refusal is written or counted, the lines stay few, and so do the rules told apart.
        #[test]
        fn nothing_is_lost_and_little_is_written(
            steps in proptest::collection::vec((0u64..20_000, 0u32..200), 1..600)
        ) {
            let (mut now, mut written, mut told) = (0, 0u64, 0u64);
            let mut lines = Lines::new(now);
            let count = steps.len() as u64;
            for (pause, rule) in steps {
                now += pause;
                told += lines.refilled(now).values().sum::<u64>();
                written += u64::from(lines.take(&rule.to_string(), now));
                prop_assert!(lines.left_out.len() <= MOST_RULES + 1);
                prop_assert!(written <= u64::from(ONE.lines) + now / ONE.one_back_ms + 1);
            }
            told += lines.end().values().sum::<u64>();
            prop_assert_eq!(written + told, count);
        }
    }
}
