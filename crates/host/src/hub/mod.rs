//! The event loop: one owner of all state. It never waits for anything but its next event; whatever
//! takes time is a task that reports back.

mod agent;
mod approvals;
mod buses;
pub(crate) mod config;
mod control;
mod enroll;
mod form;
mod gate;
mod held;
mod link;
mod mcp;
mod places;
mod processes;
mod refusals;
mod skills;
mod stop;
#[cfg(test)]
mod tests;
mod twice;
mod vault;
mod view;

use crate::HostError;
use crate::agent::{AgentHandle, Tokens};
use crate::ask::ConnectorBase;
use crate::config::Configuration;
use crate::event::{Caller, ConnectionId, Event, Permit, Refused, ThreadOp, ToConnection};
use crate::identity::Identity;
use crate::layout::Layout;
use crate::policy::Policy;
use crate::room::{KnownBuses, Limits};
use drawbridge_audit::{Audit, Entry};
use drawbridge_codex::Peer;
use drawbridge_core::approvals::Queue;
use drawbridge_core::leases::{Leases, Verdict};
use drawbridge_core::threads::Threads;
use drawbridge_process::Spawner;
use drawbridge_vault::KeySource;
use drawbridge_wire::control::{AppServerState, AppServerView, Change, Notification};
use drawbridge_wire::pipe::BusSetup;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};

/// A client connection behind the gate.
pub(super) struct Client {
    pub caller: Caller,
    pub name: String,
    /// See [`Policy::edition`].
    pub edition: u64,
    /// It was told to end; nothing it asks counts any more.
    pub closing: bool,
    pub outbox: mpsc::Sender<ToConnection>,
    pub lines: refusals::Lines,
    /// What the record does not say of it yet, because its bus had used up its lines.
    pub unrecorded: Option<Entry>,
}

/// A client of the control socket.
pub(super) struct ControlClient {
    pub name: String,
    pub initialized: bool,
    pub subscribed: bool,
    pub lease: bool,
    pub pid: Option<u32>,
    pub outbox: mpsc::Sender<Notification>,
}

/// Requests on one thread go one at a time, in the order they came.
#[derive(Default)]
pub(super) struct Lane {
    pub busy: Option<u64>,
    pub waiting: VecDeque<Waiting>,
}

pub(super) struct Waiting {
    pub connection: ConnectionId,
    pub op: ThreadOp,
    pub reply: oneshot::Sender<Result<Permit, Refused>>,
}

/// A request on its way, by permit.
pub(super) struct InFlight {
    pub connection: ConnectionId,
    pub op: ThreadOp,
    pub wide_after: Option<bool>,
    pub generation: u64,
}

/// Everything the loop is built from.
pub(crate) struct Parts {
    pub layout: Arc<Layout>,
    pub identity: Identity,
    pub policy: Arc<Policy>,
    /// What the doors give to new connections.
    pub policies: watch::Sender<Arc<Policy>>,
    pub config: Configuration,
    /// Sets how much is written to the log.
    pub log_level: Box<dyn Fn(&str) + Send>,
    pub audit: Audit,
    pub agent: AgentHandle,
    /// A bus that flags named.
    pub bus: Option<BusSetup>,
    pub base: ConnectorBase,
    pub spawner: Arc<Spawner>,
    pub vault_key: KeySource,
    pub events: mpsc::Sender<Event>,
    pub moves: watch::Sender<u64>,
    pub known: watch::Sender<Arc<KnownBuses>>,
    pub tokens: watch::Sender<Option<Tokens>>,
    pub limits: Limits,
    /// Where skills lie, as far as it does not change.
    pub places: drawbridge_skills::Places,
    pub service: bool,
    /// See `HostSetup::visit`.
    pub visit: bool,
}

/// The state and the loop.
pub(crate) struct Hub {
    layout: Arc<Layout>,
    identity: Identity,
    policy: Arc<Policy>,
    policies: watch::Sender<Arc<Policy>>,
    config: Configuration,
    log_level: Box<dyn Fn(&str) + Send>,
    audit: Audit,
    agent: AgentHandle,
    /// Of flags first, then enrolled ones, oldest first.
    buses: Vec<buses::Bus>,
    /// Last number that was given to a link or a look, see [`Hub::next_number`].
    numbers: u64,
    base: ConnectorBase,
    spawner: Arc<Spawner>,
    vault: vault::Slot,
    vault_key: KeySource,
    /// What the doors know of the buses.
    known: watch::Sender<Arc<KnownBuses>>,
    offers: mcp::Offers,
    limits: Limits,
    events: mpsc::Sender<Event>,
    observer: Option<(u64, Peer)>,
    app_server: AppServerView,
    app_server_lives: processes::Lives,
    host_lives: processes::Lives,
    threads: Threads,
    approvals: Queue,
    leases: Leases,
    clients: BTreeMap<ConnectionId, Client>,
    controls: BTreeMap<ConnectionId, ControlClient>,
    lanes: HashMap<String, Lane>,
    in_flight: HashMap<u64, InFlight>,
    /// Lines of the record that connections have together.
    shared: refusals::Shared,
    next_permit: u64,
    /// See [`crate::event::MoveCount`].
    moves: watch::Sender<u64>,
    /// Connections that received a pending request and may be shown it.
    holders: HashMap<drawbridge_core::approvals::ApprovalId, HashSet<ConnectionId>>,
    raw: HashMap<drawbridge_core::approvals::ApprovalId, String>,
    /// Answers that were sent on a connection of the observer that is gone: whether they arrived is not known.
    unsure: HashSet<drawbridge_core::approvals::ApprovalId>,
    /// Whether an enrollment is under way. One at a time: each looks for what is enrolled already.
    enrolling: bool,
    skills: crate::skills::Skills,
    skills_waiting: crate::skills::Waiting,
    /// Number of the last change.
    seq: u64,
    /// There is no app-server, and no bus is dialled: see `HostSetup::visit`.
    visit: bool,
    stopping: Option<String>,
}

