//! Keeps the app-server running: starts it, watches it, starts it again when it ends unasked.

mod settings;
mod trouble;

use crate::event::{AgentEvent, AgentStatus, AgentWatch, Event};
use drawbridge_codex::{AppServer, CodexBinary, Incoming, Launch, Peer, launch};
use drawbridge_process::{Child, Ladder, LogRing, Marker, MarkerRole, Spawner, stop};
use drawbridge_wire::Secret;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use trouble::Trouble;

const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// Pauses before a new start, in milliseconds; the last one stays.
const PAUSES_MS: [u64; 6] = [200, 500, 1000, 2000, 5000, 15_000];
/// Pauses between tries to connect the observer again, in milliseconds.
const REDIAL_MS: [u64; 5] = [50, 200, 500, 1000, 2000];
/// A life longer than this starts the pauses anew.
const HEALTHY: Duration = Duration::from_secs(30);
/// How many lines of its log a control client gets.
const LOG_LINES: usize = 200;

/// How the app-server is to be started.
pub(crate) struct AgentPlan {
    pub binary: CodexBinary,
    /// Where it keeps its configuration.
    pub codex_home: PathBuf,
    pub cwd: PathBuf,
    pub host: IpAddr,
    pub port: u16,
    pub env: Vec<(OsString, OsString)>,
    pub nonce: String,
    pub log_file: PathBuf,
    /// What it is started with besides; nothing starts before they are known.
    pub tokens: watch::Receiver<Option<Tokens>>,
}

/// MCP tokens, which are in the app-server's environment and nowhere else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens {
    /// Another number for another content.
    pub stamp: u64,
    /// Variable and token.
    pub variables: Vec<(String, Secret)>,
}

/// What the loop holds of it.
pub(crate) struct AgentHandle {
    status: AgentWatch,
    child: watch::Receiver<Option<Arc<Child>>>,
    orders: mpsc::Sender<Order>,
}

/// What the task is told to do.
enum Order {
    /// End the app-server for good.
    Stop(oneshot::Sender<()>),
    /// End it, if it runs, and start it at once.
    Restart,
}

/// The order to start the app-server anew.
pub(crate) struct Restarting(mpsc::Sender<Order>);

impl Restarting {
    /// Gives it; false where nothing is kept running any more. One that waits already is enough.
    pub(crate) fn give(&self) -> bool {
        !matches!(
            self.0.try_send(Order::Restart),
            Err(mpsc::error::TrySendError::Closed(_))
        )
    }
}

impl AgentHandle {
    /// That of a host without an app-server: whoever waits for one learns that none will come.
    pub(crate) fn none() -> Self {
        Self {
            status: watch::channel(AgentStatus::default()).1,
            child: watch::channel(None).1,
            orders: mpsc::channel(1).0,
        }
    }

    pub(crate) fn status(&self) -> AgentStatus {
        self.status.borrow().clone()
    }

    pub(crate) fn watch(&self) -> AgentWatch {
        self.status.clone()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        let ring: Option<LogRing> = self.child.borrow().as_ref().map(|child| child.log());
        ring.map(|ring| ring.last(LOG_LINES)).unwrap_or_default()
    }

    pub(crate) fn restarting(&self) -> Restarting {
        Restarting(self.orders.clone())
    }

    /// Ends the app-server for good: politely twice, then by force. Bounded by the ladder.
    pub(crate) async fn stop(&self) {
        let (done, wait) = oneshot::channel();
        if self.orders.send(Order::Stop(done)).await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(20), wait).await;
        }
    }
}

/// Starts the task.
pub(crate) fn start(plan: AgentPlan, spawner: Arc<Spawner>, events: mpsc::Sender<Event>) -> AgentHandle {
    let (status_out, status) = watch::channel(AgentStatus::default());
    let (child_out, child) = watch::channel(None);
    let (give, orders) = mpsc::channel(1);
    let task = Task {
        plan,
        spawner,
        events,
        status: status_out,
        child: child_out,
        orders,
    };
    tokio::spawn(task.run());
    AgentHandle {
        status,
        child,
        orders: give,
    }
}

