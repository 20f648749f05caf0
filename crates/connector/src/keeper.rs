//! The connector's life: setup, attempts, waits, stop.

use crate::backoff::Backoff;
use crate::dial::Dialer;
use crate::error::LinkError;
use crate::lines::{LineReader, Lines, MAX_WAITING_LINES, write_lines};
use crate::link::{Identity, Link};
use crate::splice::LINGER;
use crate::tunnel::{MAX_TUNNELS, Tunnels, Ways};
use crate::{ConnectorError, urls};
use drawbridge_wire::Secret;
use drawbridge_wire::link::{ByeReason, FromHost};
use drawbridge_wire::pipe::{FromConnector, LinkState, ToConnector};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// How long the setup may take to arrive.
const SETUP_WITHIN: Duration = Duration::from_secs(10);
/// Signatures that may wait: one is asked for at a time.
const MAX_WAITING_SIGNATURES: usize = 4;

/// Runs the connector until the host says stop or is gone.
///
/// The first line of `stdin` is [`ToConnector::Setup`], or [`ToConnector::Ask`] for a connector that finds
/// one thing out and ends. Everything that goes wrong with the link is said
/// on `stdout` as [`LinkState`]; after [`LinkState::Failed`] the connector stays, without trying again,
/// until the host ends it. When `stdin` ends the host has died and the connector ends at once.
///
/// # Errors
/// Only trouble with the pipe to the host; the messages never quote it.
pub async fn run<R: AsyncRead, W: AsyncWrite>(stdin: R, stdout: W) -> Result<(), ConnectorError> {
    let (stdin, stdout) = (std::pin::pin!(stdin), std::pin::pin!(stdout));
    let mut reader = LineReader::new(stdin);
    let first = timeout(SETUP_WITHIN, reader.next())
        .await
        .map_err(|_| ConnectorError::NoSetup)??;
    let (lines, queue) = mpsc::channel(MAX_WAITING_LINES);
    let setup = match first {
        Some(ToConnector::Ask { at, ca_file, what }) => {
            return crate::ask::answer(
                &at,
                ca_file.as_deref(),
                what,
                &mut reader,
                lines,
                write_lines(queue, stdout),
            )
            .await;
        }
        Some(message) => Setup::take(message)?,
        None => return Err(ConnectorError::NoSetup),
    };
    let (outbox, inbox) = boxes();
    let keeper = Keeper {
        setup,
        inbox,
        lines,
        backoff: Backoff::new(),
        tunnels: Tunnels::default(),
    };
    // The writer ends after the keeper, when the last line is out; only a broken pipe ends it before.
    let work = async {
        let mut writing = std::pin::pin!(write_lines(queue, stdout));
        tokio::select! {
            written = &mut writing => written,
            () = keeper.keep() => writing.await,
        }
    };
    tokio::select! {
        ended = outbox.fill(&mut reader) => ended,
        done = Box::pin(work) => done,
    }
}

/// What the host said at the start.
struct Setup {
    bus: String,
    connect_url: String,
    token: Secret,
    ca_file: Option<PathBuf>,
    tunnel_socket: PathBuf,
    identity: Identity,
}

impl Setup {
    fn take(message: ToConnector) -> Result<Self, ConnectorError> {
        let ToConnector::Setup {
            bus,
            connect_url,
            token,
            ca_file,
            tunnel_socket,
            host_id,
            host_name,
            public_key,
        } = message
        else {
            return Err(ConnectorError::NoSetup);
        };
        let identity = Identity {
            host_id,
            host_name,
            public_key,
        };
        Ok(Self {
            bus,
            connect_url,
            token,
            ca_file,
            tunnel_socket,
            identity,
        })
    }
}

/// What the host says later, as the link takes it.
pub(crate) struct Inbox {
    /// Only the latest counts.
    pub(crate) status: watch::Receiver<Option<FromHost>>,
    /// The same.
    pub(crate) skills: watch::Receiver<Option<FromHost>>,
    /// Nonce and signature.
    pub(crate) signatures: mpsc::Receiver<(String, String)>,
    /// See [`stopped`].
    pub(crate) stop: watch::Receiver<Option<ByeReason>>,
}

/// Until the host says stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<Option<ByeReason>>) -> ByeReason {
    if let Ok(reason) = stop.wait_for(Option::is_some).await
        && let Some(reason) = *reason
    {
        return reason;
    }
    // The other end is dropped only when everything is.
    std::future::pending().await
}

pub(crate) struct Outbox {
    pub(crate) status: watch::Sender<Option<FromHost>>,
    pub(crate) skills: watch::Sender<Option<FromHost>>,
    pub(crate) signatures: mpsc::Sender<(String, String)>,
    pub(crate) stop: watch::Sender<Option<ByeReason>>,
}

