//! Keeps the connector running while the user wants to be connected.

use crate::ask::{ConnectorBase, LONGEST_LINE};
use crate::event::{AgentWatch, Event, LinkEvent};
use drawbridge_process::{Child, Ladder, Spawner, stop};
use drawbridge_wire::Secret;
use drawbridge_wire::link::ByeReason;
use drawbridge_wire::pipe::{FromConnector, ToConnector};
use drawbridge_wire::skills::SkillNames;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot, watch};

/// Pause before a connector that ended is started again.
const PAUSE: Duration = Duration::from_secs(1);
const LOG_LINES: usize = 200;

/// What a connector is started with.
pub(crate) struct LinkPlan {
    pub base: ConnectorBase,
    pub log_file: PathBuf,
    /// Names the bus in this host.
    pub id: String,
    /// Tells this link from earlier ones to the same bus.
    pub number: u64,
    /// Its host and port.
    pub bus: String,
    pub origin: String,
    pub connect_url: String,
    pub token: Secret,
    pub ca_file: Option<PathBuf>,
    pub tunnel_socket: PathBuf,
    pub host_id: String,
    pub host_name: String,
    pub public_key: String,
}

/// How the host is, for its bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostStatus {
    pub app_server_ready: bool,
    pub active_threads: u32,
    pub open_approvals: u32,
}

/// What the loop holds of it.
pub(crate) struct LinkHandle {
    origin: String,
    pid: ConnectorPid,
    lines: mpsc::Sender<ToConnector>,
    wanted: watch::Sender<(bool, u64)>,
    status: watch::Sender<Option<HostStatus>>,
    skills: watch::Sender<Option<SkillNames>>,
    stop: mpsc::Sender<oneshot::Sender<()>>,
    child: watch::Receiver<Option<Arc<Child>>>,
}

/// Pid of the connector that runs now; 0 for none. Only it may use the tunnel socket.
pub(crate) type ConnectorPid = Arc<AtomicU32>;

impl LinkHandle {
    /// Its process, while there is one.
    pub(crate) fn pid(&self) -> ConnectorPid {
        self.pid.clone()
    }
    /// Origin of the bus as the user configured it.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
    /// Tells how the host is; only the newest counts.
    pub(crate) fn status(&self, status: HostStatus) {
        self.status.send_replace(Some(status));
    }
    /// Tells which skills there are; only the newest counts.
    pub(crate) fn skills(&self, names: &SkillNames) {
        self.skills.send_if_modified(|told| {
            let new = told.as_ref() != Some(names);
            if new {
                *told = Some(names.clone());
            }
            new
        });
    }
    /// Sends a line that must arrive.
    pub(crate) fn send(&self, line: ToConnector) {
        if self.lines.try_send(line).is_err() {
            tracing::warn!("the connector does not take its lines; it will start its handshake again");
        }
    }
    /// Whether to be connected.
    pub(crate) fn want(&self, wanted: bool) {
        // The number makes every wish a new one: asked again, a connector that gave up starts anew.
        self.wanted.send_modify(|wish| *wish = (wanted, wish.1 + 1));
    }
    pub(crate) fn log(&self) -> Vec<String> {
        self.child
            .borrow()
            .as_ref()
            .map(|child| child.log().last(LOG_LINES))
            .unwrap_or_default()
    }
    /// Says bye and ends the connector for good.
    pub(crate) async fn stop(&self) {
        let (done, wait) = oneshot::channel();
        if self.stop.send(done).await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(15), wait).await;
        }
    }
}

/// Starts the task; connects if that is `wanted`.
pub(crate) fn start(
    plan: LinkPlan,
    wanted: bool,
    spawner: Arc<Spawner>,
    events: mpsc::Sender<Event>,
    agent: AgentWatch,
) -> LinkHandle {
    let pid = ConnectorPid::default();
    let (lines, line_queue) = mpsc::channel(256);
    let (wanted, wish) = watch::channel((wanted, 0));
    let (status, status_wish) = watch::channel(None);
    let (skills, skills_wish) = watch::channel(None);
    let (stop, orders) = mpsc::channel(1);
    let (child_out, child) = watch::channel(None);
    let origin = plan.origin.clone();
    let task = Task {
        agent,
        plan,
        spawner,
        events,
        pid: pid.clone(),
        lines: line_queue,
        wish,
        status: status_wish,
        skills: skills_wish,
        orders,
        child: child_out,
    };
    tokio::spawn(task.run());
    LinkHandle {
        origin,
        pid,
        lines,
        wanted,
        status,
        skills,
        stop,
        child,
    }
}

struct Task {
    agent: AgentWatch,
    plan: LinkPlan,
    spawner: Arc<Spawner>,
    events: mpsc::Sender<Event>,
    pid: ConnectorPid,
    lines: mpsc::Receiver<ToConnector>,
    wish: watch::Receiver<(bool, u64)>,
    status: watch::Receiver<Option<HostStatus>>,
    skills: watch::Receiver<Option<SkillNames>>,
    orders: mpsc::Receiver<oneshot::Sender<()>>,
    child: watch::Sender<Option<Arc<Child>>>,
}

enum Life {
    Ended(String),
    NotWanted,
    Stop(Option<oneshot::Sender<()>>),
}

