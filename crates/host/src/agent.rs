//! Keeps the app-server running: starts it, watches it, starts it again when it ends unasked.

use crate::event::{AgentEvent, AgentStatus, AgentWatch, Event};
use drawbridge_codex::{AppServer, CodexBinary, Incoming, Launch, Peer, launch};
use drawbridge_process::{Child, Ladder, LogRing, Marker, MarkerRole, Spawner, stop};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

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
    pub cwd: PathBuf,
    pub host: IpAddr,
    pub port: u16,
    pub env: Vec<(OsString, OsString)>,
    pub nonce: String,
    pub log_file: PathBuf,
}

/// What the loop holds of it.
pub(crate) struct AgentHandle {
    status: AgentWatch,
    child: watch::Receiver<Option<Arc<Child>>>,
    stop: mpsc::Sender<oneshot::Sender<()>>,
}

impl AgentHandle {
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

    /// Ends the app-server for good: politely twice, then by force. Bounded by the ladder.
    pub(crate) async fn stop(&self) {
        let (done, wait) = oneshot::channel();
        if self.stop.send(done).await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(20), wait).await;
        }
    }
}

/// Starts the task.
pub(crate) fn start(plan: AgentPlan, spawner: Arc<Spawner>, events: mpsc::Sender<Event>) -> AgentHandle {
    let (status_out, status) = watch::channel(AgentStatus::default());
    let (child_out, child) = watch::channel(None);
    let (stop, orders) = mpsc::channel(1);
    let task = Task {
        plan,
        spawner,
        events,
        status: status_out,
        child: child_out,
        orders,
    };
    tokio::spawn(task.run());
    AgentHandle { status, child, stop }
}

struct Task {
    plan: AgentPlan,
    spawner: Arc<Spawner>,
    events: mpsc::Sender<Event>,
    status: watch::Sender<AgentStatus>,
    child: watch::Sender<Option<Arc<Child>>>,
    orders: mpsc::Receiver<oneshot::Sender<()>>,
}

/// How one life ended.
enum Life {
    Ended(String),
    Stop(oneshot::Sender<()>),
}

