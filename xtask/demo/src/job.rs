//! What the agent is asked to do, and what must be true afterwards.

use crate::answers::Answered;
use crate::hop::Failure;
use std::path::Path;

/// What the scripted model says at the end.
pub(crate) const GOODBYE: &str = "That was all: what you approved is made, what you declined is not.";

/// One thing that needs an approval.
pub(crate) struct Ask {
    /// Line for the scripted model.
    pub(crate) script: &'static str,
    /// What the card must show.
    pub(crate) card: &'static [&'static str],
    /// File it makes when it is accepted.
    pub(crate) file: &'static str,
    /// What is in it then.
    pub(crate) content: &'static str,
    /// Answer when nobody is asked.
    pub(crate) accept: bool,
}

/// The three approvals, in order.
pub(crate) const ASKS: [Ask; 3] = [
    Ask {
        script: "ESC: printf made-by-command > command.txt",
        card: &["printf made-by-command > command.txt"],
        file: "command.txt",
        content: "made-by-command",
        accept: true,
    },
    Ask {
        script: "PATCH: patched.txt|made by patch",
        card: &["patched.txt", "made by patch"],
        file: "patched.txt",
        content: "made by patch",
        accept: true,
    },
    Ask {
        script: "ESC: printf must-not-be-there > declined.txt",
        card: &["printf must-not-be-there > declined.txt"],
        file: "declined.txt",
        content: "must-not-be-there",
        accept: false,
    },
];

/// Words for the scripted model.
pub(crate) fn scripted_prompt() -> String {
    let mut lines: Vec<String> = ASKS.iter().map(|ask| ask.script.to_owned()).collect();
    lines.push(format!("SAY: {GOODBYE}"));
    lines.join("\n")
}

/// Words for a real model.
pub(crate) fn live_prompt() -> String {
    "Please do three things, one after the other, each as one step that asks me for approval. \
     1. Run the shell command `printf made-by-command > command.txt`, with escalated permissions. \
     2. With your patch tool add a file patched.txt with the one line `made by patch`. \
     3. Run the shell command `printf must-not-be-there > declined.txt`, with escalated permissions. \
     If I decline a step, do not try it in another way. At the end say in one sentence what was done."
        .to_owned()
}

/// Compares the working directory with the answers. Gives one line for each file.
pub(crate) fn check_files(work: &Path, answers: &[bool; 3]) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for (ask, accepted) in ASKS.iter().zip(answers) {
        let path = work.join(ask.file);
        let found = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Failure::new(
                    format!("{}: {error}", path.display()),
                    "check the folder",
                ));
            }
        };
        match (found, accepted) {
            (Some(text), true) if text.trim_end_matches('\n') == ask.content => {
                lines.push(format!("{} is there: `{}`", ask.file, ask.content));
            }
            (None, false) => lines.push(format!("{} is not there, as you declined it", ask.file)),
            (Some(text), true) => {
                return Err(Failure::new(
                    format!("{} has `{text}`, not `{}`", ask.file, ask.content),
                    "see the logs",
                ));
            }
            (None, true) => {
                return Err(Failure::new(
                    format!("{} was approved but not made", ask.file),
                    "see the logs",
                ));
            }
            (Some(_), false) => {
                return Err(Failure::new(
                    format!("{} was made although it was declined", ask.file),
                    "the gate let something through; report this",
                ));
            }
        }
    }
    Ok(lines)
}

/// For each of the three files, whether an approval that shows its name was accepted. `None`: a real model
/// did not ask for it at all.
pub(crate) fn answers_by_file(answered: &[Answered]) -> [Option<bool>; 3] {
    ASKS.each_ref().map(|ask| {
        let about = answered
            .iter()
            .filter(|answer| answer.view.body.contains(ask.file));
        about
            .map(|answer| answer.accepted)
            .reduce(|any, this| any || this)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_must_match_the_answers() {
        let work = tempfile::tempdir().unwrap();
        let write =
            |ask: &Ask| std::fs::write(work.path().join(ask.file), format!("{}\n", ask.content)).unwrap();
        write(&ASKS[0]);
        write(&ASKS[1]);
        assert_eq!(check_files(work.path(), &[true, true, false]).unwrap().len(), 3);

        let missing = check_files(work.path(), &[true, true, true]).unwrap_err();
        assert!(
            missing.what.contains("declined.txt was approved but not made"),
            "{missing}"
        );
        write(&ASKS[2]);
        let slipped = check_files(work.path(), &[true, true, false]).unwrap_err();
        assert!(slipped.what.contains("although it was declined"), "{slipped}");
        std::fs::write(work.path().join("command.txt"), "something else").unwrap();
        let other = check_files(work.path(), &[true, true, true]).unwrap_err();
        assert!(other.what.contains("`something else`"), "{other}");
    }

    #[test]
    fn the_script_has_a_line_for_each_approval_and_one_for_the_text() {
        let prompt = scripted_prompt();
        assert_eq!(prompt.lines().count(), ASKS.len() + 1);
        assert!(prompt.ends_with(GOODBYE));
    }
}
