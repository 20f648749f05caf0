//! One client and its app-server connection.
//!
//! The loop reads both sides and never waits for a person or for another connection: a request that has
//! to wait for its turn is a future beside it, and meanwhile no further frame of that client is read. A
//! client that does not read stalls only itself.

use super::admit::{Admitted, Desk, NotAdmitted};
use super::client::{FromClient, FromLocal, read_local, read_strict};
use super::frame::{refusal, refused, request};
use super::overdue::{ANSWER_WITHIN, MOST_LATE};
use super::server::{After, Pending, ServerSide, needed};
use super::{local, remote};
use crate::event::{AgentWatch, Caller, ConnectionId, Event, GateEvent, MoveCount, Outcome, ToConnection};
use crate::policy::Policy;
use drawbridge_codex_wire::RequestId;
use drawbridge_core::verdict::check;
use drawbridge_core::verdict::server_requests::{ServerRequest, server_request};
use drawbridge_wire::link::TunnelEnd;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// How long responses to requests on their way are waited for after the client left.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// How long a closed app-server connection waits to learn whether the app-server itself ended.
const WHY_CLOSED: Duration = Duration::from_millis(1500);
/// How long one write to either side may take.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// How many frames are taken in a row before the other side is looked at again.
const BURST: usize = 64;

type Admission = BoxFuture<'static, Result<Admitted, Box<NotAdmitted>>>;

/// What a connection is made of.
pub(crate) struct Connection {
    pub id: ConnectionId,
    pub caller: Caller,
    pub pid: Option<u32>,
    pub policy: Arc<Policy>,
    pub events: mpsc::Sender<Event>,
    pub agent: AgentWatch,
    pub moves: MoveCount,
    /// How long it may take to its `initialize`.
    pub initialize_within: Duration,
}

/// The two sockets.
pub(crate) struct Ends<C, U> {
    pub client: C,
    pub upstream: U,
    pub generation: u64,
}

struct Filter {
    desk: Desk,
    server: ServerSide,
    admission: Option<Admission>,
    initialize_sent: bool,
    initialize_by: Instant,
}

/// What a frame of the client leads to at once.
enum Step {
    Nothing,
    ToServer(Utf8Bytes),
    ToClient(String),
    Wait(Admission),
    Close(TunnelEnd),
}

impl Connection {
    /// Runs until either side closes.
    pub(crate) async fn run<C, U>(self, ends: Ends<C, U>)
    where
        C: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + Send,
        U: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + Send,
    {
        let Ends {
            mut client,
            mut upstream,
            generation,
        } = ends;
        let (outbox, mut inbox) = mpsc::channel(256);
        let desk = Desk {
            connection: self.id,
            events: self.events,
            policy: self.policy,
            moves: self.moves,
        };
        desk.tell(GateEvent::Opened {
            caller: self.caller.clone(),
            edition: desk.policy.edition,
            pid: self.pid,
            outbox,
        })
        .await;
        let mut filter = Filter {
            desk: desk.clone(),
            server: ServerSide::new(generation, self.caller),
            admission: None,
            initialize_sent: false,
            initialize_by: Instant::now() + self.initialize_within,
        };
        let mut end = filter.relay(&mut client, &mut upstream, &mut inbox).await;
        if end == TunnelEnd::Lagged {
            end = why_closed(self.agent, generation).await;
        }
        filter.drain(&mut upstream).await;
        if end != TunnelEnd::ClientGone {
            let frame = CloseFrame {
                code: CloseCode::Error,
                reason: end.word().into(),
            };
            // The client may be gone already.
            let _ =
                tokio::time::timeout(Duration::from_secs(5), client.send(Message::Close(Some(frame)))).await;
        }
        desk.tell(GateEvent::Closed {
            reason: end.word().to_owned(),
        })
        .await;
    }
}

/// The app-server closed this connection: because it ended, or because this client lagged too far.
async fn why_closed(mut agent: AgentWatch, generation: u64) -> TunnelEnd {
    let ended = agent.wait_for(|now| now.generation != generation || now.endpoint.is_none());
    match tokio::time::timeout(WHY_CLOSED, ended).await {
        Ok(Ok(_)) => TunnelEnd::AgentRestarted,
        Ok(Err(_)) => TunnelEnd::HostStopping,
        Err(_) => TunnelEnd::Lagged,
    }
}

