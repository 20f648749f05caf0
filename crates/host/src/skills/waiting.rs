//! Who waits for skills to be looked at or listed.

use super::CodexError;
use crate::event::{ControlReply, Reply};
use std::path::{Path, PathBuf};

fn failed(code: &str, message: &str) -> ControlReply {
    ControlReply::Error {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// Clients that may wait for a look at the same time.
const MOST_LOOKS: usize = 16;

/// See the module. `R` is who is answered.
pub(crate) struct Waiting<R = Reply> {
    /// Last number that was given to one that waits.
    last: u64,
    all: Vec<One<R>>,
}

struct One<R> {
    id: u64,
    who: R,
    until: Until,
}

enum Until {
    /// A look of this number or a later one is in.
    Looked(u64),
    /// Codex has listed what was looked at.
    ListedLook,
    /// Codex has listed again; then it is told this, unless the list says otherwise of what it switched.
    Listed(ControlReply, Option<Switch>),
}

/// A switch that Codex said it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switch {
    /// Of the skill, without links.
    pub real: PathBuf,
    pub enabled: bool,
}

impl<R> Default for Waiting<R> {
    fn default() -> Self {
        Self {
            last: 0,
            all: Vec::new(),
        }
    }
}

impl<R> Waiting<R> {
    /// Whether nobody more may wait for a look.
    pub(crate) fn is_full(&self) -> bool {
        let looks = self
            .all
            .iter()
            .filter(|one| !matches!(one.until, Until::Listed(..)));
        looks.count() >= MOST_LOOKS
    }

    /// Waits for the look of this number, then for Codex. Answers a number for [`Waiting::late`].
    pub(crate) fn for_look(&mut self, number: u64, who: R) -> u64 {
        self.add(who, Until::Looked(number))
    }

    /// Waits until Codex has listed again, then is told this, unless its list says otherwise: it may say that it
    /// uses a skill, and another of its settings counts (observed, 0.169.0: where one stands twice).
    pub(crate) fn for_list(&mut self, said: ControlReply, switch: Option<Switch>, who: R) -> u64 {
        for one in &mut self.all {
            if let Until::Listed(_, before) = &mut one.until
                && before.as_ref().map(|before| &before.real) == switch.as_ref().map(|switch| &switch.real)
            {
                // What the list says of it is the later one's.
                *before = None;
            }
        }
        self.add(who, Until::Listed(said, switch))
    }

    fn add(&mut self, who: R, until: Until) -> u64 {
        self.last += 1;
        let id = self.last;
        self.all.push(One { id, who, until });
        id
    }

    /// A look is in that began after these were asked for.
    pub(crate) fn looked(&mut self, asked: u64) {
        for one in &mut self.all {
            if matches!(one.until, Until::Looked(number) if number <= asked) {
                one.until = Until::ListedLook;
            }
        }
    }

    /// Codex has nothing more to say: who waited for that, and what each is told. `uses` is what its list says.
    pub(crate) fn listed(&mut self, uses: impl Fn(&Path) -> Option<bool>) -> Vec<(R, ControlReply)> {
        let overruled = |switch: &Switch| uses(&switch.real) == Some(!switch.enabled);
        let still = |one: &mut One<R>| !matches!(one.until, Until::Looked(_));
        let done = self.all.extract_if(.., still);
        done.map(|one| match one.until {
            Until::Listed(_, Some(switch)) if overruled(&switch) => {
                let wrong = CodexError::Overruled;
                (one.who, failed(wrong.code(), &wrong.to_string()))
            }
            Until::Listed(said, _) => (one.who, said),
            Until::Looked(_) | Until::ListedLook => (one.who, ControlReply::Done),
        })
        .collect()
    }

    /// Its time is over. What is known by now is told.
    pub(crate) fn late(&mut self, id: u64) -> Option<(R, ControlReply)> {
        let at = self.all.iter().position(|one| one.id == id)?;
        let one = self.all.remove(at);
        let said = match one.until {
            Until::Looked(_) => failed(
                "slow",
                "skills are still being looked at; the list has them when that is done",
            ),
            Until::ListedLook => failed(
                "slow",
                "skills were looked at, and Codex has not listed its own yet; the list says when it has",
            ),
            Until::Listed(said, _) => said,
        };
        Some((one.who, said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(all: Vec<(char, ControlReply)>) -> Vec<(char, String)> {
        all.into_iter().map(|(who, said)| (who, code(&said))).collect()
    }

    fn code(said: &ControlReply) -> String {
        match said {
            ControlReply::Done => "done".to_owned(),
            ControlReply::Error { code, .. } => code.clone(),
            _ => "other".to_owned(),
        }
    }

    #[test]
    fn a_look_that_began_before_it_was_asked_for_answers_nobody() {
        let mut waiting = Waiting::default();
        waiting.for_look(1, 'a');
        // Asked for while the first look is under way.
        waiting.for_look(2, 'b');
        assert_eq!(codes(waiting.listed(|_| None)), [], "no look is in");
        waiting.looked(1);
        assert_eq!(codes(waiting.listed(|_| None)), [('a', "done".to_owned())]);
        waiting.looked(1);
        assert_eq!(codes(waiting.listed(|_| None)), []);
        waiting.looked(3);
        assert_eq!(
            codes(waiting.listed(|_| None)),
            [('b', "done".to_owned())],
            "a later one"
        );
    }

    #[test]
    fn nobody_waits_for_ever_and_each_is_told_what_is_known() {
        let mut waiting = Waiting::default();
        let look = waiting.for_look(1, 'l');
        let list = waiting.for_look(2, 'c');
        let set = waiting.for_list(failed("overruled", "no"), None, 's');
        assert_eq!(
            waiting.late(look).map(|(who, said)| (who, code(&said))),
            Some(('l', "slow".to_owned()))
        );
        waiting.looked(2);
        assert_eq!(
            waiting.late(list).map(|(who, said)| (who, code(&said))),
            Some(('c', "slow".to_owned()))
        );
        let told = waiting.late(set).map(|(who, said)| (who, code(&said)));
        assert_eq!(
            told,
            Some(('s', "overruled".to_owned())),
            "that is known without the list"
        );
        assert!(
            waiting.late(set).is_none() && waiting.listed(|_| None).is_empty(),
            "answered once"
        );
    }

    // proves S5.32
    #[test]
    fn a_switch_that_the_list_knows_nothing_of_is_not_called_done() {
        let mut waiting = Waiting::default();
        let switch = |real: &str, enabled| {
            Some(Switch {
                real: real.into(),
                enabled,
            })
        };
        waiting.for_list(ControlReply::Done, switch("/on", true), 'a');
        waiting.for_list(ControlReply::Done, switch("/off", true), 'b');
        waiting.for_list(ControlReply::Done, switch("/unknown", true), 'c');
        // Of two for the same skill the later one counts.
        waiting.for_list(ControlReply::Done, switch("/later", true), 'd');
        waiting.for_list(ControlReply::Done, switch("/later", false), 'e');
        let uses = |real: &Path| match real.to_str() {
            Some("/on") => Some(true),
            Some("/off" | "/later") => Some(false),
            _ => None,
        };
        let told = codes(waiting.listed(uses));
        let told: Vec<_> = told.iter().map(|(who, code)| (*who, &**code)).collect();
        assert_eq!(
            told,
            [
                ('a', "done"),
                ('b', "overruled"),
                ('c', "done"),
                ('d', "done"),
                ('e', "done")
            ]
        );
    }

    #[test]
    fn few_wait_at_a_time() {
        let mut waiting = Waiting::default();
        for number in 0..MOST_LOOKS {
            assert!(!waiting.is_full());
            waiting.for_look(number as u64, 'w');
        }
        assert!(waiting.is_full());
    }
}
