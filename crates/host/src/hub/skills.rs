//! Skills: what is watched, what Codex is told, and what control clients and buses hear of it.

use super::control::error;
use super::vault::answer;
use super::{Hub, now_ms};
use crate::event::{ControlReply, Event, Reply, SkillsEvent};
use crate::skills::{self, Ask, CodexError, LiveThread, Outcome, Switch};
use drawbridge_audit::Entry;
use drawbridge_skills::Watcher;
use drawbridge_skills::watch::{SystemNotices, Times};
use drawbridge_wire::skills::SetSkill;
use std::path::Path;
use std::time::Duration;

/// Longest that a change waits for Codex's word before it is shown.
const CODEX_WITHIN: Duration = Duration::from_millis(250);
/// Longest that somebody waits for a look and the list after it: less than clients do, so that they are told why.
const LOOKED_WITHIN: Duration = Duration::from_secs(8);
/// The same for the list after a switch, for which it has waited already.
const LISTED_WITHIN: Duration = Duration::from_secs(2);

impl Hub {
    /// A host that is there for a short command has no Codex whose skills there would be.
    pub(super) fn begin_with_skills(&mut self) {
        if self.visit {
            self.skills.off = Some("this host was started for a short command".to_owned());
            return;
        }
        let events = self.events.clone();
        let places = self.wanted_places();
        self.skills.watch(places.clone());
        let found = move |found| {
            // The loop ends only with the host.
            let _ = events.blocking_send(Event::Skills(SkillsEvent::Found(Box::new(found))));
        };
        match Watcher::start(places, Times::default(), Box::new(SystemNotices), found) {
            Ok(watcher) => self.skills.watcher = Some(watcher),
            Err(wrong) => {
                tracing::error!(code = wrong.code(), error = %wrong, "skills are not watched");
                self.skills.off = Some(wrong.to_string());
            }
        }
        self.name_skill_roots();
    }

    /// After each event: whether other folders are known now, Codex runs anew, or a turn is over.
    pub(super) fn follow_skills(&mut self) {
        if !self.skills.take_stale() {
            return;
        }
        let places = self.wanted_places();
        let extra = places.extra.clone();
        let other_extra = extra != self.skills.places().extra;
        if places != *self.skills.places() {
            self.skills.watch(places);
        }
        if other_extra {
            self.name_skill_roots();
        }
        let running = self.observer.as_ref().map(|(generation, _)| *generation);
        match running {
            None if self.skills.generation.is_some() => {
                self.skills.codex_is_gone();
                self.answer_who_waits();
            }
            Some(generation) if self.skills.generation != Some(generation) => {
                self.skills.codex_is_gone();
                self.skills.generation = Some(generation);
                // A new one has read nothing yet, and knows of no folders but its own.
                let extra = Some(extra).filter(|extra| !extra.is_empty());
                let cwds = self.skills.places().folders.clone();
                self.ask_codex(Ask {
                    cwds,
                    extra,
                    ..Ask::default()
                });
            }
            Some(_) if other_extra => self.ask_codex(Ask {
                cwds: self.skills.places().folders.clone(),
                extra: Some(extra),
                ..Ask::default()
            }),
            _ => {}
        }
        let threads = self.live_threads();
        self.skills.settle(&threads);
        if !self.skills.asking {
            self.tell_skills();
        }
        self.report_skills();
    }

    fn wanted_places(&mut self) -> drawbridge_skills::Places {
        let mut fixed = vec![self.policy.cwd.clone()];
        fixed.extend(self.policy.roots.iter().cloned());
        let threads = self.live_threads();
        let extra = self.config.skill_roots(self.skills.places().home.as_deref());
        self.skills.places_with(&fixed, &threads, extra)
    }

    fn live_threads(&self) -> Vec<LiveThread> {
        self.threads
            .iter()
            .map(|thread| LiveThread {
                id: thread.id.clone(),
                cwd: thread.cwd.clone(),
                active: thread.is_active(),
            })
            .collect()
    }

