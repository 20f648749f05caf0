//! The task that owns the [`Roster`]. Links, tunnels and requests send it orders and get answers; nothing
//! else touches the state.

use crate::BusLimits;
use crate::codes::{Codes, NotTaken};
use crate::handshake::Proven;
use crate::pins::{Pin, PinFile, Pins};
use crate::refusal::Refusal;
use crate::roster::{Acquaintance, Claim, Dialled, HostView, LinkNumber, LinkSeat, Opened, Roster, Status};
use crate::tokens::{Grant, digest};
use crate::upgrade::Socket;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use drawbridge_wire::Secret;
use drawbridge_wire::enroll::{EnrollmentView, code_from};
use drawbridge_wire::link::{ByeReason, TunnelEnd};
use drawbridge_wire::skills::SkillNames;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Orders that may wait for the task.
const BACKLOG: usize = 1024;
/// How often waits without anyone waiting are looked for.
const SWEEP: Duration = Duration::from_secs(1);

enum Order {
    Join {
        id: String,
        pin: Pin,
        own: Option<String>,
        seat: LinkSeat,
        reply: oneshot::Sender<Result<LinkNumber, ByeReason>>,
    },
    Leave {
        id: String,
        number: LinkNumber,
    },
    Status {
        id: String,
        number: LinkNumber,
        status: Status,
    },
    SkillsTold {
        id: String,
        number: LinkNumber,
        skills: SkillNames,
    },
    Skills {
        id: String,
        only: Option<String>,
        reply: oneshot::Sender<Result<Arc<SkillNames>, Refusal>>,
    },
    Pong {
        id: String,
        number: LinkNumber,
    },
    Refused {
        id: String,
        number: LinkNumber,
        tunnel: String,
        end: TunnelEnd,
    },
    Open {
        grant: Arc<Grant>,
        named: Option<String>,
        reply: oneshot::Sender<Result<Opened<Socket>, Refusal>>,
    },
    Claim {
        host: String,
        tunnel: String,
        reply: oneshot::Sender<Option<Claim<Socket>>>,
    },
    Sweep,
    View {
        only: Option<String>,
        reply: oneshot::Sender<Vec<HostView>>,
    },
    Owner {
        token: [u8; 32],
        reply: oneshot::Sender<Option<String>>,
    },
    Pair {
        valid: Duration,
        reply: oneshot::Sender<Result<Secret, Refusal>>,
    },
    Trade {
        code: Secret,
        proven: Option<Proven>,
        reply: oneshot::Sender<Result<Secret, Refusal>>,
    },
    Revoke {
        id: String,
        forget: bool,
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    Enrollments {
        reply: oneshot::Sender<Vec<EnrollmentView>>,
    },
}

/// Access to the task.
#[derive(Clone)]
pub(crate) struct Registry(mpsc::Sender<Order>);

impl Registry {
    /// The access and the task's future.
    pub(crate) fn new(
        limits: BusLimits,
        file: Option<PinFile>,
        pins: Pins,
        shutdown: CancellationToken,
    ) -> (Self, impl Future<Output = ()>) {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let roster = Roster::new(limits, pins);
        (Self(sender), run(roster, file.map(Arc::new), receiver, shutdown))
    }

    /// Lets a host in whose signature was good. `own` is whose token it came with, when that is the token
    /// of one host.
    pub(crate) async fn join(
        &self,
        proven: Proven,
        own: Option<String>,
        seat: LinkSeat,
    ) -> Result<LinkNumber, ByeReason> {
        let Proven { id, pin } = proven;
        self.ask(|reply| Order::Join {
            id,
            pin,
            own,
            seat,
            reply,
        })
        .await
        .unwrap_or(Err(ByeReason::Draining))
    }

    /// Whose token this is the digest of.
    pub(crate) async fn owner(&self, token: [u8; 32]) -> Option<String> {
        self.ask(|reply| Order::Owner { token, reply }).await.flatten()
    }

    /// A new code.
    pub(crate) async fn pair(&self, valid: Duration) -> Result<Secret, Refusal> {
        self.ask(|reply| Order::Pair { valid, reply })
            .await
            .unwrap_or(Err(Refusal::Draining))
    }

    /// The token a code is traded for. `proven` is `None` when the request's signature was not good: then
    /// it is refused as that only if the code is.
    pub(crate) async fn trade(&self, code: Secret, proven: Option<Proven>) -> Result<Secret, Refusal> {
        self.ask(|reply| Order::Trade { code, proven, reply })
            .await
            .unwrap_or(Err(Refusal::Draining))
    }

    /// Takes a host's enrollment back and ends its link; `forget` also lets go of its key.
    pub(crate) async fn revoke(&self, id: String, forget: bool) -> Result<(), Refusal> {
        self.ask(|reply| Order::Revoke { id, forget, reply })
            .await
            .unwrap_or(Err(Refusal::Draining))
    }

