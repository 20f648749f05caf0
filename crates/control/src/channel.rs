//! Many requests at a time over one connection, and the host's state as it changes: for a client that
//! must go on showing what happens while a bus or a keyring takes its time to answer.

use crate::client::{ANSWER, ControlClient, ControlError, GRACE, Incoming, frame, lost, read_frame};
use drawbridge_wire::control::{Delta, HostView, Request};
use futures_util::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// Requests that wait to be written.
const QUEUE: usize = 64;
/// Changes that wait to be looked at. When they are not, the host is not read.
const CHANGES: usize = 256;
/// Requests under way at a time.
const UNDER_WAY: usize = 256;
/// How often requests are looked at that nobody answered.
const LOOK: Duration = Duration::from_secs(1);

/// What a connection tells.
#[derive(Debug)]
pub enum Happening {
    /// The next change after the snapshot or the last change.
    Change(Box<Delta>),
    /// The connection ended; the last of all.
    Ended(ControlError),
}

/// One connection with the state it began with.
#[derive(Debug)]
pub struct Channel {
    /// The state at the beginning.
    pub view: Box<HostView>,
    /// To ask with.
    pub requests: Requests,
    /// What changes, in order.
    pub happenings: mpsc::Receiver<Happening>,
}

/// Asks the host. Clones share the connection; with the last of them, and nobody to hear of changes, it
/// ends.
#[derive(Debug, Clone)]
pub struct Requests(mpsc::Sender<Asked>);

#[derive(Debug)]
struct Asked {
    request: Request,
    reply: oneshot::Sender<Result<Value, ControlError>>,
}

struct UnderWay {
    until: Instant,
    reply: oneshot::Sender<Result<Value, ControlError>>,
}

impl Requests {
    /// Asks for something and waits for the answer.
    ///
    /// # Errors
    /// When the host answers with an error, does not answer in time, or is gone.
    pub async fn ask(&self, request: Request) -> Result<Value, ControlError> {
        let gone = || ControlError::Lost("the host is gone".to_owned());
        let patience = request.patience() + GRACE;
        let (reply, answer) = oneshot::channel();
        let exchange = async {
            let asked = Asked { request, reply };
            self.0.send(asked).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        };
        timeout(patience, exchange)
            .await
            .map_err(|_| ControlError::Silent)?
    }

    /// As [`Requests::ask`], with an answer of a type.
    ///
    /// # Errors
    /// Also when the answer is of another type.
    pub async fn ask_for<T: DeserializeOwned>(&self, request: Request) -> Result<T, ControlError> {
        let answer = self.ask(request).await?;
        serde_json::from_value(answer).map_err(|error| ControlError::NotUnderstood(error.to_string()))
    }
}

impl Channel {
    /// Takes over a connection that has introduced itself, gets the state and follows it.
    ///
    /// # Errors
    /// When the host does not give its state.
    pub async fn follow(mut client: ControlClient) -> Result<Self, ControlError> {
        let view = Box::new(client.snapshot().await?);
        let (ask, asked) = mpsc::channel(QUEUE);
        let (tell, happenings) = mpsc::channel(CHANGES);
        tokio::spawn(async move {
            let why = run(&mut client, asked, &tell).await;
            // Whoever listened may be gone.
            let _ = tell.send(Happening::Ended(why)).await;
        });
        Ok(Self {
            view,
            requests: Requests(ask),
            happenings,
        })
    }
}

/// Until the connection ends, or nobody uses it any more.
async fn run(
    client: &mut ControlClient,
    mut asked: mpsc::Receiver<Asked>,
    tell: &mpsc::Sender<Happening>,
) -> ControlError {
    let mut under_way: HashMap<u64, UnderWay> = HashMap::new();
    let mut look = tokio::time::interval(LOOK);
    for delta in std::mem::take(&mut client.waiting) {
        if let Err(error) = pass_on(client, tell, delta).await {
            return error;
        }
    }
    loop {
        let done = tokio::select! {
            frame = client.socket.next() => match read_frame(frame) {
                Ok(Some(Incoming::Change(delta))) => pass_on(client, tell, delta).await,
                Ok(Some(Incoming::Answer(id, answer))) => {
                    if let Some(one) = under_way.remove(&id) {
                        // Who asked may have given up.
                        let _ = one.reply.send(answer);
                    }
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            },
            one = asked.recv(), if under_way.len() < UNDER_WAY => match one {
                Some(one) => send(client, &mut under_way, one).await,
                None => Err(ControlError::Lost("nobody uses it any more".to_owned())),
            },
            _ = look.tick() => {
                let now = Instant::now();
                under_way.retain(|_, one| one.until > now);
                Ok(())
            }
        };
        if let Err(error) = done {
            return error;
        }
    }
}

async fn send(
    client: &mut ControlClient,
    under_way: &mut HashMap<u64, UnderWay>,
    asked: Asked,
) -> Result<(), ControlError> {
    client.last_id += 1;
    let id = client.last_id;
    let frame = match frame(&asked.request, id) {
        Ok(frame) => frame,
        Err(error) => {
            let _ = asked.reply.send(Err(error));
            return Ok(());
        }
    };
    let until = Instant::now() + asked.request.patience() + GRACE;
    let reply = asked.reply;
    under_way.insert(id, UnderWay { until, reply });
    timeout(ANSWER, client.socket.send(frame))
        .await
        .map_err(|_| ControlError::Silent)?
        .map_err(lost)
}

async fn pass_on(
    client: &mut ControlClient,
    tell: &mpsc::Sender<Happening>,
    delta: Delta,
) -> Result<(), ControlError> {
    if let Some(seq) = &mut client.seq {
        if delta.seq != *seq + 1 {
            let what = format!("change {} after change {seq}", delta.seq);
            return Err(ControlError::NotUnderstood(what));
        }
        *seq = delta.seq;
    }
    tell.send(Happening::Change(Box::new(delta)))
        .await
        .map_err(|_| ControlError::Lost("nobody listens any more".to_owned()))
}
