//! `remote`: driving a host through its bus, as any app-server client would.

use crate::args::{RemoteAction, RemoteArgs, SendArgs};
use crate::secrets::Secrets;
use crate::system::StopSignal;
use crate::{CliError, Exit, screen};
use drawbridge_connector::{ConnectorError, Socket};
use drawbridge_consent::{inert, visible_line};
use drawbridge_wire::Secret;
use futures_util::{SinkExt, StreamExt};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use turn::{Ended, Output, Turn};

pub(crate) mod dial;
mod turn;

/// Variable with the token.
const TOKEN: &str = "DRAWBRIDGE_BUS_CLIENT_TOKEN";
/// Longest until the host has answered `initialize`.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Longest for the host to take the thread and the prompt.
const BEGINS: Duration = Duration::from_secs(60);
/// Longest for a turn to end after it was interrupted.
const INTERRUPTED: Duration = Duration::from_secs(10);
/// How often the bus is asked whether it is there.
const PING: Duration = Duration::from_secs(25);
/// Nothing heard for this long is a dead connection.
const SILENCE: Duration = Duration::from_secs(90);
/// Longest token file.
const LONGEST_TOKEN: u64 = 16 * 1024;
/// Longest wait for the close handshake.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a prompt did not reach the agent, or its turn did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address.
    #[error("--bus: {0}")]
    Address(#[source] ConnectorError),
    /// The host's id.
    #[error("there is no such host: an id is 1 to 64 of a-z 0-9 . _ -")]
    HostId,
    /// No token.
    #[error("there is no client token; set {TOKEN}, or name a file with --token-file")]
    NoToken,
    /// The token itself.
    #[error("the token has characters that no token has; copy it again")]
    BadToken,
    /// The token's file.
    #[error("cannot read the token from {path}: {why}", path = .0.display(), why = .1)]
    TokenFile(PathBuf, String),
    /// The trust anchors.
    #[error("cannot use the certificates in {path}: {why}", path = .0.display(), why = .1)]
    Ca(PathBuf, String),
    /// No connection to the bus.
    #[error("cannot reach the bus at {at}: {why}")]
    Unreachable {
        /// Host and port.
        at: String,
        /// What happened and what to do.
        why: String,
    },
    /// The bus said no.
    #[error("the bus refused: {message} [{code}]")]
    Refused {
        /// Stable code of the bus.
        code: String,
        /// Its words.
        message: String,
    },
    /// The connection ended early.
    #[error("the connection ended before the turn did: {0}; the turn may go on at the host")]
    Closed(String),
    /// The host does not answer.
    #[error("the host did not answer {0} within {n} s; try again, or look at the host", n = .1.as_secs())]
    Silent(&'static str, Duration),
    /// The host answered with an error.
    #[error("the host refused {what}: {message}")]
    Rejected {
        /// Which request.
        what: &'static str,
        /// Its words.
        message: String,
    },
    /// The host sent what is no app-server protocol.
    #[error("the host sent something this version does not understand ({0}); use the same version for both")]
    NotUnderstood(String),
}

impl RemoteError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            RemoteError::Address(_) => "bus_address",
            RemoteError::HostId => "host_id",
            RemoteError::NoToken => "no_token",
            RemoteError::BadToken => "bad_token",
            RemoteError::TokenFile(..) => "token_file",
            RemoteError::Ca(..) => "ca_file",
            RemoteError::Unreachable { .. } => "bus_unreachable",
            RemoteError::Refused { .. } => "bus_refused",
            RemoteError::Closed(_) => "connection_closed",
            RemoteError::Silent(..) => "host_silent",
            RemoteError::Rejected { .. } => "host_refused",
            RemoteError::NotUnderstood(_) => "not_understood",
        }
    }

    /// The exit code it gives.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            RemoteError::Address(_)
            | RemoteError::HostId
            | RemoteError::NoToken
            | RemoteError::BadToken
            | RemoteError::TokenFile(..)
            | RemoteError::Ca(..) => Exit::Usage,
            RemoteError::Unreachable { .. }
            | RemoteError::Refused { .. }
            | RemoteError::Closed(_)
            | RemoteError::Silent(..) => Exit::Closed,
            RemoteError::Rejected { .. } | RemoteError::NotUnderstood(_) => Exit::Failed,
        }
    }
}