impl Task {
    async fn run(mut self) {
        let mut generation = 0;
        let mut failures = 0;
        let mut config = None;
        loop {
            generation += 1;
            self.tell(AgentEvent::Starting { generation }).await;
            let began = tokio::time::Instant::now();
            let life = self.live(generation, &mut config).await;
            let now = AgentStatus {
                generation,
                endpoint: None,
            };
            self.status.send_replace(now);
            if began.elapsed() > HEALTHY {
                failures = 0;
            }
            let message = match life {
                Life::Stop(done) => {
                    // Whoever asked may have given up.
                    let _ = done.send(());
                    return;
                }
                Life::Ended(message) => message,
            };
            let pause = PAUSES_MS[failures.min(PAUSES_MS.len() - 1)];
            failures += 1;
            self.tell(AgentEvent::Ended {
                generation,
                retry_in_ms: pause,
                message,
            })
            .await;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                done = self.orders.recv() => {
                    if let Some(done) = done {
                        let _ = done.send(());
                    }
                    return;
                }
            }
        }
    }

    async fn live(&mut self, generation: u64, config: &mut Option<Vec<String>>) -> Life {
        let config = match config {
            Some(config) => config.clone(),
            None => match self.environment_policy().await {
                Ok(read) => config.insert(read).clone(),
                Err(message) => return Life::Ended(message),
            },
        };
        let started = match launch(&self.spawner, self.launch_plan(config, false)).await {
            Ok(started) => started,
            Err(error) => return Life::Ended(error.to_string()),
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
        })
        .await;
        let mut incoming = incoming;
        let mut exited = child.exited();
        loop {
            tokio::select! {
                done = self.orders.recv() => {
                    self.status.send_replace(AgentStatus { generation, endpoint: None });
                    stop(&child, Ladder::default()).await;
                    return match done {
                        Some(done) => Life::Stop(done),
                        None => Life::Ended("the host is gone".to_owned()),
                    };
                }
                ended = how_it_ended(&mut exited) => {
                    // First of all: connections that just broke want to know why, and cleaning up takes time.
                    self.status.send_replace(AgentStatus { generation, endpoint: None });
                    let code = ended.map_or_else(String::new, |s| format!(" ({s})"));
                    let last = child.log().last(1).pop().map_or_else(String::new, |line| format!("; it said: {line}"));
                    stop(&child, Ladder::default()).await;
                    return Life::Ended(format!("the app-server ended by itself{code}{last}"));
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
                            return Life::Ended("the app-server took no new connection of the host".to_owned());
                        };
                        incoming = again;
                    }
                    Some(frame) => self.forward(generation, frame).await,
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

    fn launch_plan(&self, config: Vec<String>, probe: bool) -> Launch {
        Launch {
            binary: self.plan.binary.clone(),
            cwd: self.plan.cwd.clone(),
            host: self.plan.host,
            port: if probe { 0 } else { self.plan.port },
            env: self.plan.env.clone(),
            config,
            marker: Marker {
                nonce: self.plan.nonce.clone(),
                role: MarkerRole::Agent,
            },
            log_file: (!probe).then(|| self.plan.log_file.clone()),
            client_name: CLIENT.to_owned(),
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
            experimental: true,
        }
    }

    /// Reads the user's own shell environment policy from a short-lived app-server, because an override
    /// on the command line replaces the user's list instead of adding to it (observed, 0.169.0).
    async fn environment_policy(&self) -> Result<Vec<String>, String> {
        let probe = launch(&self.spawner, self.launch_plan(Vec::new(), true))
            .await
            .map_err(|e| e.to_string())?;
        let read = probe
            .observer
            .request("config/read", json!({}), CALL_DEADLINE)
            .await;
        stop(&probe.child, Ladder::default()).await;
        let read = read.map_err(|error| format!("codex does not tell its configuration: {error}"))?;
        let marker = Marker {
            nonce: self.plan.nonce.clone(),
            role: MarkerRole::Agent,
        };
        Ok(overrides(&read, &marker))
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

/// Variables an agent's shell must not see.
const HIDDEN: [&str; 4] = [
    "FORGE_CODEX_CONNECTOR_*",
    "CODEX_APP_CONNECTOR_*",
    "CODEX_BUS_*",
    "DRAWBRIDGE_*TOKEN*",
];

/// The user's exclusions and settings with ours added.
fn overrides(config: &Value, marker: &Marker) -> Vec<String> {
    let policy = config
        .pointer("/config/shell_environment_policy")
        .unwrap_or(&Value::Null);
    let mut exclude: Vec<String> = policy
        .get("exclude")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    exclude.extend(HIDDEN.iter().map(|h| (*h).to_owned()));
    let mut set: Vec<(String, String)> = policy
        .get("set")
        .and_then(Value::as_object)
        .map(|map| {
            map.iter()
                .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
                .collect()
        })
        .unwrap_or_default();
    let (name, value) = (drawbridge_process::MARKER_VARIABLE.to_owned(), marker.value());
    set.retain(|(known, _)| *known != name);
    set.push((name, value));
    let exclude: Vec<String> = exclude.iter().map(|text| toml_text(text)).collect();
    let set: Vec<String> = set
        .iter()
        .map(|(k, v)| format!("{} = {}", toml_text(k), toml_text(v)))
        .collect();
    vec![
        format!("shell_environment_policy.exclude=[{}]", exclude.join(", ")),
        format!("shell_environment_policy.set={{{}}}", set.join(", ")),
    ]
}

/// A TOML basic string; JSON's escapes are a subset of TOML's, but TOML wants DEL escaped too.
fn toml_text(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_exclusions_are_added_to_the_users() {
        let marker = Marker {
            nonce: "n".into(),
            role: MarkerRole::Agent,
        };
        let config = json!({"config":{"shell_environment_policy":{"exclude":["AWS_*"],"set":{"A":"b\"c"}}}});
        let lines = overrides(&config, &marker);
        assert!(
            lines[0].starts_with("shell_environment_policy.exclude=[\"AWS_*\", \"FORGE_CODEX_CONNECTOR_*\""),
            "{}",
            lines[0]
        );
        assert_eq!(
            lines[1],
            "shell_environment_policy.set={\"A\" = \"b\\\"c\", \"DRAWBRIDGE_CHILD\" = \"n:agent\"}"
        );
        assert_eq!(overrides(&json!({}), &marker).len(), 2);
    }
}
