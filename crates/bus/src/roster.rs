//! Which hosts there are, which of them are connected, and which tunnels are being dialled. Plain state
//! without IO; its only owner is the task in [`crate::registry`].

use crate::BusLimits;
use crate::pins::{Pin, Pins};
use crate::refusal::Refusal;
use crate::tokens::Grant;
use drawbridge_wire::enroll::EnrollmentView;
use drawbridge_wire::link::{ByeReason, FromBus, TunnelEnd};
use drawbridge_wire::skills::SkillNames;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A host as `/api/hosts` and the MCP tool show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostView {
    /// Id by which clients reach it.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Whether its link stands.
    pub online: bool,
    /// Whether its app-server answers.
    pub app_server_ready: bool,
    /// Threads with a running turn.
    pub active_threads: u32,
    /// Approvals that wait for a person.
    pub open_approvals: u32,
    /// When its link was made, in milliseconds since 1970; null when offline.
    pub connected_since_ms: Option<u64>,
    /// Age of the last sign of life on its link, in milliseconds; null when offline.
    pub last_pong_age_ms: Option<u64>,
}

/// What a host said of itself last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Status {
    pub(crate) app_server_ready: bool,
    pub(crate) active_threads: u32,
    pub(crate) open_approvals: u32,
}

/// Number of a link; a host that connects again has another.
pub(crate) type LinkNumber = u64;

/// The registry's end of a link.
#[derive(Debug)]
pub(crate) struct LinkSeat {
    /// What the link's task is to send.
    pub(crate) orders: mpsc::Sender<FromBus>,
    /// Tells the link's task to say `bye` and end.
    pub(crate) end: oneshot::Sender<ByeReason>,
    /// Cancelled when the link has ended; its tunnels end with it.
    pub(crate) alive: CancellationToken,
}

/// The tunnel stands; whoever gets this brings the client's socket to it.
pub(crate) type Bring<S> = oneshot::Sender<S>;

/// How the wait for a tunnel ends.
pub(crate) type Dialled<S> = Result<Bring<S>, TunnelEnd>;

/// A tunnel its host came for.
#[derive(Debug)]
pub(crate) struct Claim<S> {
    /// Tells the waiting client.
    pub(crate) answer: oneshot::Sender<Dialled<S>>,
    /// The link by which it was opened.
    pub(crate) link: CancellationToken,
    /// Its place among the host's tunnels.
    pub(crate) place: OwnedSemaphorePermit,
}

/// A tunnel that was asked for.
#[derive(Debug)]
pub(crate) struct Opened<S> {
    pub(crate) tunnel: String,
    pub(crate) answer: oneshot::Receiver<Dialled<S>>,
}

#[derive(Debug)]
struct Online {
    number: LinkNumber,
    seat: LinkSeat,
    status: Status,
    skills: Arc<SkillNames>,
    since: SystemTime,
    last_pong: Instant,
    places: Arc<Semaphore>,
}

#[derive(Debug)]
struct Waiting<S> {
    host: String,
    number: LinkNumber,
    expires: Instant,
    claim: Claim<S>,
}

/// What a hello means for the pinned keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Acquaintance {
    /// Known under this key and name.
    Known,
    /// New, or with a new name: to be pinned before it is let in.
    ToPin,
    /// Not let in.
    Refused(ByeReason),
}

/// The state.
#[derive(Debug)]
pub(crate) struct Roster<S> {
    limits: BusLimits,
    pins: Pins,
    /// Digest of each token that was given for a code, and whose it is.
    issued: HashMap<[u8; 32], String>,
    online: HashMap<String, Online>,
    waiting: HashMap<String, Waiting<S>>,
    last_number: LinkNumber,
}

impl<S> Roster<S> {
    pub(crate) fn new(limits: BusLimits, pins: Pins) -> Self {
        Self {
            limits,
            issued: issued(&pins),
            pins,
            online: HashMap::new(),
            waiting: HashMap::new(),
            last_number: 0,
        }
    }

    /// Compares a host with the key its id was first used with. `own` is whose token it came with, when
    /// that is the token of one host.
    pub(crate) fn acquaintance(&self, id: &str, pin: &Pin, own: Option<&str>) -> Acquaintance {
        if own.is_some_and(|own| own != id) {
            return Acquaintance::Refused(ByeReason::Revoked);
        }
        match self.pins.get(id) {
            Some(known) if known.revoked => Acquaintance::Refused(ByeReason::Revoked),
            // Taken away while this host was shaking hands.
            None if own.is_some() => Acquaintance::Refused(ByeReason::Revoked),
            Some(known) if known.public_key != pin.public_key => Acquaintance::Refused(ByeReason::Revoked),
            Some(known) if known.name == pin.name => Acquaintance::Known,
            None if self.pins.len() >= self.limits.known_hosts => Acquaintance::Refused(ByeReason::Draining),
            Some(_) | None => Acquaintance::ToPin,
        }
    }

    /// All pins and one more, or one with another name.
    pub(crate) fn pins_with(&self, id: &str, mut pin: Pin) -> Pins {
        let mut pins = self.pins.clone();
        if let Some(known) = pins.remove(id) {
            pin.token = known.token;
            pin.revoked = known.revoked;
        }
        pins.insert(id.to_owned(), pin);
        pins
    }

