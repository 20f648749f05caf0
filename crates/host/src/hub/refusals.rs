//! How many lines of the record one connection may fill with what was refused to it. What a person or a
//! rule decided about an approval is no such line and is never left out.

use super::{Hub, now_ms};
use crate::event::ConnectionId;
use drawbridge_audit::Entry;
use std::collections::BTreeMap;

/// Lines a connection may have at once.
const LINES: u32 = 20;
/// How long it takes to get one back.
const ONE_BACK_MS: u64 = 3000;
/// How long one that had all its lines waits for new ones.
const ALL_BACK_MS: u64 = LINES as u64 * ONE_BACK_MS;
/// Most rules told apart while counting. There are fewer; this is for the day when there are not.
const MOST_RULES: usize = 64;

/// A bucket of lines. Empty, it only counts until it is full again, and then says what it counted.
#[derive(Debug)]
pub(crate) struct Lines {
    left: u32,
    /// When `left` was right.
    at_ms: u64,
    /// Since when it only counts.
    empty_at_ms: Option<u64>,
    left_out: BTreeMap<String, u64>,
}

impl Lines {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            left: LINES,
            at_ms: now_ms,
            empty_at_ms: None,
            left_out: BTreeMap::new(),
        }
    }

    /// Whether there is a line for this; if not, it is counted.
    pub(super) fn take(&mut self, rule: &str, now_ms: u64) -> bool {
        if self.empty_at_ms.is_none() {
            let back = now_ms.saturating_sub(self.at_ms) / ONE_BACK_MS;
            self.left = LINES.min(self.left.saturating_add(u32::try_from(back).unwrap_or(LINES)));
            self.at_ms = self.at_ms.saturating_add(back * ONE_BACK_MS).min(now_ms);
            if self.left > 0 {
                self.left -= 1;
                return true;
            }
            self.empty_at_ms = Some(now_ms);
        }
        let known = self.left_out.len() < MOST_RULES || self.left_out.contains_key(rule);
        let rule = if known { rule } else { "other" };
        *self.left_out.entry(rule.to_owned()).or_default() += 1;
        false
    }

    /// When it will be full again, if it only counts now.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.empty_at_ms.map(|since| since.saturating_add(ALL_BACK_MS))
    }

    /// What was left out, by rule, once it is full again.
    pub(super) fn refilled(&mut self, now_ms: u64) -> BTreeMap<String, u64> {
        match self.empty_at_ms {
            // A clock that was set back must not make it wait for longer.
            Some(since) if now_ms < since || now_ms - since >= ALL_BACK_MS => {
                let told = std::mem::take(&mut self.left_out);
                *self = Self::new(now_ms);
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

impl Hub {
    /// Records something that was refused to a connection, or counts it.
    pub(super) fn record_refusal(&mut self, connection: ConnectionId, rule: &str, entry: &Entry) {
        let lines = self.clients.get_mut(&connection).map(|client| &mut client.lines);
        if lines.is_none_or(|lines| lines.take(rule, now_ms())) {
            self.record(entry);
        }
    }

    /// Records how much was left out.
    pub(super) fn record_left_out(&mut self, connection: ConnectionId, left_out: BTreeMap<String, u64>) {
        for (rule, count) in left_out {
            self.record(&Entry::RefusalsLeftOut {
                connection,
                rule,
                count,
            });
        }
    }

    /// When the next connection has its lines back.
    pub(super) fn lines_due_ms(&self) -> Option<u64> {
        self.clients
            .values()
            .filter_map(|client| client.lines.due_ms())
            .min()
    }

    /// Says of connections that have their lines back what was left out.
    pub(super) fn refill_lines(&mut self, now_ms: u64) {
        let mut told = Vec::new();
        for (connection, client) in &mut self.clients {
            let left_out = client.lines.refilled(now_ms);
            if !left_out.is_empty() {
                told.push((*connection, left_out));
            }
        }
        for (connection, left_out) in told {
            self.record_left_out(connection, left_out);
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
        assert_eq!(due, 10 + ALL_BACK_MS);
        assert!(lines.refilled(due - 1).is_empty());
        let told: Vec<_> = lines.refilled(due).into_iter().collect();
        assert_eq!(told, [("role".to_owned(), 980), ("wide_thread".to_owned(), 1)]);
        assert_eq!(lines.due_ms(), None);
        assert!(lines.take("role", due), "and has lines again");
        assert!(lines.end().is_empty(), "told once");
    }

    #[test]
    fn slow_refusals_all_have_a_line() {
        let mut lines = Lines::new(0);
        assert!((0..200).all(|n| lines.take("role", n * ONE_BACK_MS)));
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
                prop_assert!(written <= u64::from(LINES) + now / ONE_BACK_MS + 1);
            }
            told += lines.end().values().sum::<u64>();
            prop_assert_eq!(written + told, count);
        }
    }
}