pub(crate) fn boxes() -> (Outbox, Inbox) {
    let (status, status_seen) = watch::channel(None);
    let (skills, skills_seen) = watch::channel(None);
    let (signatures, signed) = mpsc::channel(MAX_WAITING_SIGNATURES);
    let (stop, stop_seen) = watch::channel(None);
    let inbox = Inbox {
        status: status_seen,
        skills: skills_seen,
        signatures: signed,
        stop: stop_seen,
    };
    (
        Outbox {
            status,
            skills,
            signatures,
            stop,
        },
        inbox,
    )
}

impl Outbox {
    /// Sorts the host's lines until it is gone. Never waits for the link, so that a stop is always heard.
    async fn fill<R: AsyncRead + Unpin>(self, reader: &mut LineReader<R>) -> Result<(), ConnectorError> {
        while let Some(message) = reader.next().await? {
            match message {
                ToConnector::Setup { .. } | ToConnector::Ask { .. } => return Err(ConnectorError::BadLine),
                ToConnector::Signature { nonce, signature } => {
                    if self.signatures.try_send((nonce, signature)).is_err() {
                        tracing::warn!("a signature that nobody asked for was dropped");
                    }
                }
                ToConnector::Status {
                    app_server_ready,
                    active_threads,
                    open_approvals,
                } => {
                    let status = FromHost::Status {
                        app_server_ready,
                        active_threads,
                        open_approvals,
                    };
                    self.status.send_replace(Some(status));
                }
                ToConnector::Skills(names) => {
                    self.skills.send_replace(Some(FromHost::Skills(names)));
                }
                ToConnector::Stop { reason } => {
                    self.stop.send_replace(Some(reason));
                }
            }
        }
        if self.stop.borrow().is_some() {
            // A host that says stop and closes the pipe still wants its farewell delivered; that is bounded.
            return std::future::pending().await;
        }
        Ok(())
    }
}

struct Keeper {
    setup: Setup,
    inbox: Inbox,
    lines: Lines,
    backoff: Backoff,
    tunnels: Tunnels,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            self.say(LinkState::Connecting {
                attempt: self.backoff.attempt(),
            })
            .await;
            let Err(error) = self.attempt().await else { break };
            tracing::info!(bus = %self.setup.bus, code = %error.code(), "no link");
            self.tunnels.reap();
            let (code, message) = (error.code().into_owned(), error.to_string());
            if !error.retry() {
                self.say(LinkState::Failed { code, message }).await;
                stopped(&mut self.inbox.stop).await;
                break;
            }
            // Without randomness the longest wait is the safe one.
            let wait = self
                .backoff
                .failed(Instant::now().into_std(), getrandom::u64().unwrap_or(u64::MAX));
            let retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            self.say(LinkState::Waiting {
                retry_in_ms,
                code,
                message,
            })
            .await;
            tokio::select! {
                () = sleep(wait) => {}
                _ = stopped(&mut self.inbox.stop) => break,
            }
        }
        self.tunnels.end(LINGER * 2).await;
        self.say(LinkState::Disconnected).await;
    }

    async fn say(&self, state: LinkState) {
        // Fails only when the pipe is broken, which ends `run`.
        let _ = self.lines.send(FromConnector::Link { state }).await;
    }

    /// One attempt and the link that comes of it. `Ok` when the host wants no link.
    async fn attempt(&mut self) -> Result<(), LinkError> {
        let mut stop = self.inbox.stop.clone();
        let connected = tokio::select! {
            connected = self.connect() => connected?,
            _ = stopped(&mut stop) => return Ok(()),
        };
        let (mut link, dialer) = connected;
        self.backoff.connected(Instant::now().into_std());
        self.say(LinkState::Connected { round_trip_ms: None }).await;
        let (answers, mut answered) = mpsc::channel(MAX_TUNNELS);
        let (ending, told) = watch::channel(None);
        let ways = Ways {
            dialer: Arc::new(dialer),
            bus: self.setup.bus.as_str().into(),
            host_id: self.setup.identity.host_id.as_str().into(),
            tunnel_socket: Arc::new(self.setup.tunnel_socket.clone()),
            lines: self.lines.clone(),
            answers,
            ending: told,
        };
        link.serve(&mut self.inbox, ways, &mut answered, &mut self.tunnels, &ending)
            .await
    }

    async fn connect(&mut self) -> Result<(Link<crate::stream::Metered>, Dialer), LinkError> {
        let setup = &self.setup;
        let url = urls::link_url(&setup.connect_url)?;
        let dialer = Dialer::new(url, setup.token.clone(), setup.ca_file.as_deref(), &setup.bus).await?;
        let mut link = Link::new(dialer.link().await?, &dialer.at);
        link.greet(&setup.identity, &mut self.inbox, &self.lines).await?;
        Ok((link, dialer))
    }
}
