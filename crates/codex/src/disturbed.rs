//! What codex says where another one that began at the same moment was in its way.

/// How it says what it could not do (0.169.0).
const SAID: &str = "could not create PATH aliases";
/// Why, where another codex is at work on the same folder: it holds the lock, or cleans up and took the folder away
/// (both seen with twelve at once). Any other reason, such as a home that is not there, is as true a moment later.
const PASSES: [&str; 2] = ["operation would block", "(os error 2)"];

/// Whether this line says that it goes on without the names of its own helper programs because of another codex.
/// Nothing runs in its sandbox then, for as long as it lives; one that is started a moment later has them (observed,
/// 0.169.0).
#[must_use]
pub fn was_disturbed(line: &str) -> bool {
    line.contains(SAID) && PASSES.iter().any(|why| line.contains(why))
}

#[cfg(test)]
mod tests {
    use super::was_disturbed;

    #[test]
    fn only_what_has_passed_a_moment_later_is_asked_again() {
        let said = "WARNING: proceeding, even though we could not create PATH aliases: ";
        for passes in ["operation would block", "No such file or directory (os error 2)"] {
            assert!(was_disturbed(&format!("{said}{passes}")), "{passes}");
        }
        for stays in [
            "CODEX_HOME points to \"/nowhere\", but that path does not exist",
            "Refusing to create helper binaries under temporary dir \"/tmp\"",
            "Permission denied (os error 13)",
        ] {
            assert!(!was_disturbed(&format!("{said}{stays}")), "{stays}");
        }
    }
}
