//! Switches on their way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Switches that Codex has not answered all of: of two for the same skill the one that was asked for later counts,
/// whichever is answered first.
#[derive(Debug, Default)]
pub(super) struct Switches {
    /// Number of the last one.
    last: u64,
    under_way: usize,
    /// By path the newest that was answered.
    answered: BTreeMap<PathBuf, u64>,
}

impl Switches {
    /// One is asked for; answers its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.last += 1;
        self.under_way += 1;
        self.last
    }

    /// Whether none that was asked for later was answered before.
    pub(super) fn end(&mut self, real: &Path, number: u64) -> bool {
        let newest = self.answered.entry(real.to_owned()).or_default();
        let counts = *newest < number;
        *newest = number.max(*newest);
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            self.answered.clear();
        }
        counts
    }
}
