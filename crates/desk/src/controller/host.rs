//! The host: brought up, followed, brought up again; buses switched on and off.

use super::{Connected, Controller, Reply, Tick, now_ms};
use crate::desktop::Desktop;
use crate::pause::{self, Pause};
use crate::supervisor::{Attached, bring_up};
use crate::{Problem, Window};
use drawbridge_control::Happening;
use drawbridge_core::tray::Supervisor;
use drawbridge_wire::buses::{VaultCondition, WhichBus};
use drawbridge_wire::control::{AppServerState, Change, Request};
use std::time::Duration;
use tokio::time::Instant;

impl<D: Desktop> Controller<D> {
    /// Looks for a host, or starts one, in the background.
    pub(super) fn bring_up(&mut self) {
        if self.bringing_up || self.host.is_some() {
            return;
        }
        self.bringing_up = true;
        self.supervisor = Supervisor::Starting;
        self.tell_soon();
        let data_dir = self.settings.data_dir.clone();
        let program = self.settings.program.clone();
        let setup = drawbridge_wire::pipe::HostSetup {
            cwd: self.settings.setup.cwd.clone(),
            codex_bin: self.settings.setup.codex_bin.clone(),
            vault_key: self.settings.setup.vault_key.clone(),
            config: self.settings.setup.config.clone(),
            ..Default::default()
        };
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let outcome = bring_up(&data_dir, &program, &setup, super::CLIENT).await;
            handle.report(Tick::BroughtUp(Box::new(outcome))).await;
        });
    }

    /// A person wants it tried now.
    pub(super) fn start_host(&mut self) {
        self.patience.forget();
        self.retry_at = None;
        self.bring_up();
    }

    pub(super) fn brought_up(&mut self, outcome: Result<Attached, Problem>) {
        self.bringing_up = false;
        if outcome.is_ok() {
            self.threads.try_now();
        }
        match outcome {
            Ok(Attached { channel, child }) => {
                self.supervisor = Supervisor::Up {
                    pid: channel.view.host.pid,
                };
                if child.is_some() {
                    self.child = child;
                }
                self.host = Some(Connected {
                    view: channel.view,
                    requests: channel.requests,
                    happenings: channel.happenings,
                    stopping: false,
                });
            }
            // Trying again cannot help where something is to be set right first.
            Err(problem) if is_for_a_person(&problem) => self.failed(problem),
            Err(problem) => self.gone(problem),
        }
        self.tell_soon();
    }

    pub(super) fn on_happening(&mut self, happening: Option<Happening>) {
        let Some(host) = &mut self.host else { return };
        match happening {
            Some(Happening::Change(delta)) => {
                host.stopping |= matches!(delta.change, Change::Stopping { .. });
                if matches!(&delta.change, Change::AppServer(now) if now.state == AppServerState::Ready) {
                    self.threads.try_now();
                }
                drawbridge_control::apply(&mut host.view, delta.seq, &delta.change);
            }
            ended => {
                let stopping = host.stopping;
                let problem = match ended {
                    Some(Happening::Ended(error)) => error.into(),
                    _ => Problem::no_host(),
                };
                self.host = None;
                self.reap();
                if stopping {
                    // Somebody ended it on purpose. It is not brought up behind that person's back.
                    self.failed(Problem::new(
                        "host_stopped",
                        "it was stopped; start it again from here",
                    ));
                } else {
                    self.gone(problem);
                }
            }
        }
        self.tell_soon();
    }

    /// The host's process is waited for in the background.
    fn reap(&mut self) {
        if let Some(mut child) = self.child.take() {
            tokio::spawn(async move { child.wait().await });
        }
    }

    fn gone(&mut self, problem: Problem) {
        match self.patience.pause(Instant::now()) {
            Some(pause) => {
                let ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                self.retry_at = Some(Instant::now() + pause);
                self.supervisor = Supervisor::Waiting {
                    retry_at_ms: now_ms().saturating_add(ms),
                    retry_in_ms: ms,
                    code: problem.code,
                    message: problem.message,
                };
            }
            None => self.failed(problem),
        }
    }

    fn failed(&mut self, problem: Problem) {
        tracing::warn!(code = problem.code, %problem, "the host does not run");
        self.supervisor = Supervisor::Failed {
            code: problem.code,
            message: problem.message,
        };
    }

    /// Connects a bus or disconnects from it. A person's word ends what a pause had in mind for it.
    pub(super) fn set_bus(&mut self, id: &str, on: bool, reply: Option<Reply>) {
        if let Some(mut pause) = self.pause.take() {
            pause.buses.remove(id);
            let over = pause.buses.is_empty();
            self.keep_pause((!over).then_some(pause));
        }
        let which = WhichBus {
            bus: Some(id.to_owned()),
        };
        let request = if on {
            Request::Connect(which)
        } else {
            Request::Disconnect(which)
        };
        self.request(request, reply);
    }

    /// Asks the host in the background; what it answers is the answer.
    pub(super) fn request(&self, request: Request, reply: Option<Reply>) {
        let requests = self.host.as_ref().map(|host| host.requests.clone());
        let work = async move {
            let requests = requests.ok_or_else(Problem::no_host)?;
            Ok(requests.ask(request).await?)
        };
        self.handle.spawn(work, reply);
    }

    /// Leaves all buses alone for a while, or ends that. Running turns go on.
    pub(super) fn set_pause(&mut self, minutes: u32) -> Result<(), Problem> {
        if minutes == 0 {
            self.end_pause();
            return Ok(());
        }
        let host = self.view().ok_or_else(Problem::no_host)?;
        let minutes = u64::from(minutes.min(pause::LONGEST));
        let wanted = host.links.iter().filter(|link| link.wanted);
        let wanted: Vec<String> = wanted.map(|link| link.id.clone()).collect();
        let mut buses = self.pause.take().map(|pause| pause.buses).unwrap_or_default();
        buses.extend(wanted.iter().cloned());
        if buses.is_empty() {
            return Err(Problem::new("nothing_to_pause", "no bus is connected"));
        }
        let until_ms = now_ms().saturating_add(minutes * 60_000);
        // Kept before anything is disconnected: what is forgotten would stay down.
        self.keep_pause(Some(Pause { until_ms, buses }));
        for bus in wanted {
            self.request(Request::Disconnect(WhichBus { bus: Some(bus) }), None);
        }
        Ok(())
    }

    /// Whether the host knows of every bus: not as long as the vault is shut that names the enrolled ones.
    pub(super) fn buses_are_known(&self) -> bool {
        self.view().is_some_and(|host| {
            !matches!(
                host.vault.state,
                VaultCondition::Opening | VaultCondition::Failed { .. }
            )
        })
    }

    /// Connects again what was connected before. What is not known yet is connected once it is.
    pub(super) fn end_pause(&mut self) {
        let Some(mut pause) = self.pause.take() else {
            return;
        };
        if !self.buses_are_known() {
            pause.until_ms = pause.until_ms.min(now_ms());
            self.keep_pause(Some(pause));
            return;
        }
        let there: Vec<String> = self
            .view()
            .into_iter()
            .flat_map(|host| &host.links)
            .filter(|link| pause.buses.contains(&link.id))
            .map(|link| link.id.clone())
            .collect();
        for bus in there {
            self.request(Request::Connect(WhichBus { bus: Some(bus) }), None);
        }
        self.keep_pause(None);
    }

    fn keep_pause(&mut self, pause: Option<Pause>) {
        let file = pause::file(&self.settings.data_dir);
        if let Err(error) = pause::keep(&file, pause.as_ref()) {
            tracing::warn!(%error, file = %file.display(), "the pause cannot be kept; it ends with the app");
        }
        self.pause = pause;
        self.tell_soon();
    }

    /// Waits, bounded, for the end of a host that was told that nobody needs it. One that was started as a
    /// service stays, and is not waited for.
    pub(super) async fn see_it_end(&mut self, says_so: Duration, ends: Duration) {
        let Some(mut host) = self.host.take() else { return };
        if !host.stopping && tokio::time::timeout(says_so, stops(&mut host)).await.is_err() {
            return;
        }
        let gone = async {
            while let Some(Happening::Change(_)) = host.happenings.recv().await {}
            if let Some(child) = &mut self.child {
                let _ = child.wait().await;
            }
        };
        if tokio::time::timeout(ends, gone).await.is_err() {
            tracing::warn!("the host takes long to stop; `drawbridge status` shows whether it runs");
        }
    }

    pub(super) fn close_windows(&mut self) {
        self.threads.close_all();
        for window in Window::ALL {
            self.desktop.close(window);
        }
    }
}

/// Until the host says that it is stopping, or is gone.
async fn stops(host: &mut Connected) {
    while let Some(Happening::Change(delta)) = host.happenings.recv().await {
        if matches!(delta.change, Change::Stopping { .. }) {
            break;
        }
    }
}

/// Whether somebody has to do something first.
fn is_for_a_person(problem: &Problem) -> bool {
    const NOW: [&str; 9] = [
        "codex_not_found",
        "codex_home",
        "bad_root",
        "data_dir_writable",
        "socket_path",
        "files",
        "file",
        "spawn",
        "refused",
    ];
    NOW.contains(&problem.code.as_str())
}
