//! Questions of the app-server as it wrote them, kept to be shown to clients word for word.

use super::Hub;
use drawbridge_core::approvals::ApprovalId;
use std::collections::HashMap;

/// Most questions kept. Only open ones are, and every one holds up a turn, so there are few; of more than
/// this the oldest go. Their cards stay, and a client that the app-server asks again brings the text again.
const MOST: usize = 256;

impl Hub {
    /// Keeps only what can still be shown.
    pub(super) fn hold_less(&mut self, id: &ApprovalId) {
        if self
            .approvals
            .get(id)
            .is_none_or(drawbridge_core::approvals::Approval::is_over)
        {
            self.raw.remove(id);
            self.holders.remove(id);
        }
        newest(&mut self.raw, MOST);
        newest(&mut self.holders, MOST);
    }
}

fn newest<V>(map: &mut HashMap<ApprovalId, V>, most: usize) {
    while map.len() > most {
        let Some(oldest) = map.keys().min().cloned() else {
            return;
        };
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drawbridge_codex_wire::RequestId;

    #[test]
    fn the_newest_stay() {
        let id = |generation, n| ApprovalId {
            generation,
            request: RequestId::Number(n),
        };
        let mut map = HashMap::new();
        for n in 0..10 {
            map.insert(id(2, n), ());
            map.insert(id(1, n), ());
            newest(&mut map, 4);
            assert!(map.len() <= 4);
        }
        let mut left: Vec<_> = map.into_keys().collect();
        left.sort();
        assert_eq!(left, [id(2, 6), id(2, 7), id(2, 8), id(2, 9)]);
    }
}
