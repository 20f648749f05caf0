//! What codex says where another one that began at the same moment was in its way.

/// How it says so (0.169.0).
const SAID: &str = "could not create PATH aliases";

/// Whether it goes on without the names of its own helper programs. Nothing runs in its sandbox then, for as
/// long as it lives; one that is started a moment later has them (observed, 0.169.0).
#[must_use]
pub fn was_disturbed(lines: &[String]) -> bool {
    lines.iter().any(|line| line.contains(SAID))
}