struct Task {
    plan: AgentPlan,
    spawner: Arc<Spawner>,
    events: mpsc::Sender<Event>,
    status: watch::Sender<AgentStatus>,
    child: watch::Sender<Option<Arc<Child>>>,
    orders: mpsc::Receiver<Order>,
}

/// How one life ended.
enum Life {
    Ended(Trouble),
    Stop(oneshot::Sender<()>),
}

impl Life {
    /// How a life ends that an order ends.
    fn by(order: Option<Order>) -> Self {
        match order {
            Some(Order::Stop(done)) => Life::Stop(done),
            Some(Order::Restart) => Life::Ended(Trouble::Asked),
            None => Life::Ended(Trouble::NobodyLeft),
        }
    }
}

impl Task {
    async fn run(mut self) {
        let mut generation = 0;
        let mut failures = 0;
        loop {
            generation += 1;
            self.tell(AgentEvent::Starting { generation }).await;
            let began = tokio::time::Instant::now();
            let life = self.live(generation).await;
            let now = AgentStatus {
                generation,
                endpoint: None,
            };
            self.status.send_replace(now);
            if began.elapsed() > HEALTHY {
                failures = 0;
            }
            let trouble = match life {
                Life::Stop(done) => {
                    // Whoever asked may have given up.
                    let _ = done.send(());
                    return;
                }
                Life::Ended(trouble) => trouble,
            };
            let expected = matches!(trouble, Trouble::Asked);
            // Asked for again while it was ending: this start is the answer to both.
            if expected && let Ok(Order::Stop(done)) = self.orders.try_recv() {
                let _ = done.send(());
                return;
            }
            let pause = if expected {
                failures = 0;
                0
            } else {
                failures += 1;
                PAUSES_MS[(failures - 1).min(PAUSES_MS.len() - 1)]
            };
            self.tell(AgentEvent::Ended {
                generation,
                retry_in_ms: pause,
                code: trouble.code(),
                message: trouble.to_string(),
                expected,
            })
            .await;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                order = self.orders.recv() => match order {
                    Some(Order::Restart) => failures = 0,
                    Some(Order::Stop(done)) => {
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                }
            }
        }
    }

    /// Reads the user's settings anew, so that what was changed meanwhile holds, and starts.
    async fn start(plan: &AgentPlan, spawner: &Spawner) -> Result<(AppServer, u64), Trouble> {
        let mut known = plan.tokens.clone();
        // The loop always tells, at the latest when the keyring's deadline has passed.
        let tokens = match known.wait_for(Option::is_some).await {
            Ok(tokens) => tokens.clone().unwrap_or_default(),
            Err(_) => return Err(Trouble::NobodyLeft),
        };
        settings::check_file(&plan.codex_home).await?;
        let settings = settings::read(plan, spawner).await?;
        let mut plan = plan.launch(settings);
        for (variable, token) in &tokens.variables {
            plan.env.push((variable.into(), token.reveal().into()));
        }
        Ok((launch(spawner, plan).await?, tokens.stamp))
    }

    async fn live(&mut self, generation: u64) -> Life {
        let started = tokio::select! {
            started = Self::start(&self.plan, &self.spawner) => started,
            // What was begun is ended with the attempt.
            order = self.orders.recv() => return Life::by(order),
        };
        let (started, tokens) = match started {
            Ok(started) => started,
            Err(trouble) => return Life::Ended(trouble),
        };
        let AppServer {
            child,
            endpoint,
            observer,
            incoming,
            user_agent,
            codex_home: _,
        } = started;
        let child = Arc::new(child);
        self.child.send_replace(Some(child.clone()));
        self.status.send_replace(AgentStatus {
            generation,
            endpoint: Some(endpoint.clone()),
        });
        let pid = child.pid();
        self.tell(AgentEvent::Ready {
            generation,
            observer,
            pid,
            user_agent,
            tokens,
        })
        .await;
        let mut incoming = incoming;
        let mut exited = child.exited();
        loop {
            tokio::select! {
                order = self.orders.recv() => {
                    self.status.send_replace(AgentStatus { generation, endpoint: None });
                    stop(&child, Ladder::default()).await;
                    return Life::by(order);
                }
                ended = how_it_ended(&mut exited) => {
                    // First of all: connections that just broke want to know why, and cleaning up takes time.
                    self.status.send_replace(AgentStatus { generation, endpoint: None });
                    stop(&child, Ladder::default()).await;
                    return Life::Ended(Trouble::ended(ended, &child.log()).await);
                }
                frame = incoming.recv() => match frame {
                    Some(Incoming::Closed { .. }) | None => {
                        let redialled = tokio::select! {
                            biased;
                            // It ended: the branch above says how, now and not after the last try.
                            _ = how_it_ended(&mut exited) => continue,
                            redialled = self.redial(generation, &endpoint) => redialled,
                        };
                        let Some(again) = redialled else {
                            // Without eyes no approval can be seen or answered: a new start is better.
                            stop(&child, Ladder::default()).await;
                            return Life::Ended(Trouble::NoConnection);
                        };
                        incoming = again;
                    }
                    Some(frame) => {
                        if let Some(why) = drawbridge_codex::on_defaults(&frame) {
                            self.status.send_replace(AgentStatus { generation, endpoint: None });
                            stop(&child, Ladder::default()).await;
                            return Life::Ended(Trouble::ConfigInvalid(why));
                        }
                        self.forward(generation, frame).await;
                    }
                },
            }
        }
    }

