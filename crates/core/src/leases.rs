//! Leases: who keeps a host up.

use std::collections::BTreeMap;

/// How long a host outlives a last lease that was lost, in milliseconds.
pub const GRACE_MS: u64 = 30_000;
/// The same of a host for short commands: nothing runs there, and others wait for its end.
pub const VISIT_GRACE_MS: u64 = 1_000;
/// How long such a host waits for whoever started it.
pub const VISIT_FIRST_MS: u64 = 5_000;

/// Whether the host goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Stay,
    /// It ends at this time unless a lease comes, Unix milliseconds.
    EndAt(u64),
    /// It ends now.
    EndNow,
}

/// All leases of a host, by connection number.
#[derive(Debug)]
pub struct Leases {
    service: bool,
    held: BTreeMap<u64, (String, Option<u32>)>,
    lost_at_ms: Option<u64>,
    released: bool,
    /// What follows the loss of the last lease, or the start, in milliseconds.
    grace_ms: u64,
    /// What follows the next loss.
    next_grace_ms: u64,
}

impl Leases {
    /// A host begins without a lease and has the grace period to get its first one. A `service` needs none.
    #[must_use]
    pub fn new(service: bool, now_ms: u64) -> Self {
        Self {
            service,
            held: BTreeMap::new(),
            lost_at_ms: Some(now_ms),
            released: false,
            grace_ms: GRACE_MS,
            next_grace_ms: GRACE_MS,
        }
    }

    /// The same for a host that was started for a short command.
    #[must_use]
    pub fn visiting(now_ms: u64) -> Self {
        Self {
            grace_ms: VISIT_FIRST_MS,
            next_grace_ms: VISIT_GRACE_MS,
            ..Self::new(false, now_ms)
        }
    }

    /// A client takes a lease.
    pub fn take(&mut self, connection: u64, client: String, pid: Option<u32>) {
        self.held.insert(connection, (client, pid));
        self.lost_at_ms = None;
        self.released = false;
    }

    /// A lease goes: on purpose, or because its connection broke.
    pub fn drop_lease(&mut self, connection: u64, on_purpose: bool, now_ms: u64) {
        if self.held.remove(&connection).is_some() && self.held.is_empty() {
            self.lost_at_ms = Some(now_ms);
            self.released = on_purpose;
            self.grace_ms = self.next_grace_ms;
        }
    }

    /// What follows.
    #[must_use]
    pub fn verdict(&self, now_ms: u64) -> Verdict {
        match self.lost_at_ms {
            _ if self.service => Verdict::Stay,
            None => Verdict::Stay,
            Some(_) if self.released => Verdict::EndNow,
            Some(at) if now_ms >= at.saturating_add(self.grace_ms) => Verdict::EndNow,
            Some(at) => Verdict::EndAt(at.saturating_add(self.grace_ms)),
        }
    }

    /// Holders: name and process id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<u32>)> {
        self.held.values().map(|(client, pid)| (client.as_str(), *pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_last_lease_has_grace_a_released_one_has_none() {
        let mut leases = Leases::new(false, 0);
        assert_eq!(leases.verdict(1), Verdict::EndAt(GRACE_MS));
        leases.take(1, "a".into(), None);
        leases.take(2, "b".into(), None);
        assert_eq!(leases.verdict(GRACE_MS * 2), Verdict::Stay);
        leases.drop_lease(1, true, 5);
        assert_eq!(leases.verdict(5), Verdict::Stay, "another one keeps it up");
        leases.drop_lease(2, false, 10);
        assert_eq!(leases.verdict(11), Verdict::EndAt(10 + GRACE_MS));
        leases.take(3, "c".into(), None);
        leases.drop_lease(3, true, 20);
        assert_eq!(leases.verdict(20), Verdict::EndNow);
    }

    #[test]
    fn a_host_for_short_commands_ends_soon_after_the_last_of_them() {
        let mut leases = Leases::visiting(0);
        assert_eq!(leases.verdict(1), Verdict::EndAt(VISIT_FIRST_MS));
        leases.take(1, "a".into(), None);
        leases.drop_lease(1, false, 10);
        assert_eq!(leases.verdict(11), Verdict::EndAt(10 + VISIT_GRACE_MS));
        assert_eq!(leases.verdict(10 + VISIT_GRACE_MS), Verdict::EndNow);
    }

    #[test]
    fn a_service_needs_no_lease() {
        assert_eq!(Leases::new(true, 0).verdict(u64::MAX), Verdict::Stay);
    }
}