    /// All pins after a code was traded: the host gets a token and counts (again).
    pub(crate) fn pins_with_token(&self, id: &str, mut pin: Pin, token: [u8; 32]) -> Result<Pins, Refusal> {
        match self.pins.get(id) {
            Some(known) if known.public_key != pin.public_key => {
                return Err(Refusal::IdTaken(id.to_owned()));
            }
            None if self.pins.len() >= self.limits.known_hosts => return Err(Refusal::TooManyHosts),
            Some(_) | None => {}
        }
        pin.token = Some(hex::encode(token));
        let mut pins = self.pins.clone();
        pins.insert(id.to_owned(), pin);
        Ok(pins)
    }

    /// All pins after a host was taken back, or forgotten.
    pub(crate) fn pins_without(&self, id: &str, forget: bool) -> Result<Pins, Refusal> {
        let mut pins = self.pins.clone();
        let pin = pins.get_mut(id).ok_or(Refusal::UnknownHost)?;
        pin.revoked = true;
        if forget {
            pins.remove(id);
        }
        Ok(pins)
    }

    pub(crate) fn set_pins(&mut self, pins: Pins) {
        self.issued = issued(&pins);
        self.pins = pins;
    }

    /// Whose token this is.
    pub(crate) fn owner(&self, token: &[u8; 32]) -> Option<String> {
        self.issued.get(token).cloned()
    }

    /// Ends the link of a host that was taken back.
    pub(crate) fn expel(&mut self, id: &str) {
        if let Some(online) = self.online.remove(id) {
            // A link that is just ending needs no reason.
            let _ = online.seat.end.send(ByeReason::Revoked);
            online.seat.alive.cancel();
            self.abandon_link(id, online.number);
        }
    }

    /// All hosts as who runs the bus sees them, by id.
    pub(crate) fn enrollments(&self) -> Vec<EnrollmentView> {
        let rows = self.pins.iter().map(|(id, pin)| EnrollmentView {
            host_id: id.clone(),
            name: pin.name.clone(),
            online: self.online.contains_key(id),
            paired: pin.token.is_some(),
            revoked: pin.revoked,
        });
        rows.collect()
    }

    /// Puts a host online. An older link of the same host ends.
    pub(crate) fn join(&mut self, id: &str, seat: LinkSeat) -> LinkNumber {
        self.last_number += 1;
        let online = Online {
            number: self.last_number,
            seat,
            status: Status::default(),
            skills: Arc::default(),
            since: SystemTime::now(),
            last_pong: Instant::now(),
            places: Arc::new(Semaphore::new(self.limits.tunnels_per_host)),
        };
        if let Some(older) = self.online.insert(id.to_owned(), online) {
            // An older link that is just ending needs no reason.
            let _ = older.seat.end.send(ByeReason::Replaced);
            older.seat.alive.cancel();
            self.abandon_link(id, older.number);
        }
        self.last_number
    }

    /// Takes a link away, unless a newer one of the same host has its place.
    pub(crate) fn leave(&mut self, id: &str, number: LinkNumber) {
        if self.current(id, number).is_some() {
            self.online.remove(id);
        }
        self.abandon_link(id, number);
    }

    fn abandon_link(&mut self, id: &str, number: LinkNumber) {
        let of_link = |_: &String, waiting: &mut Waiting<S>| waiting.host == id && waiting.number == number;
        for (_, waiting) in self.waiting.extract_if(of_link) {
            // The client may have gone first; then there is nobody to tell.
            let _ = waiting.claim.answer.send(Err(TunnelEnd::LinkLost));
        }
    }

    fn current(&mut self, id: &str, number: LinkNumber) -> Option<&mut Online> {
        self.online.get_mut(id).filter(|online| online.number == number)
    }

    pub(crate) fn set_status(&mut self, id: &str, number: LinkNumber, status: Status) {
        if let Some(online) = self.current(id, number) {
            online.status = status;
        }
    }

    pub(crate) fn set_skills(&mut self, id: &str, number: LinkNumber, skills: SkillNames) {
        if let Some(online) = self.current(id, number) {
            online.skills = Arc::new(skills);
        }
    }

    /// What a connected host told of its skills, for one who may see the host.
    pub(crate) fn skills(&self, id: &str, only: Option<&str>) -> Result<Arc<SkillNames>, Refusal> {
        if only.is_some_and(|only| only != id) {
            return Err(Refusal::UnknownHost);
        }
        match self.online.get(id) {
            Some(online) => Ok(online.skills.clone()),
            None if self.pins.get(id).is_some_and(|pin| !pin.revoked) => {
                Err(Refusal::HostOffline(id.to_owned()))
            }
            None => Err(Refusal::UnknownHost),
        }
    }

    pub(crate) fn pong(&mut self, id: &str, number: LinkNumber) {
        if let Some(online) = self.current(id, number) {
            online.last_pong = Instant::now();
        }
    }