    /// All hosts, for who runs the bus.
    pub(crate) async fn enrollments(&self) -> Result<Vec<EnrollmentView>, Refusal> {
        self.ask(|reply| Order::Enrollments { reply })
            .await
            .ok_or(Refusal::Draining)
    }

    /// A link ended.
    pub(crate) async fn leave(&self, id: String, number: LinkNumber) {
        self.tell(Order::Leave { id, number }).await;
    }

    pub(crate) async fn status(&self, id: String, number: LinkNumber, status: Status) {
        self.tell(Order::Status { id, number, status }).await;
    }

    pub(crate) async fn skills_told(&self, id: String, number: LinkNumber, skills: SkillNames) {
        self.tell(Order::SkillsTold { id, number, skills }).await;
    }

    /// What a host told of its skills, for one who may see all hosts or `only` one.
    pub(crate) async fn skills(&self, id: String, only: Option<String>) -> Result<Arc<SkillNames>, Refusal> {
        self.ask(|reply| Order::Skills { id, only, reply })
            .await
            .unwrap_or(Err(Refusal::Draining))
    }

    pub(crate) async fn pong(&self, id: String, number: LinkNumber) {
        self.tell(Order::Pong { id, number }).await;
    }

    pub(crate) async fn refused(&self, id: String, number: LinkNumber, tunnel: String, end: TunnelEnd) {
        self.tell(Order::Refused {
            id,
            number,
            tunnel,
            end,
        })
        .await;
    }

    /// Asks a host for a tunnel. The wait is forgotten when the result is dropped.
    pub(crate) async fn open(&self, grant: Arc<Grant>, named: Option<String>) -> Result<Wait, Refusal> {
        let opened = self
            .ask(|reply| Order::Open { grant, named, reply })
            .await
            .unwrap_or(Err(Refusal::Draining))?;
        Ok(Wait {
            answer: opened.answer,
            registry: self.clone(),
            tunnel: opened.tunnel,
        })
    }

    /// The tunnel a host came for, if it was opened for it.
    pub(crate) async fn claim(&self, host: String, tunnel: String) -> Option<Claim<Socket>> {
        self.ask(|reply| Order::Claim { host, tunnel, reply })
            .await
            .flatten()
    }

    /// All hosts, or only one.
    pub(crate) async fn view(&self, only: Option<String>) -> Result<Vec<HostView>, Refusal> {
        self.ask(|reply| Order::View { only, reply })
            .await
            .ok_or(Refusal::Draining)
    }