impl Filter {
    async fn relay<C, U>(
        &mut self,
        client: &mut C,
        upstream: &mut U,
        inbox: &mut mpsc::Receiver<ToConnection>,
    ) -> TunnelEnd
    where
        C: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + Send,
        U: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + Send,
    {
        loop {
            let full = self.server.is_full();
            let overdue = self.server.next_overdue();
            let admission = self.admission.as_mut();
            let waiting = admission.is_some();
            let step = tokio::select! {
                frame = client.next(), if !waiting && !full => match frame {
                    Some(Ok(frame)) => self.take_client(frame).await,
                    Some(Err(Error::Capacity(_))) => Step::Close(TunnelEnd::Refused),
                    Some(Err(_)) | None => return TunnelEnd::ClientGone,
                },
                done = async { match admission { Some(a) => a.await, None => std::future::pending().await } } => {
                    self.admission = None;
                    self.admitted(done).await
                },
                frame = upstream.next() => match frame {
                    Some(Ok(frame)) => {
                        if let Err(end) = self.burst(frame, client, upstream).await {
                            return end;
                        }
                        Step::Nothing
                    }
                    Some(Err(_)) | None => return TunnelEnd::Lagged,
                },
                message = inbox.recv() => self.take_order(message),
                () = until(overdue) => self.give_up().await,
                () = tokio::time::sleep_until(self.initialize_by), if !self.initialize_sent => {
                    Step::Close(TunnelEnd::NotInitialized)
                }
            };
            let sent = match step {
                Step::Nothing => Ok(()),
                Step::ToServer(text) => written(upstream.send(Message::Text(text)), TunnelEnd::Lagged).await,
                Step::ToClient(text) => {
                    written(client.send(Message::text(text)), TunnelEnd::ClientGone).await
                }
                Step::Wait(admission) => {
                    self.admission = Some(admission);
                    Ok(())
                }
                Step::Close(end) => Err(end),
            };
            if let Err(end) = sent {
                return end;
            }
        }
    }

    /// Takes frames of the app-server as long as they are there, and flushes once.
    async fn burst<C, U>(&mut self, first: Message, client: &mut C, upstream: &mut U) -> Result<(), TunnelEnd>
    where
        C: Sink<Message, Error = Error> + Unpin,
        U: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
    {
        let mut frame = first;
        let mut taken = 1;
        loop {
            match frame {
                Message::Text(text) => {
                    let writes = self.server.take(&self.desk, &text).await;
                    if writes.pass {
                        written(client.feed(Message::Text(text)), TunnelEnd::ClientGone).await?;
                    }
                    if let Some(text) = writes.client {
                        written(client.feed(Message::text(text)), TunnelEnd::ClientGone).await?;
                    }
                    if let Some(text) = writes.upstream {
                        written(upstream.send(Message::text(text)), TunnelEnd::Lagged).await?;
                    }
                }
                Message::Close(_) => {
                    written(client.flush(), TunnelEnd::ClientGone).await?;
                    return Err(TunnelEnd::Lagged);
                }
                _ => {}
            }
            // Whatever is read is also handed on: nothing is read after the last one.
            if taken == BURST {
                break;
            }
            match upstream.next().now_or_never() {
                Some(Some(Ok(next))) => (frame, taken) = (next, taken + 1),
                Some(Some(Err(_)) | None) => {
                    written(client.flush(), TunnelEnd::ClientGone).await?;
                    return Err(TunnelEnd::Lagged);
                }
                None => break,
            }
        }
        written(client.flush(), TunnelEnd::ClientGone).await
    }

    async fn take_client(&mut self, frame: Message) -> Step {
        let text = match frame {
            Message::Text(text) => text,
            Message::Close(_) => return Step::Close(TunnelEnd::ClientGone),
            Message::Binary(_) if self.server.caller.is_remote() => return Step::Close(TunnelEnd::Refused),
            _ => return Step::Nothing,
        };
        if let Caller::Remote { role, .. } = self.server.caller {
            self.take_remote(&text, role).await
        } else {
            self.take_local(text).await
        }
    }