    /// Remote clients may name the user's own skills. Those that could name more than they can now end.
    fn name_skill_roots(&mut self) {
        let roots = skills::nameable(self.skills.places());
        if roots == self.policy.skill_roots {
            return;
        }
        let before = self.policy.edition;
        self.policy = self.policy.with_skill_roots(roots).into();
        self.policies.send_replace(self.policy.clone());
        if self.policy.edition != before {
            self.close_outdated();
        }
    }

    pub(super) fn on_skills(&mut self, event: SkillsEvent) {
        match event {
            SkillsEvent::Found(found) => {
                let asked = found.asked;
                let threads = self.live_threads();
                let ask = self.skills.found(*found, &threads, now_ms());
                tracing::debug!(look = self.skills.look, ?ask, "skills were looked at");
                self.ask_codex(ask);
                self.tell_in_time();
                if let Some(asked) = asked {
                    self.skills_waiting.looked(asked);
                }
                self.answer_who_waits();
                self.report_skills();
            }
            SkillsEvent::Overdue { look } => {
                if look == self.skills.look && self.skills.asking {
                    self.tell_skills();
                }
            }
            SkillsEvent::Listed {
                generation,
                asked,
                result,
            } => {
                if self.skills.generation != Some(generation) {
                    return;
                }
                let threads = self.live_threads();
                match self.skills.listed(&asked, result, &threads) {
                    Some(again) => {
                        self.ask_codex(again);
                        self.tell_in_time();
                    }
                    None => self.tell_skills(),
                }
                self.ask_again_later();
                self.answer_who_waits();
                self.report_skills();
            }
            SkillsEvent::Again { question } => {
                if let Some(again) = self.skills.retry(question) {
                    self.ask_codex(again);
                }
            }
            SkillsEvent::Late { waiting } => {
                if let Some((reply, said)) = self.skills_waiting.late(waiting) {
                    answer(Some(reply), said);
                }
            }
            SkillsEvent::Written {
                path,
                real,
                enabled,
                number,
                result,
                reply,
            } => {
                let newest = self.skills.switch_ends(&real, number);
                self.skill_written((&path, &real), (enabled, newest), result, reply);
            }
        }
    }

    /// Another client changed something, or Codex noticed by itself what was noticed here.
    pub(super) fn skills_changed_in_codex(&mut self) {
        if self.skills.echoes > 0 {
            self.skills.echoes -= 1;
            return;
        }
        self.list_again();
    }

    fn list_again(&mut self) {
        let cwds = self.skills.places().folders.clone();
        self.ask_codex(Ask {
            cwds,
            ..Ask::default()
        });
    }

    /// Once nothing more is to come that they wait for.
    fn answer_who_waits(&mut self) {
        if !self.skills.asking {
            let skills = &self.skills;
            for (reply, said) in self.skills_waiting.listed(|real| skills.uses(real)) {
                answer(Some(reply), said);
            }
        }
    }

    /// However long it takes, who waits is answered.
    fn answer_in_time(&self, waiting: u64, within: Duration) {
        self.spawn(async move {
            tokio::time::sleep(within).await;
            Some(Event::Skills(SkillsEvent::Late { waiting }))
        });
    }

    /// Asks Codex for its list, if it runs; one question at a time.
    fn ask_codex(&mut self, ask: Ask) {
        let current = self
            .observer
            .clone()
            .filter(|(now, _)| Some(*now) == self.skills.generation);
        let Some((generation, peer)) = current else {
            return;
        };
        let Some(asked) = self.skills.take_turn(ask) else {
            return;
        };
        // It tells everybody of what it was told, us too.
        self.skills.echoes += u32::from(asked.extra.is_some());
        self.spawn(async move {
            let result = skills::ask(&peer, &asked).await;
            Some(Event::Skills(SkillsEvent::Listed {
                generation,
                asked,
                result,
            }))
        });
    }

    /// What Codex did not answer, once. Without a Codex that could answer, nobody wakes for it.
    fn ask_again_later(&self) {
        let running = self.observer.as_ref().map(|(generation, _)| *generation);
        if running.is_none() || running != self.skills.generation {
            return;
        }
        if let Some((question, pause)) = self.skills.retry_after() {
            self.spawn(async move {
                tokio::time::sleep(pause).await;
                Some(Event::Skills(SkillsEvent::Again { question }))
            });
        }
    }