impl Task {
    async fn run(mut self) {
        // The app-server stands before anything goes out (S1.05).
        tokio::select! {
            ready = async { self.agent.wait_for(|now| now.endpoint.is_some()).await.is_ok() } => if !ready { return },
            done = self.orders.recv() => return finish(done),
        }
        loop {
            while !self.wish.borrow_and_update().0 {
                tokio::select! {
                    changed = self.wish.changed() => if changed.is_err() { return },
                    done = self.orders.recv() => return finish(done),
                }
            }
            let life = self.live().await;
            self.pid.store(0, Ordering::SeqCst);
            match life {
                Life::Stop(done) => return finish(done),
                Life::NotWanted => {}
                Life::Ended(message) => {
                    self.tell(LinkEvent::Ended { message }).await;
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        done = self.orders.recv() => return finish(done),
                    }
                }
            }
        }
    }

    async fn live(&mut self) -> Life {
        let spec = self.plan.base.spec(self.plan.log_file.clone());
        let child = match self.spawner.spawn(spec).await {
            Ok(child) => Arc::new(child),
            Err(error) => return Life::Ended(error.to_string()),
        };
        let (Some(mut stdin), Some(stdout)) = (child.take_stdin(), child.take_stdout()) else {
            stop(&child, Ladder::default()).await;
            return Life::Ended("the connector has no pipes".to_owned());
        };
        self.pid.store(child.pid(), Ordering::SeqCst);
        // What was meant for an earlier connector says nothing to this one; its status follows.
        while self.lines.try_recv().is_ok() {}
        self.status.mark_changed();
        self.skills.mark_changed();
        self.child.send_replace(Some(child.clone()));
        if write(&mut stdin, &self.setup()).await.is_err() {
            stop(&child, Ladder::default()).await;
            return Life::Ended("the connector does not take its setup".to_owned());
        }
        self.tell(LinkEvent::Started { pid: child.pid() }).await;
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        loop {
            let mut bounded = (&mut reader).take(LONGEST_LINE);
            tokio::select! {
                read = bounded.read_until(b'\n', &mut line) => match read {
                    Ok(n) if n > 0 && line.ends_with(b"\n") => {
                        match serde_json::from_slice::<FromConnector>(&line) {
                            Ok(said) => self.tell(LinkEvent::Said(said)).await,
                            Err(error) => tracing::warn!(%error, "the connector said something unknown"),
                        }
                        line.clear();
                    }
                    _ => {
                        stop(&child, Ladder::default()).await;
                        let last = child.log().last(1).pop().unwrap_or_default();
                        return Life::Ended(format!("the connector ended by itself; it is started again. {last}"));
                    }
                },
                out = next_line(&mut self.lines, &mut self.status, &mut self.skills) => {
                    // Half a line may have gone out: nothing can follow it.
                    if write(&mut stdin, &out).await.is_err() {
                        stop(&child, Ladder::default()).await;
                        return Life::Ended("the connector does not read; it is started again".to_owned());
                    }
                },
                _ = self.wish.changed() => {
                    say_bye(&mut stdin, &child).await;
                    return Life::NotWanted;
                },
                done = self.orders.recv() => {
                    say_bye(&mut stdin, &child).await;
                    return Life::Stop(done);
                }
            }
        }
    }

    fn setup(&self) -> ToConnector {
        let plan = &self.plan;
        ToConnector::Setup {
            bus: plan.bus.clone(),
            connect_url: plan.connect_url.clone(),
            token: plan.token.clone(),
            ca_file: plan.ca_file.clone(),
            tunnel_socket: plan.tunnel_socket.clone(),
            host_id: plan.host_id.clone(),
            host_name: plan.host_name.clone(),
            public_key: plan.public_key.clone(),
        }
    }

    async fn tell(&self, event: LinkEvent) {
        // The loop ends only with the host.
        let event = Event::Link(self.plan.id.clone(), self.plan.number, event);
        let _ = self.events.send(event).await;
    }
}

/// The next line for the connector. Without anybody left to write one, it waits for ever: the other
/// branches end the connector then.
async fn next_line(
    lines: &mut mpsc::Receiver<ToConnector>,
    status: &mut watch::Receiver<Option<HostStatus>>,
    skills: &mut watch::Receiver<Option<SkillNames>>,
) -> ToConnector {
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => return line,
                None => std::future::pending().await,
            },
            changed = status.changed() => match changed {
                Ok(()) => {
                    let now = *status.borrow_and_update();
                    if let Some(HostStatus { app_server_ready, active_threads, open_approvals }) = now {
                        return ToConnector::Status { app_server_ready, active_threads, open_approvals };
                    }
                }
                Err(_) => std::future::pending().await,
            },
            changed = skills.changed() => match changed {
                Ok(()) => if let Some(names) = skills.borrow_and_update().clone() {
                    return ToConnector::Skills(names);
                },
                Err(_) => std::future::pending().await,
            },
        }
    }
}

fn finish(done: Option<oneshot::Sender<()>>) {
    if let Some(done) = done {
        // Whoever asked may have given up.
        let _ = done.send(());
    }
}

async fn say_bye(stdin: &mut tokio::process::ChildStdin, child: &Child) {
    if write(
        stdin,
        &ToConnector::Stop {
            reason: ByeReason::Disconnected,
        },
    )
    .await
    .is_ok()
    {
        let mut exited = child.exited();
        // If it does not go by itself, the ladder below sees to it.
        let _ = tokio::time::timeout(Duration::from_secs(3), crate::agent::how_it_ended(&mut exited)).await;
    }
    stop(child, Ladder::default()).await;
}

pub(crate) async fn write(stdin: &mut tokio::process::ChildStdin, line: &ToConnector) -> std::io::Result<()> {
    let mut text = zeroize::Zeroizing::new(serde_json::to_vec(line)?);
    text.push(b'\n');
    let write = async {
        stdin.write_all(&text).await?;
        stdin.flush().await
    };
    tokio::time::timeout(Duration::from_secs(5), write)
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}