    async fn take_remote(&mut self, text: &str, role: drawbridge_wire::Role) -> Step {
        match read_strict(text) {
            FromClient::Request { id, method, .. } if self.id_in_use(&id) => {
                let refused = refused("id_in_use", "a request with this id has no answer yet");
                self.refuse(Some(&id), &method, refused).await
            }
            FromClient::Request { id, method, .. } if method == "initialize" && self.initialize_sent => {
                self.refuse(Some(&id), &method, refused("initialized", "Already initialized"))
                    .await
            }
            FromClient::Request { id, method, params } if method == "initialize" => {
                self.initialize(id, params.unwrap_or_default(), Some(role)).await
            }
            FromClient::Request { id, .. } if !self.initialize_sent => not_initialized(&id),
            FromClient::Request { id, method, params } => {
                let params = params.unwrap_or_default();
                let request = remote::RemoteRequest {
                    id,
                    method,
                    params,
                    role,
                };
                Step::Wait(remote::admit(self.desk.clone(), request).boxed())
            }
            FromClient::Notification { method } if method == "initialized" => {
                Step::ToServer(json!({ "method": "initialized" }).to_string().into())
            }
            FromClient::Notification { method } => {
                let refused = refused(
                    "refused_method",
                    "only `initialized` is a notification of a remote",
                );
                self.refuse(None, &method, refused).await
            }
            FromClient::Answer { id, result } => self.answer(id, result, None).await,
            FromClient::Bad { id, refused } => self.refuse(id.as_ref(), "", refused).await,
        }
    }

    async fn take_local(&mut self, text: Utf8Bytes) -> Step {
        match read_local(&text) {
            FromLocal::Request { id, method } if self.id_in_use(&id) => {
                let (method, id) = (method.into_owned(), id);
                let refused = refused("id_in_use", "a request with this id has no answer yet");
                self.refuse(Some(&id), &method, refused).await
            }
            // The app-server itself answers a second one with an error.
            FromLocal::Request { method, .. } if method == "initialize" && self.initialize_sent => {
                Step::ToServer(text.clone())
            }
            FromLocal::Request { id, method } if method == "initialize" => {
                let frame: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
                let params = frame
                    .get("params")
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default();
                self.initialize(id, params, None).await
            }
            FromLocal::Request { id, .. } if !self.initialize_sent => not_initialized(&id),
            FromLocal::Request { id, method } => {
                let method = method.into_owned();
                match local::ordered(&method) {
                    Some(kind) => {
                        let text = text.to_string();
                        Step::Wait(local::admit(self.desk.clone(), kind, id, method, text).boxed())
                    }
                    None => Step::ToServer(text),
                }
            }
            FromLocal::Notification => Step::ToServer(text),
            FromLocal::Answer { id, result } => self.answer(id, result, Some(text.clone())).await,
            FromLocal::Bad(message) => self.refuse(None, "", refused("malformed", message)).await,
        }
    }

    /// Two requests with one id would be told apart by nothing; ids of our own are ours.
    fn id_in_use(&self, id: &RequestId) -> bool {
        let ours = matches!(id, RequestId::Text(text) if text.starts_with(super::OWN_IDS));
        ours || self.server.pending.contains_key(id)
    }

    /// Rewrites an `initialize`: opt-outs the gate needs are applied here, and a remote attests nothing.
    async fn initialize(
        &mut self,
        id: RequestId,
        mut params: Map<String, Value>,
        role: Option<drawbridge_wire::Role>,
    ) -> Step {
        if let Some(role) = role
            && let Err(refusal) = check("initialize", role, &params)
        {
            return self.refuse(Some(&id), "initialize", refusal.into()).await;
        }
        if let Some(capabilities) = params.get_mut("capabilities").and_then(Value::as_object_mut) {
            if role.is_some() {
                capabilities.insert("requestAttestation".to_owned(), json!(false));
                capabilities.remove("extensions");
            }
            if let Some(opt_outs) = capabilities
                .get_mut("optOutNotificationMethods")
                .and_then(Value::as_array_mut)
            {
                opt_outs.retain(|method| match method.as_str() {
                    Some(method) if needed(method) => {
                        self.server.own_opt_outs.insert(method.to_owned());
                        false
                    }
                    _ => true,
                });
            }
        }
        if role.is_none()
            && let Some(name) = params
                .get("clientInfo")
                .and_then(|c| c.get("name"))
                .and_then(Value::as_str)
        {
            self.desk.tell(GateEvent::Named(name.to_owned())).await;
        }
        self.initialize_sent = true;
        let pending = Pending::new("initialize", None, After::Pass);
        let text = request(&id, "initialize", Some(params));
        self.server.sent(id, pending, Instant::now());
        Step::ToServer(text.into())
    }