pub(crate) async fn run(args: RemoteArgs, secrets: &Secrets) -> Result<Exit, CliError> {
    let RemoteAction::Send(args) = args.action;
    let token = match &args.token_file {
        Some(path) => read_token(path).await?,
        None => secrets.variable(TOKEN).cloned().ok_or(RemoteError::NoToken)?,
    };
    let begin = Instant::now();
    let url = dial::url(&args.bus, args.host.as_deref())?;
    let mut stop = StopSignal::listen()?;
    let socket = tokio::select! {
        socket = dial::open(url, token, args.ca.as_deref()) => socket?,
        () = stop.received() => return Ok(Exit::Failed),
    };
    Conversation::new(socket, &args, begin).run(&mut stop).await
}

async fn read_token(path: &Path) -> Result<Secret, RemoteError> {
    use tokio::io::AsyncReadExt;
    let wrong = |why: String| RemoteError::TokenFile(path.to_owned(), why);
    let file = tokio::fs::File::open(path)
        .await
        .map_err(|error| wrong(error.to_string()))?;
    let mut text = zeroize::Zeroizing::new(String::new());
    file.take(LONGEST_TOKEN)
        .read_to_string(&mut text)
        .await
        .map_err(|error| wrong(error.to_string()))?;
    let token = Secret::new(&text);
    if token.is_empty() {
        Err(wrong("it is empty".to_owned()))
    } else {
        Ok(token)
    }
}

/// One prompt and its turn.
struct Conversation {
    socket: Socket,
    turn: Turn,
    heard: Instant,
    /// When what is awaited now must have come; a running turn may take as long as it takes.
    due: Option<Instant>,
    /// When the person's patience ends.
    patience: Option<Instant>,
    interrupted: bool,
    /// Whether the last text of the agent ended its line.
    line_open: bool,
    to_terminal: bool,
}

enum Event {
    Frame(Option<Result<Message, tokio_tungstenite::tungstenite::Error>>),
    Tick,
    Due,
    Patience,
    Stop,
}

impl Conversation {
    fn new(socket: Socket, args: &SendArgs, begin: Instant) -> Self {
        Self {
            socket,
            turn: Turn::new(args),
            heard: Instant::now(),
            due: Some(begin + HANDSHAKE),
            patience: args.timeout.map(|seconds| begin + Duration::from_secs(seconds)),
            interrupted: false,
            line_open: false,
            to_terminal: std::io::stdout().is_terminal(),
        }
    }

    async fn run(mut self, stop: &mut StopSignal) -> Result<Exit, CliError> {
        let hello = self.turn.hello();
        self.send(&hello).await?;
        let outcome = self.follow(stop).await;
        if self.line_open {
            screen::out("\n")?;
        }
        // The bus tells a client that says goodbye from one that is lost.
        let _ = tokio::time::timeout(FAREWELL, self.socket.close(None)).await;
        outcome
    }