    /// At once, or with what Codex says next, unless that takes long.
    fn tell_in_time(&mut self) {
        if !self.skills.asking {
            return self.tell_skills();
        }
        let look = self.skills.look;
        self.spawn(async move {
            tokio::time::sleep(CODEX_WITHIN).await;
            Some(Event::Skills(SkillsEvent::Overdue { look }))
        });
    }

    fn tell_skills(&mut self) {
        if let Some(change) = self.skills.news() {
            self.changed(change);
        }
    }

    /// Tells the buses which skills there are.
    pub(super) fn report_skills(&self) {
        if self.buses.is_empty() {
            return;
        }
        let names = self.skills.names(&self.policy.roots);
        for bus in &self.buses {
            bus.handle.skills(&names);
        }
    }

    pub(super) fn rescan_skills(&mut self, reply: Reply) {
        match &self.skills.watcher {
            Some(watcher) if !self.skills_waiting.is_full() => {
                let number = watcher.rescan();
                let waiting = self.skills_waiting.for_look(number, reply);
                self.answer_in_time(waiting, LOOKED_WITHIN);
            }
            Some(_) => answer(
                Some(reply),
                error("busy", "skills are being looked at; wait for that"),
            ),
            None => answer(
                Some(reply),
                error(
                    "not_watched",
                    "skills are not watched; `drawbridge skills list` says why",
                ),
            ),
        }
    }

    pub(super) fn set_skill(&mut self, set: &SetSkill, reply: Reply) {
        let Some(real) = self.skills.real(&set.path) else {
            let said = error(
                "unknown_skill",
                "there is no such skill; `drawbridge skills list` shows them with their paths",
            );
            return answer(Some(reply), said);
        };
        let Some((_, peer)) = self.observer.clone() else {
            let said = error(
                "no_agent",
                "codex does not run, and only it keeps which skills are used; `drawbridge status` says why",
            );
            return answer(Some(reply), said);
        };
        let (path, enabled) = (set.path.clone(), set.enabled);
        let number = self.skills.switch_begins();
        self.spawn(async move {
            let result = skills::write(&peer, &real, enabled).await;
            Some(Event::Skills(SkillsEvent::Written {
                path,
                real,
                enabled,
                number,
                result,
                reply,
            }))
        });
    }

    fn skill_written(
        &mut self,
        (path, real): (&Path, &Path),
        (enabled, newest): (bool, bool),
        result: Result<(), CodexError>,
        reply: Reply,
    ) {
        let outcome = result
            .as_ref()
            .map_or_else(CodexError::outcome, |()| Outcome::Done);
        let word = if enabled { "enabled" } else { "disabled" };
        // What may have come to pass is in the record, too.
        let value = match outcome {
            Outcome::Done => Some(word.to_owned()),
            Outcome::Overruled => Some(format!("{word}, overruled")),
            Outcome::Unknown => Some(format!("{word}, outcome unknown")),
            Outcome::Refused => None,
        };
        if let Some(value) = value {
            self.record(&Entry::PolicySet {
                setting: format!("skill {}", path.display()),
                value,
                by: "local".to_owned(),
            });
        }
        let counts = outcome == Outcome::Done && newest;
        if counts {
            let threads = self.live_threads();
            self.skills.switched(real, enabled, &threads);
        }
        let switch = counts.then(|| Switch {
            real: real.to_owned(),
            enabled,
        });
        let said = match result {
            Ok(()) => ControlReply::Done,
            Err(wrong) => error(wrong.code(), &wrong.to_string()),
        };
        let waiting = self.skills_waiting.for_list(said, switch, reply);
        self.answer_in_time(waiting, LISTED_WITHIN);
        // Whatever it said: what it does now shows in its list, which it changed without a word.
        self.list_again();
        self.tell_in_time();
        self.answer_who_waits();
    }
}