impl Hub {
    /// # Errors
    /// When the bus that flags named cannot be used.
    pub(crate) fn new(parts: Parts) -> Result<Self, HostError> {
        let now = now_ms();
        let flagged = parts.bus;
        let mut hub = Self {
            layout: parts.layout,
            identity: parts.identity,
            policy: parts.policy,
            policies: parts.policies,
            config: parts.config,
            log_level: parts.log_level,
            audit: parts.audit,
            agent: parts.agent,
            buses: Vec::new(),
            numbers: 0,
            base: parts.base,
            spawner: parts.spawner,
            vault: vault::Slot::None,
            vault_key: parts.vault_key,
            known: parts.known,
            offers: mcp::Offers::new(parts.tokens),
            limits: parts.limits,
            events: parts.events,
            observer: None,
            app_server: AppServerView {
                generation: 0,
                state: match parts.visit {
                    true => AppServerState::Stopped,
                    false => AppServerState::Starting,
                },
                pid: None,
                user_agent: None,
            },
            app_server_lives: processes::Lives::default(),
            host_lives: processes::Lives::default(),
            threads: Threads::default(),
            approvals: Queue::default(),
            leases: match parts.visit {
                true => Leases::visiting(now),
                false => Leases::new(parts.service, now),
            },
            clients: BTreeMap::new(),
            controls: BTreeMap::new(),
            lanes: HashMap::new(),
            in_flight: HashMap::new(),
            shared: refusals::Shared::default(),
            next_permit: 1,
            moves: parts.moves,
            holders: HashMap::new(),
            raw: HashMap::new(),
            unsure: HashSet::new(),
            enrolling: false,
            skills: crate::skills::Skills::new(parts.places),
            skills_waiting: crate::skills::Waiting::default(),
            seq: 0,
            visit: parts.visit,
            stopping: None,
        };
        hub.host_lives.started();
        if let Some(bus) = flagged {
            hub.add_flagged(bus)?;
        }
        hub.begin_with_vault();
        hub.begin_with_skills();
        Ok(hub)
    }

    /// Runs until the host is to stop, then stops everything in order.
    pub(crate) async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        self.record_policy(None, "start");
        while self.stopping.is_none() {
            let event = tokio::select! {
                event = events.recv() => event,
                () = tokio::time::sleep(self.until_next_deadline()) => None,
            };
            match event {
                Some(event) => {
                    self.handle(event);
                    self.follow_skills();
                }
                None if events.is_closed() => break,
                None => {}
            }
            self.expire();
        }
        let reason = self
            .stopping
            .take()
            .unwrap_or_else(|| "the host's work is done".to_owned());
        self.stop(&reason, events).await;
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Agent(event) => self.on_agent(event),
            Event::Gate(connection, event) => self.on_gate(connection, event),
            Event::Control(connection, event) => self.on_control(connection, event),
            Event::Link(bus, number, event) => self.on_link(&bus, number, event),
            Event::Vault(event) => self.on_vault(event),
            Event::Skills(event) => self.on_skills(event),
            Event::Config(reading) => self.on_config(*reading),
            Event::McpChecked { bus, look, answer } => self.mcp_checked(&bus, look, answer),
            Event::TurnedAway { door, pid, why } => {
                let entry = Entry::ConnectionRefused {
                    door,
                    bus: None,
                    client: None,
                    peer_pid: pid,
                    reason: why.to_owned(),
                };
                self.record_turned_away(door.word(), why, &entry);
            }
            Event::Stop(reason) => self.stopping = Some(reason.to_owned()),
        }
    }

    fn until_next_deadline(&self) -> Duration {
        let now = now_ms();
        let lease = match self.leases.verdict(now) {
            Verdict::Stay => None,
            Verdict::EndAt(at) => Some(at),
            Verdict::EndNow => Some(now),
        };
        let next = [lease, self.approvals.next_deadline(), self.lines_due_ms()]
            .into_iter()
            .flatten()
            .min();
        next.map_or(Duration::from_secs(3600), |at| {
            Duration::from_millis(at.saturating_sub(now).max(1))
        })
    }

    fn expire(&mut self) {
        let now = now_ms();
        self.refill_lines(now);
        for id in self.approvals.due(now) {
            self.answer_by_itself(&id, drawbridge_wire::AnswerSource::Deadline);
        }
        if self.stopping.is_none() && self.leases.verdict(now) == Verdict::EndNow {
            self.stopping = Some("nobody holds a lease any more".to_owned());
        }
    }

    /// Numbers a change and sends it to every subscribed control client. One that does not read loses
    /// its connection, never a change.
    fn changed(&mut self, change: Change) {
        self.skills.note(&change);
        self.seq += 1;
        let delta = drawbridge_wire::control::Delta {
            seq: self.seq,
            change,
        };
        let note = Notification::Delta(delta);
        self.controls
            .retain(|_, client| !client.subscribed || client.outbox.try_send(note.clone()).is_ok());
    }

    /// Tells one of a kind from all that came before it.
    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn record(&mut self, entry: &Entry) {
        if let Err(error) = self.audit.append(now_ms(), entry) {
            tracing::error!(%error, "the record cannot be written; check the disk");
        }
    }

    /// Runs something that takes time; its result comes back as an event.
    fn spawn(&self, task: impl Future<Output = Option<Event>> + Send + 'static) {
        let events = self.events.clone();
        tokio::spawn(async move {
            if let Some(event) = task.await {
                // The loop has ended: nobody is left to care.
                let _ = events.send(event).await;
            }
        });
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
