//! The hops as they come up, and the one at which it failed.

use std::time::Instant;

/// Why the demo failed and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Only set when it is known better than by the hop in progress.
    pub(crate) hop: Option<&'static str>,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            hop: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn at(mut self, hop: &'static str) -> Self {
        self.hop.get_or_insert(hop);
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "demo failed at: {}: {}; {}",
            self.hop.unwrap_or("start"),
            self.what,
            self.remedy
        )
    }
}

/// Prints each hop with the time since the start.
pub(crate) struct Hops {
    begin: Instant,
    current: &'static str,
}

impl Hops {
    pub(crate) fn new() -> Self {
        Self {
            begin: Instant::now(),
            current: "start",
        }
    }

    /// What happens next; a failure from now on is its failure.
    pub(crate) fn begin(&mut self, hop: &'static str) {
        self.current = hop;
    }

    pub(crate) fn current(&self) -> &'static str {
        self.current
    }

    /// The current hop stands.
    pub(crate) fn up(&self, what: &str) {
        println!(
            "[{:>6} ms] {:<16} {what}",
            self.begin.elapsed().as_millis(),
            self.current
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_hop_cause_and_remedy() {
        let failure = Failure::new("no answer within 10 s", "see bus.log")
            .at("bus")
            .at("later");
        assert_eq!(
            failure.to_string(),
            "demo failed at: bus: no answer within 10 s; see bus.log"
        );
    }
}