    /// The host a client means: the one it names, else the one its token is bound to, else the only one.
    pub(crate) fn target(&self, grant: &Grant, named: Option<&str>) -> Result<String, Refusal> {
        let id = match (named, grant.host.as_deref()) {
            (Some(named), Some(bound)) if named != bound => return Err(Refusal::UnknownHost),
            (Some(id), _) | (None, Some(id)) => id.to_owned(),
            (None, None) => {
                let mut ids: Vec<String> = self.online.keys().cloned().collect();
                match (ids.pop(), ids.is_empty()) {
                    (None, _) => return Err(Refusal::NoHostOnline),
                    (Some(only), true) => only,
                    (Some(last), false) => {
                        ids.push(last);
                        ids.sort();
                        return Err(Refusal::SeveralHosts(ids));
                    }
                }
            }
        };
        if self.online.contains_key(&id) {
            Ok(id)
        } else if self.pins.get(&id).is_some_and(|pin| !pin.revoked) {
            Err(Refusal::HostOffline(id))
        } else {
            Err(Refusal::UnknownHost)
        }
    }

    /// Asks a host to dial a tunnel. `tunnel` must be fresh randomness.
    pub(crate) fn open(
        &mut self,
        grant: &Grant,
        named: Option<&str>,
        tunnel: String,
    ) -> Result<Opened<S>, Refusal> {
        let host = self.target(grant, named)?;
        let Some(online) = self.online.get(&host) else {
            return Err(Refusal::HostOffline(host));
        };
        let place = online
            .places
            .clone()
            .try_acquire_owned()
            .map_err(|_| Refusal::TooManyTunnels)?;
        let order = FromBus::Open {
            tunnel: tunnel.clone(),
            client: grant.name.clone(),
            role: grant.role,
            scopes: vec!["app-server".to_owned()],
        };
        online
            .seat
            .orders
            .try_send(order)
            .map_err(|_| Refusal::HostBusy)?;
        let (sender, answer) = oneshot::channel();
        let claim = Claim {
            answer: sender,
            link: online.seat.alive.clone(),
            place,
        };
        let expires = Instant::now() + self.limits.dial;
        let number = online.number;
        self.waiting.insert(
            tunnel.clone(),
            Waiting {
                host,
                number,
                expires,
                claim,
            },
        );
        Ok(Opened { tunnel, answer })
    }

    /// Hands a tunnel to its host, once, and to no other host.
    pub(crate) fn claim(&mut self, host: &str, tunnel: &str) -> Option<Claim<S>> {
        self.waiting
            .get(tunnel)
            .filter(|waiting| waiting.host == host && Instant::now() < waiting.expires)?;
        self.waiting.remove(tunnel).map(|waiting| waiting.claim)
    }

    /// The host cannot serve a tunnel.
    pub(crate) fn refuse(&mut self, host: &str, number: LinkNumber, tunnel: &str, end: TunnelEnd) {
        let own = |waiting: &Waiting<S>| waiting.host == host && waiting.number == number;
        if self.waiting.get(tunnel).is_some_and(own)
            && let Some(waiting) = self.waiting.remove(tunnel)
        {
            let _ = waiting.claim.answer.send(Err(end));
        }
    }

    /// Forgets tunnels nobody waits for any more.
    pub(crate) fn sweep(&mut self) {
        let now = Instant::now();
        self.waiting
            .retain(|_, waiting| now < waiting.expires && !waiting.claim.answer.is_closed());
    }

    /// Ends all links and all waits.
    pub(crate) fn drain(&mut self) {
        for (_, online) in self.online.drain() {
            let _ = online.seat.end.send(ByeReason::Draining);
            online.seat.alive.cancel();
        }
        self.waiting.clear();
    }

    /// All hosts, or the only one the asker may see, by id.
    pub(crate) fn view(&self, only: Option<&str>) -> Vec<HostView> {
        let visible = self
            .pins
            .iter()
            .filter(|(id, pin)| !pin.revoked && only.is_none_or(|only| only == id.as_str()));
        visible
            .map(|(id, pin)| {
                let online = self.online.get(id);
                let status = online.map(|online| online.status).unwrap_or_default();
                HostView {
                    id: id.clone(),
                    name: pin.name.clone(),
                    online: online.is_some(),
                    app_server_ready: status.app_server_ready,
                    active_threads: status.active_threads,
                    open_approvals: status.open_approvals,
                    connected_since_ms: online
                        .and_then(|online| online.since.duration_since(UNIX_EPOCH).ok())
                        .map(|since| whole_millis(since.as_millis())),
                    last_pong_age_ms: online
                        .map(|online| whole_millis(online.last_pong.elapsed().as_millis())),
                }
            })
            .collect()
    }
}

fn issued(pins: &Pins) -> HashMap<[u8; 32], String> {
    let tokens = pins.iter().filter_map(|(id, pin)| {
        let digest = hex::decode(pin.token.as_ref()?).ok()?.try_into().ok()?;
        Some((digest, id.clone()))
    });
    tokens.collect()
}

fn whole_millis(millis: u128) -> u64 {
    u64::try_from(millis).unwrap_or(u64::MAX)
}