    async fn follow(&mut self, stop: &mut StopSignal) -> Result<Exit, CliError> {
        let mut ticks = interval(PING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                frame = self.socket.next() => Event::Frame(frame),
                _ = ticks.tick() => Event::Tick,
                () = at(self.due) => Event::Due,
                () = at(self.patience) => Event::Patience,
                () = stop.received() => Event::Stop,
            };
            match event {
                Event::Frame(frame) => {
                    if let Some(exit) = self.take(frame).await? {
                        return Ok(exit);
                    }
                }
                Event::Tick if self.heard.elapsed() > SILENCE => {
                    return Err(RemoteError::Closed("nothing was heard any more".to_owned()).into());
                }
                Event::Tick => self.send_message(Message::Ping(Bytes::new())).await?,
                Event::Due if self.interrupted => {
                    screen::note_line("the turn did not end after it was interrupted; look at the host");
                    return Ok(Exit::Failed);
                }
                Event::Due => {
                    let what = self.turn.awaited();
                    return Err(RemoteError::Silent(
                        what,
                        if what == "initialize" { HANDSHAKE } else { BEGINS },
                    )
                    .into());
                }
                Event::Patience => {
                    screen::note_line("the time given with --timeout is over");
                    if !self.interrupt().await? {
                        return Ok(Exit::Failed);
                    }
                }
                Event::Stop => {
                    if !self.interrupt().await? {
                        return Ok(Exit::Failed);
                    }
                }
            }
        }
    }

    /// Interrupts the turn. `false`: there is none, or it was interrupted already.
    async fn interrupt(&mut self) -> Result<bool, CliError> {
        self.patience = None;
        let Some(request) = self.turn.interrupt().filter(|_| !self.interrupted) else {
            return Ok(false);
        };
        self.interrupted = true;
        self.due = Some(Instant::now() + INTERRUPTED);
        self.send(&request).await?;
        Ok(true)
    }

    async fn take(
        &mut self,
        frame: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<Option<Exit>, CliError> {
        self.heard = Instant::now();
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map(|frame| closing(&frame.reason)).unwrap_or_default();
                return Err(RemoteError::Closed(if why.is_empty() {
                    "the bus closed it".to_owned()
                } else {
                    why
                })
                .into());
            }
            Some(Ok(_)) => return Ok(None),
            Some(Err(error)) => return Err(RemoteError::Closed(error.to_string()).into()),
            None => return Err(RemoteError::Closed("the bus closed it".to_owned()).into()),
        };
        for output in self.turn.take(&text)? {
            match output {
                Output::Text(text) => self.print(&text)?,
                Output::Note(note) => {
                    if self.to_terminal && std::mem::take(&mut self.line_open) {
                        screen::out("\n")?;
                    }
                    screen::note_line(&note);
                }
                Output::Send(frame) => {
                    self.due = Some(Instant::now() + BEGINS);
                    self.send(&frame).await?;
                }
                Output::Running if !self.interrupted => self.due = None,
                Output::Running => {}
                Output::Ended(Ended::Completed) => return Ok(Some(Exit::Done)),
                Output::Ended(Ended::Failed) => return Ok(Some(Exit::Failed)),
            }
        }
        Ok(None)
    }

    /// The agent's words: byte for byte into a file or pipe, without power over a terminal.
    fn print(&mut self, text: &str) -> Result<(), CliError> {
        self.line_open = !text.ends_with('\n');
        if self.to_terminal {
            screen::out(&inert(text))
        } else {
            screen::out(text)
        }
    }

    async fn send(&mut self, frame: &serde_json::Value) -> Result<(), CliError> {
        self.send_message(Message::text(frame.to_string())).await
    }

    async fn send_message(&mut self, message: Message) -> Result<(), CliError> {
        match tokio::time::timeout(HANDSHAKE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(RemoteError::Closed(error.to_string()).into()),
            Err(_) => Err(RemoteError::Closed("the bus takes nothing any more".to_owned()).into()),
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// What is printed, in a terminal, of the frames of a host.
pub(crate) fn printed<'a>(args: &SendArgs, frames: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut turn = Turn::new(args);
    let mut printed = Vec::new();
    for output in frames.map_while(|frame| turn.take(frame).ok()).flatten() {
        match output {
            Output::Text(text) => printed.push(inert(&text)),
            Output::Note(note) => printed.push(note),
            Output::Send(_) | Output::Running | Output::Ended(_) => {}
        }
    }
    printed
}

/// What the reason in a close frame means.
fn closing(reason: &str) -> String {
    let meaning = match reason {
        "link_lost" => "the host's own connection to the bus broke",
        "lagged" => "this client read too slowly",
        "agent_restarted" => "the agent was started again",
        "agent_down" => "the agent is not ready; try again in a moment",
        "dial_timeout" => "the host did not answer the bus in time",
        "refused" => "the host does not allow what was sent",
        "host_stopping" => "the host is stopping",
        other => return visible_line(other),
    };
    format!("{meaning} [{reason}]")
}
