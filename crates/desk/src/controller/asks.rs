//! What windows ask for.

use super::approvals::{Given, json};
use super::{Controller, Reply, now_ms};
use crate::desktop::{Desktop, Opening, Window};
use crate::threads::Wish;
use crate::{Ask, Problem, QuitAnswer};
use crate::{files, opening};
use drawbridge_wire::buses::WhichBus;
use drawbridge_wire::control::Request;
use drawbridge_wire::skills::{SetSkill, SkillsView};
use serde_json::Value;
use std::path::PathBuf;

impl<D: Desktop> Controller<D> {
    /// Returns whether to go on.
    pub(super) async fn on_ask(&mut self, window: Window, ask: Ask, reply: Reply) -> bool {
        let done = match ask {
            Ask::SetBus { id, on } => return self.pass(|this, reply| this.set_bus(&id, on, reply), reply),
            Ask::Enroll(form) => match form.into_wire() {
                Some(enroll) => return self.ask_host(Request::Enroll(Box::new(enroll)), reply),
                None => Err(Problem::new(
                    "bad_request",
                    "give either a token or a code, whichever the bus gave you",
                )),
            },
            Ask::SetEnrollment(change) => return self.ask_host(Request::SetEnrollment(change), reply),
            Ask::Forget { id } => return self.ask_host(Request::Forget { bus: id }, reply),
            Ask::CheckMcp { id } => return self.ask_host(Request::CheckMcp(WhichBus { bus: id }), reply),
            Ask::ConfigAccept { digest } => return self.ask_host(Request::AcceptConfig { digest }, reply),
            Ask::ThreadOpen { id } => return self.of_threads(Wish::Open { id }, reply),
            Ask::ThreadClose { id } => return self.of_threads(Wish::Close { id }, reply),
            Ask::ThreadSend { id, text } => return self.of_threads(Wish::Send { id, text }, reply),
            Ask::ThreadSteer { id, text } => return self.of_threads(Wish::Steer { id, text }, reply),
            Ask::ThreadInterrupt { id } => return self.of_threads(Wish::Interrupt { id }, reply),
            Ask::ThreadStart { text, cwd } => return self.of_threads(Wish::Start { text, cwd }, reply),
            Ask::SkillsRescan => return self.ask_host(Request::RescanSkills {}, reply),
            Ask::SkillSet { id, on } => match self.skills().and_then(|skills| opening::skill(skills, &id)) {
                Ok(path) => return self.ask_host(Request::SetSkill(SetSkill { path, enabled: on }), reply),
                Err(problem) => Err(problem),
            },
            Ask::SkillOpen { id, folder } => {
                let named = if folder { opening::folder } else { opening::file };
                match self.skills().and_then(|skills| named(skills, &id)) {
                    Ok(what) => return self.open(what, Opening::check, reply),
                    Err(problem) => Err(problem),
                }
            }
            Ask::OpenVault => return self.ask_host(Request::OpenVault {}, reply),
            Ask::Logs { child } => return self.ask_host(Request::Logs { child }, reply),
            Ask::Processes => return self.list_processes(reply),
            Ask::Restart(what) => return self.ask_host(Request::Restart(what), reply),
            Ask::AuditTail { count } => {
                let file = self.settings.data_dir.join("audit.jsonl");
                return self.read(move || json(&files::audit_tail(&file, count)?), reply);
            }
            Ask::ConfigShow => match self.config_file() {
                Ok(file) => {
                    let data_dir = self.settings.data_dir.clone();
                    let rows = move || json(&files::config_rows(&file, &data_dir, now_ms()));
                    return self.read(rows, reply);
                }
                Err(problem) => Err(problem),
            },
            Ask::ConfigSet { key, value } => match self.config_file() {
                Ok(file) => {
                    let set = move || files::config_set(&file, &key, &value).map(|()| Value::Null);
                    return self.read(set, reply);
                }
                Err(problem) => Err(problem),
            },
            Ask::Quit { really } => return self.asked_to_quit(really, reply).await,
            Ask::Answer {
                id,
                digest,
                nonce,
                decision,
                replies,
            } => {
                let given = Given {
                    id,
                    digest,
                    nonce,
                    decision,
                    replies,
                };
                self.give_answer(given, reply);
                return true;
            }
            Ask::Snapshot => {
                // A window that asks is there, however it came about.
                self.windows.insert(window);
                if window == Window::Main {
                    self.say_what_was_missed();
                }
                json(&self.desktop_view())
            }
            Ask::OpenApprovals => {
                self.open_approvals();
                Ok(Value::Null)
            }
            Ask::Pause { minutes } => self.set_pause(minutes).map(|()| Value::Null),
            Ask::SetStartAtLogin { on } => self.set_start_at_login(on).map(|()| Value::Null),
            Ask::OpenConfig => match self.config_file() {
                // The person's own file, wherever it was put.
                Ok(file) => return self.open(vec![Opening::Text(file)], |_| Ok(()), reply),
                Err(problem) => Err(problem),
            },
            Ask::CurrentCard => {
                let card = self.current_card();
                if card.as_ref().is_ok_and(Value::is_null) {
                    self.nothing_to_answer();
                }
                card
            }
            Ask::StepCard { by } => self.step_card(by),
        };
        // Who asked may be gone.
        let _ = reply.send(done);
        true
    }

    async fn asked_to_quit(&mut self, really: bool, reply: Reply) -> bool {
        let running = self.would_end();
        let goes_on = running > 0 && !really;
        // First, because the window that asked goes too.
        let _ = reply.send(json(&QuitAnswer { running }));
        if !goes_on {
            self.leave().await;
        }
        goes_on
    }

    fn pass(&mut self, what: impl FnOnce(&mut Self, Option<Reply>), reply: Reply) -> bool {
        what(self, Some(reply));
        true
    }

    fn ask_host(&self, request: Request, reply: Reply) -> bool {
        self.request(request, Some(reply));
        true
    }

    /// Reads or writes files away from the loop.
    fn read(&self, work: impl FnOnce() -> Result<Value, Problem> + Send + 'static, reply: Reply) -> bool {
        let work = async move {
            match tokio::task::spawn_blocking(work).await {
                Ok(done) => done,
                Err(_) => Err(Problem::gone()),
            }
        };
        self.handle.spawn(work, Some(reply));
        true
    }

    /// Opens away from the loop the first that is what it was named as.
    fn open(
        &mut self,
        what: Vec<Opening>,
        check: impl Fn(&Opening) -> Result<(), Problem> + Send + 'static,
        reply: Reply,
    ) -> bool {
        let openers: Vec<_> = what
            .into_iter()
            .map(|one| (self.desktop.opener(one.clone()), one))
            .collect();
        let open = move || {
            let mut wrong = None;
            for (opener, one) in openers {
                match check(&one) {
                    Ok(()) => return opener().map(|()| Value::Null),
                    Err(problem) => wrong = wrong.or(Some(problem)),
                }
            }
            Err(wrong.unwrap_or_else(Problem::gone))
        };
        self.read(open, reply)
    }

    fn skills(&self) -> Result<&SkillsView, Problem> {
        self.view().map(|host| &host.skills).ok_or_else(Problem::no_host)
    }

    fn of_threads(&self, wish: Wish, reply: Reply) -> bool {
        self.threads.wish(wish, reply);
        true
    }

    fn config_file(&self) -> Result<PathBuf, Problem> {
        self.settings.config_file.clone().ok_or_else(|| {
            Problem::new(
                "no_config_dir",
                "the system names no folder for the settings of programs; set XDG_CONFIG_HOME",
            )
        })
    }
}