    /// The observer's connection broke though the app-server may live: a new one, same generation.
    async fn redial(
        &self,
        generation: u64,
        endpoint: &drawbridge_codex::Endpoint,
    ) -> Option<mpsc::Receiver<Incoming>> {
        for pause in REDIAL_MS {
            if let Some((peer, incoming)) = self.hello(endpoint).await {
                self.tell(AgentEvent::Redialled {
                    generation,
                    observer: peer,
                })
                .await;
                return Some(incoming);
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        None
    }

    async fn hello(&self, endpoint: &drawbridge_codex::Endpoint) -> Option<(Peer, mpsc::Receiver<Incoming>)> {
        let (peer, incoming) = Peer::start(endpoint.dial().await.ok()?);
        let hello = json!({
            "clientInfo": { "name": CLIENT, "version": env!("CARGO_PKG_VERSION") },
            "capabilities": {
                "experimentalApi": true,
                "optOutNotificationMethods": drawbridge_codex::DELTA_NOTIFICATIONS,
            },
        });
        peer.request("initialize", hello, CALL_DEADLINE).await.ok()?;
        peer.notify("initialized", json!({})).await.ok()?;
        Some((peer, incoming))
    }

    async fn forward(&self, generation: u64, frame: Incoming) {
        let params = |raw: &str| {
            let frame: Value = serde_json::from_str(raw).unwrap_or_default();
            frame.get("params").cloned().unwrap_or_default()
        };
        let event = match frame {
            Incoming::Notification { method, raw } => AgentEvent::Notification {
                generation,
                params: params(&raw),
                method,
            },
            Incoming::Request { id, method, raw } => AgentEvent::Request {
                generation,
                id,
                params: params(&raw),
                method,
            },
            Incoming::Closed { .. } => return,
        };
        self.tell(event).await;
    }

    async fn tell(&self, event: AgentEvent) {
        // The loop ends only with the host.
        let _ = self.events.send(Event::Agent(event)).await;
    }
}

impl AgentPlan {
    fn marker(&self) -> Marker {
        Marker {
            nonce: self.nonce.clone(),
            role: MarkerRole::Agent,
        }
    }

    fn launch(&self, config: Vec<String>) -> Launch {
        Launch {
            binary: self.binary.clone(),
            cwd: self.cwd.clone(),
            host: self.host,
            port: self.port,
            env: self.env.clone(),
            config,
            marker: self.marker(),
            log_file: Some(self.log_file.clone()),
            client_name: CLIENT.to_owned(),
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
            experimental: true,
        }
    }
}

/// Waits for a child's end; `None` when nobody can tell any more.
pub(crate) async fn how_it_ended(
    exited: &mut watch::Receiver<Option<std::process::ExitStatus>>,
) -> Option<std::process::ExitStatus> {
    loop {
        let now = *exited.borrow_and_update();
        if now.is_some() {
            return now;
        }
        exited.changed().await.ok()?;
    }
}

/// Name the app-server and its models know us by; the first client's name is process-wide.
const CLIENT: &str = "drawbridge";