    /// An answer counts only for a request already written to this connection and still open.
    async fn answer(&mut self, id: RequestId, result: Option<Value>, raw: Option<Utf8Bytes>) -> Step {
        let own = self.server.open.get(&id).is_some_and(|method| {
            matches!(
                server_request(method),
                ServerRequest::DynamicTool | ServerRequest::LocalOwner(_)
            )
        });
        if own && let Some(raw) = raw {
            self.server.open.remove(&id);
            return Step::ToServer(raw);
        }
        match (self.server.open.contains_key(&id), result) {
            (true, Some(result)) => {
                let generation = self.server.generation;
                self.desk
                    .tell(GateEvent::Answer {
                        generation,
                        id,
                        result,
                    })
                    .await;
            }
            // An error is no answer of a person: it would refuse the request for everybody.
            (open, _) => {
                let reason = if open {
                    "an error is no answer"
                } else {
                    "nothing with this id is open here"
                };
                self.desk
                    .tell(GateEvent::DroppedAnswer {
                        id: id.to_string(),
                        reason,
                    })
                    .await;
            }
        }
        Step::Nothing
    }

    async fn admitted(&mut self, done: Result<Admitted, Box<NotAdmitted>>) -> Step {
        match done {
            Ok(Admitted { id, text, pending }) => {
                self.server.sent(id, pending, Instant::now());
                Step::ToServer(text.into())
            }
            Err(no) => {
                let NotAdmitted { id, method, refused } = *no;
                self.refuse(Some(&id), &method, refused).await
            }
        }
    }

    async fn refuse(&mut self, id: Option<&RequestId>, method: &str, refused: crate::event::Refused) -> Step {
        let method = method.chars().take(128).collect();
        self.desk
            .tell(GateEvent::Refusal {
                method,
                rule: refused.rule.to_owned(),
            })
            .await;
        match id {
            Some(id) => Step::ToClient(refusal(id, &refused)),
            None => Step::Nothing,
        }
    }

    /// The app-server did not answer in time.
    async fn give_up(&mut self) -> Step {
        let given_up = self.server.give_up(&self.desk, Instant::now()).await;
        match given_up {
            Some((id, method)) if self.server.caller.is_remote() => {
                if self.server.late() > MOST_LATE {
                    return Step::Close(TunnelEnd::AgentDown);
                }
                let within = ANSWER_WITHIN.as_secs();
                let refused = refused(
                    "no_answer",
                    format!(
                        "the app-server gave no answer within {within} s; look whether it happened all the same, \
                         then try again"
                    ),
                );
                self.refuse(Some(&id), &method, refused).await
            }
            _ => Step::Nothing,
        }
    }

    fn take_order(&mut self, message: Option<ToConnection>) -> Step {
        match message {
            Some(ToConnection::Deliver { id, method, raw }) => {
                if self.server.resolved.remove(&id).is_some() {
                    return Step::Nothing;
                }
                self.server.open.insert(id, method);
                Step::ToClient(raw)
            }
            Some(ToConnection::Close(end)) => Step::Close(end),
            None => Step::Close(TunnelEnd::HostStopping),
        }
    }

    /// The client is gone, but what it set going may still be unread by the app-server: hold its turns
    /// until the responses are in, or another client's change could pass them.
    async fn drain<U>(&mut self, upstream: &mut U)
    where
        U: Stream<Item = Result<Message, Error>> + Unpin,
    {
        let deadline = Instant::now() + DRAIN_DEADLINE;
        while self.server.pending.values().any(|p| p.permit.is_some()) {
            match tokio::time::timeout_at(deadline, upstream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.server.take(&self.desk, &text).await;
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) | Err(_) => break,
            }
        }
        for pending in self.server.pending.values() {
            if let Some(permit) = pending.permit {
                tracing::warn!(
                    method = pending.method,
                    "no response came before the connection ended"
                );
                self.desk
                    .tell(GateEvent::Settle {
                        permit,
                        outcome: Outcome::Unknown,
                    })
                    .await;
            }
        }
    }
}

/// A side that takes nothing for so long holds up what others wait for: it loses its connection.
async fn written(write: impl Future<Output = Result<(), Error>>, gone: TunnelEnd) -> Result<(), TunnelEnd> {
    match tokio::time::timeout(WRITE_DEADLINE, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(gone),
        Err(_) => Err(TunnelEnd::Lagged),
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

fn not_initialized(id: &RequestId) -> Step {
    Step::ToClient(json!({ "id": id, "error": { "code": -32600, "message": "Not initialized" } }).to_string())
}

#[cfg(test)]
mod tests;