    async fn tell(&self, order: Order) {
        // A task that is gone has let go of everything the order is about.
        let _ = self.0.send(order).await;
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(order(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// A client waits for a tunnel.
pub(crate) struct Wait {
    tunnel: String,
    answer: oneshot::Receiver<Dialled<Socket>>,
    registry: Registry,
}

impl Wait {
    /// How it ended; `None` when the tunnel was taken and broke before it stood.
    pub(crate) async fn dialled(&mut self) -> Option<Dialled<Socket>> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.answer.close();
        tracing::trace!(
            tunnel = self.tunnel.get(..8),
            "no one waits for the tunnel any more"
        );
        // Only an early reminder: when the queue is full, the next regular sweep finds the closed wait.
        let _ = self.registry.0.try_send(Order::Sweep);
    }
}

async fn run(
    mut roster: Roster<Socket>,
    file: Option<Arc<PinFile>>,
    mut orders: mpsc::Receiver<Order>,
    shutdown: CancellationToken,
) {
    let mut sweep = tokio::time::interval(SWEEP);
    let mut codes = Codes::new(Instant::now());
    loop {
        let order = tokio::select! {
            () = shutdown.cancelled() => break,
            _ = sweep.tick() => Order::Sweep,
            order = orders.recv() => match order {
                Some(order) => order,
                None => break,
            },
        };
        match order {
            Order::Join {
                id,
                pin,
                own,
                seat,
                reply,
            } => {
                let answer = match admit(&mut roster, file.as_ref(), &id, pin, own.as_deref()).await {
                    Ok(()) => Ok(roster.join(&id, seat)),
                    Err(reason) => Err(reason),
                };
                // A link that died while it waited says so itself by a `Leave`; without its number it cannot.
                if let Err(Ok(number)) = reply.send(answer) {
                    roster.leave(&id, number);
                }
            }
            Order::Leave { id, number } => roster.leave(&id, number),
            Order::Status { id, number, status } => roster.set_status(&id, number, status),
            Order::SkillsTold { id, number, skills } => roster.set_skills(&id, number, skills),
            Order::Skills { id, only, reply } => {
                // The asker may be gone.
                let _ = reply.send(roster.skills(&id, only.as_deref()));
            }
            Order::Pong { id, number } => roster.pong(&id, number),
            Order::Refused {
                id,
                number,
                tunnel,
                end,
            } => roster.refuse(&id, number, &tunnel, end),
            Order::Open { grant, named, reply } => {
                let opened = match random_name() {
                    Some(tunnel) => roster.open(&grant, named.as_deref(), tunnel),
                    None => Err(Refusal::TunnelFailed),
                };
                // A client that went away while it was asked for leaves a closed wait.
                if reply.send(opened).is_err() {
                    roster.sweep();
                }
            }
            Order::Claim { host, tunnel, reply } => {
                let _ = reply.send(roster.claim(&host, &tunnel));
            }
            Order::Sweep => roster.sweep(),
            Order::View { only, reply } => {
                let _ = reply.send(roster.view(only.as_deref()));
            }
            Order::Owner { token, reply } => {
                let _ = reply.send(roster.owner(&token));
            }
            Order::Enrollments { reply } => {
                let _ = reply.send(roster.enrollments());
            }
            Order::Pair { valid, reply } => {
                let _ = reply.send(new_code(&mut codes, valid));
            }
            Order::Trade { code, proven, reply } => {
                let traded = trade(&mut roster, file.as_ref(), &mut codes, &code, proven).await;
                let _ = reply.send(traded);
            }
            Order::Revoke { id, forget, reply } => {
                let _ = reply.send(revoke(&mut roster, file.as_ref(), &id, forget).await);
            }
        }
    }
    roster.drain();
}

fn new_code(codes: &mut Codes, valid: Duration) -> Result<Secret, Refusal> {
    let mut random = [0; drawbridge_wire::enroll::CODE_SIGNS];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Refusal::NotSaved
    })?;
    let code = code_from(random);
    if codes.add(&code, valid, Instant::now()) {
        Ok(code)
    } else {
        Err(Refusal::TooManyCodes)
    }
}

/// The code is spent only when the token is on disk: a host that was not answered may come again.
async fn trade(
    roster: &mut Roster<Socket>,
    file: Option<&Arc<PinFile>>,
    codes: &mut Codes,
    code: &Secret,
    proven: Option<Proven>,
) -> Result<Secret, Refusal> {
    codes.check(code, Instant::now()).map_err(|why| match why {
        NotTaken::Unknown => Refusal::BadCode,
        NotTaken::TooMany(wait) => Refusal::TooManyTries(wait),
    })?;
    let Proven { id, pin } = proven.ok_or(Refusal::BadSignature)?;
    let token = Secret::new(&random_name().ok_or(Refusal::NotSaved)?);
    let pins = roster.pins_with_token(&id, pin, digest(token.reveal()))?;
    if !save(file, &pins).await {
        return Err(Refusal::NotSaved);
    }
    codes.spend(code);
    roster.set_pins(pins);
    tracing::info!(host = id, "host enrolled by a code");
    Ok(token)
}

async fn revoke(
    roster: &mut Roster<Socket>,
    file: Option<&Arc<PinFile>>,
    id: &str,
    forget: bool,
) -> Result<(), Refusal> {
    let pins = roster.pins_without(id, forget)?;
    if !save(file, &pins).await {
        return Err(Refusal::NotSaved);
    }
    roster.set_pins(pins);
    roster.expel(id);
    tracing::info!(host = id, forget, "enrollment taken back");
    Ok(())
}

/// Checks a host against its pin; pins it, on disk first, when it is new.
async fn admit(
    roster: &mut Roster<Socket>,
    file: Option<&Arc<PinFile>>,
    id: &str,
    pin: Pin,
    own: Option<&str>,
) -> Result<(), ByeReason> {
    match roster.acquaintance(id, &pin, own) {
        Acquaintance::Known => Ok(()),
        Acquaintance::Refused(reason) => {
            tracing::warn!(host = id, ?reason, "host refused");
            Err(reason)
        }
        Acquaintance::ToPin => {
            let pins = roster.pins_with(id, pin);
            // Not let in unpinned: after a restart anyone with the token could take the id.
            if !save(file, &pins).await {
                return Err(ByeReason::Draining);
            }
            roster.set_pins(pins);
            tracing::info!(host = id, "host pinned");
            Ok(())
        }
    }
}

async fn save(file: Option<&Arc<PinFile>>, pins: &Pins) -> bool {
    let Some(file) = file.cloned() else {
        return true;
    };
    let pins = pins.clone();
    match tokio::task::spawn_blocking(move || file.save(&pins)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "what is known of the hosts could not be saved");
            false
        }
        Err(_) => false,
    }
}

/// 32 random bytes as base64url; `None` when the system has no randomness.
pub(crate) fn random_name() -> Option<String> {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Some(BASE64_URL_SAFE_NO_PAD.encode(bytes)),
        Err(error) => {
            tracing::error!(%error, "the system gives no random bytes");
            None
        }
    }
}
