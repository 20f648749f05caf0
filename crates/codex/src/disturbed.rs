//! What codex says where another one that began at the same moment was in its way.

/// How it says so (0.169.0): what it could not do, and that somebody else held the lock for it. Any other reason, such as a
/// home that is not there, is as true a moment later.
const SAID: [&str; 2] = ["could not create PATH aliases", "operation would block"];

/// Whether this line says that it goes on without the names of its own helper programs because another codex was making
/// them. Nothing runs in its sandbox then, for as long as it lives; one that is started a moment later has them (observed,
/// 0.169.0).
#[must_use]
pub fn was_disturbed(line: &str) -> bool {
    SAID.iter().all(|said| line.contains(said))
}

#[cfg(test)]
mod tests {
    use super::was_disturbed;

    #[test]
    fn only_what_has_passed_a_moment_later_is_asked_again() {
        let said = "WARNING: proceeding, even though we could not create PATH aliases: ";
        assert!(was_disturbed(&format!("{said}operation would block")));
        assert!(!was_disturbed(&format!(
            "{said}CODEX_HOME points to \"/nowhere\", but that path does not exist"
        )));
    }
}
