//! The task that owns all open threads and the one connection they are heard on.

use super::connection::{self, NotTaken};
use super::feed::{Feed, Taken};
use super::told::{self, Told};
use super::types::ThreadEvent;
use super::wish::{Wish, message, wrong_with};
use crate::Problem;
use drawbridge_codex::{CloseReason, Incoming, Peer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// A window is told of a thread at most this often.
const FRAME: Duration = Duration::from_millis(33);
/// Threads open at a time.
const MOST_OPEN: usize = 16;
/// Wishes that wait for the connection.
const MOST_WAITING: usize = 64;
/// Wishes, ends of work and events that wait.
const QUEUE: usize = 64;
/// When as many bytes wait to be told, nothing more is read until they were.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The first pause before the connection is made again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So many connections may end while a thread is asked for before nobody asks for it any more.
const MOST_LOST: u8 = 4;
/// How long the connection stands without an open thread.
const IDLE: Duration = Duration::from_secs(30);

pub(super) type Reply = oneshot::Sender<Result<Value, Problem>>;

#[derive(Debug)]
enum Order {
    Wish(Wish, Reply),
    CloseAll,
    TryNow,
}

/// The way to the owner. With it gone, the owner ends.
#[derive(Debug)]
pub(crate) struct Threads(mpsc::Sender<Order>);

impl Threads {
    /// The way, the task, and what windows are to be told.
    pub(crate) fn new(data_dir: &Path) -> (Self, Owner, mpsc::Receiver<ThreadEvent>) {
        let (send, orders) = mpsc::channel(QUEUE);
        let (tell, events) = mpsc::channel(QUEUE);
        let (report, reports) = mpsc::channel(QUEUE);
        let owner = Owner {
            data_dir: data_dir.to_owned(),
            orders,
            events: tell,
            report,
            reports,
            link: Link::Down,
            epoch: 0,
            retry_at: None,
            pause: FIRST_PAUSE,
            idle_at: None,
            waiting: Vec::new(),
            open: BTreeMap::new(),
        };
        (Self(send), owner, events)
    }

    pub(crate) fn wish(&self, wish: Wish, reply: Reply) {
        if let Err(error) = self.0.try_send(Order::Wish(wish, reply))
            && let Order::Wish(_, reply) = error.into_inner()
        {
            let _ = reply.send(Err(busy()));
        }
    }

    /// No window follows any thread.
    pub(crate) fn close_all(&self) {
        let _ = self.0.try_send(Order::CloseAll);
    }

    /// The app-server can be reached again.
    pub(crate) fn try_now(&self) {
        let _ = self.0.try_send(Order::TryNow);
    }
}

fn busy() -> Problem {
    Problem::new(
        "busy",
        "too much is asked of the agent at once; try again in a moment",
    )
}

/// Whatever it is that ends the connection, such as an answer of more than the gate takes: asking on would take every other
/// thread along.
fn too_often() -> Problem {
    Problem::new(
        "thread_lost",
        "the connection to the agent ended each time this thread was asked for; it may be too long to be shown",
    )
}

/// A thread in a window.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) feed: Feed,
    /// Whether it was given to a window.
    given: bool,
    /// Whether it is asked for now.
    asked: bool,
    /// How often the connection ended while it was asked for, in a row.
    lost: u8,
    /// Who waits for it.
    replies: Vec<Reply>,
    /// When it is asked for again.
    again_at: Option<Instant>,
    told_at: Option<Instant>,
}

enum Link {
    Down,
    Dialling,
    Up(Peer, mpsc::Receiver<Incoming>),
}

/// Work beside the loop that came to its end. Each belongs to one connection, by its number.
pub(super) enum Report {
    Dialled(Result<(Peer, mpsc::Receiver<Incoming>), Problem>),
    Taken(String, Result<Taken, NotTaken>),
    Started(String, String, Reply),
}

/// The task.
pub(crate) struct Owner {
    data_dir: PathBuf,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<ThreadEvent>,
    pub(super) report: mpsc::Sender<(u64, Report)>,
    reports: mpsc::Receiver<(u64, Report)>,
    link: Link,
    /// Counts connections.
    pub(super) epoch: u64,
    retry_at: Option<Instant>,
    pause: Duration,
    idle_at: Option<Instant>,
    waiting: Vec<(Wish, Reply)>,
    pub(super) open: BTreeMap<String, Open>,
}

impl Owner {
    /// Runs until nobody can ask any more.
    pub(crate) async fn run(mut self) {
        loop {
            let full = self.open.values().map(|open| open.feed.bytes()).sum::<usize>() > MOST_BYTES;
            let due = self.due();
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(Order::Wish(wish, reply)) => self.on_wish(wish, reply),
                    Some(Order::CloseAll) => self.close_all(),
                    Some(Order::TryNow) => self.pause_is_over(),
                    None => break,
                },
                Some((epoch, report)) = self.reports.recv() => {
                    if epoch == self.epoch {
                        self.on_report(report);
                    } else if let Report::Started(_, _, reply) = report {
                        let _ = reply.send(Err(connection::away(&CloseReason::Dropped)));
                    }
                }
                incoming = next(&mut self.link), if !full => self.on_incoming(incoming),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.on_time(),
            }
        }
        self.hang_up();
    }

    fn on_wish(&mut self, wish: Wish, reply: Reply) {
        if let Some(problem) = wrong_with(&wish) {
            let _ = reply.send(Err(problem));
            return;
        }
        self.idle_at = None;
        match wish {
            Wish::Open { id } => self.open_thread(&id, reply),
            Wish::Close { id } => self.close_thread(&id, reply),
            other => match &self.link {
                Link::Up(peer, _) => self.go(peer, other, reply),
                _ if self.waiting.len() >= MOST_WAITING => drop(reply.send(Err(busy()))),
                _ => {
                    self.waiting.push((other, reply));
                    self.dial();
                }
            },
        }
        self.rest_if_idle();
    }

    fn open_thread(&mut self, id: &str, reply: Reply) {
        if !self.open.contains_key(id) && self.open.len() >= MOST_OPEN {
            // One that was started here and that no window took.
            let unwanted = self.open.iter().find(|(_, open)| !open.feed.followed);
            let Some(unwanted) = unwanted.map(|(id, _)| id.clone()) else {
                let problem = Problem::new("too_many_threads", "too many threads are open; close one");
                let _ = reply.send(Err(problem));
                return;
            };
            self.let_go(&unwanted);
        }
        let open = self.open.entry(id.to_owned()).or_default();
        open.feed.followed = true;
        open.lost = 0;
        open.replies.push(reply);
        if open.asked {
            return;
        }
        self.take(id);
    }

    /// Asks for a thread, when there is a connection; otherwise that is done when there is one.
    fn take(&mut self, id: &str) {
        let Some(open) = self.open.get_mut(id) else { return };
        open.again_at = None;
        let Link::Up(peer, _) = &self.link else {
            self.dial();
            return;
        };
        open.asked = true;
        open.feed.ask();
        let (peer, id, report, epoch) = (peer.clone(), id.to_owned(), self.report.clone(), self.epoch);
        tokio::spawn(async move {
            let taken = connection::take(&peer, &id).await;
            let _ = report.send((epoch, Report::Taken(id, taken))).await;
        });
    }

    fn close_thread(&mut self, id: &str, reply: Reply) {
        self.let_go(id);
        let _ = reply.send(Ok(Value::Null));
    }

    fn let_go(&mut self, id: &str) {
        if self.open.remove(id).is_some()
            && let Link::Up(peer, _) = &self.link
        {
            let (peer, params) = (peer.clone(), json!({"threadId": id}));
            tokio::spawn(async move {
                if let Err(problem) = connection::call(&peer, "thread/unsubscribe", params).await {
                    tracing::debug!(%problem, "the thread was not let go");
                }
            });
        }
    }

    fn close_all(&mut self) {
        self.open.clear();
        self.waiting.clear();
        self.hang_up();
    }

    fn hang_up(&mut self) {
        self.epoch += 1;
        self.retry_at = None;
        self.idle_at = None;
        self.pause = FIRST_PAUSE;
        if let Link::Up(peer, _) = mem::replace(&mut self.link, Link::Down) {
            peer.close();
        }
    }

    fn rest_if_idle(&mut self) {
        if self.open.is_empty() && self.waiting.is_empty() && !matches!(self.link, Link::Down) {
            self.idle_at = Some(Instant::now() + IDLE);
        }
    }

    fn dial(&mut self) {
        if !matches!(self.link, Link::Down) {
            return;
        }
        self.epoch += 1;
        self.retry_at = None;
        self.link = Link::Dialling;
        let (data_dir, report, epoch) = (self.data_dir.clone(), self.report.clone(), self.epoch);
        tokio::spawn(async move {
            let dialled = connection::dial(&data_dir).await;
            let _ = report.send((epoch, Report::Dialled(dialled))).await;
        });
    }

    /// Whoever waits for the connection does not wait for the end of a pause.
    fn pause_is_over(&mut self) {
        if !self.open.is_empty() {
            self.pause = FIRST_PAUSE;
            self.dial();
        }
    }

    fn on_report(&mut self, report: Report) {
        match report {
            Report::Dialled(Ok((peer, incoming))) => {
                self.link = Link::Up(peer.clone(), incoming);
                self.pause = FIRST_PAUSE;
                let wanted = self.open.iter().filter(|(_, open)| open.lost < MOST_LOST);
                let wanted: Vec<String> = wanted.map(|(id, _)| id.clone()).collect();
                for id in wanted {
                    self.take(&id);
                }
                for (wish, reply) in mem::take(&mut self.waiting) {
                    self.go(&peer, wish, reply);
                }
                self.rest_if_idle();
            }
            Report::Dialled(Err(problem)) => self.not_reached(&problem),
            Report::Taken(id, taken) => self.taken(&id, taken),
            Report::Started(id, text, reply) => {
                // Here before anything is told of it, so that nothing is missed before a window opens it.
                self.open.entry(id.clone()).or_default();
                if let Link::Up(peer, _) = &self.link {
                    let peer = peer.clone();
                    tokio::spawn(async move {
                        let sent = connection::call(&peer, "turn/start", message(&id, &text)).await;
                        let _ = reply.send(sent.map(|_| json!({"id": id})));
                    });
                }
            }
        }
    }

    fn go(&self, peer: &Peer, wish: Wish, reply: Reply) {
        match wish {
            Wish::Start { text, cwd } => self.start(peer, text, cwd, reply),
            other => self.work(peer, other, reply),
        }
    }

    /// There is no connection. Who waits for the first sight of something is told.
    fn not_reached(&mut self, problem: &Problem) {
        self.link = Link::Down;
        for (_, reply) in mem::take(&mut self.waiting) {
            let _ = reply.send(Err(problem.clone()));
        }
        for open in self.open.values_mut() {
            for reply in mem::take(&mut open.replies) {
                let _ = reply.send(Err(problem.clone()));
            }
        }
        self.open.retain(|_, open| open.given);
        if !self.open.is_empty() {
            self.retry_at = Some(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn lost(&mut self, reason: &CloseReason) {
        tracing::debug!(?reason, "the connection to the agent ended");
        let why = connection::away(reason);
        self.link = Link::Down;
        self.epoch += 1;
        for open in self.open.values_mut() {
            open.lost += u8::from(mem::take(&mut open.asked));
            open.again_at = None;
            open.feed.lost();
            if open.lost >= MOST_LOST {
                open.feed.away(too_often());
                for reply in mem::take(&mut open.replies) {
                    let _ = reply.send(Err(too_often()));
                }
            } else if open.given {
                open.feed.away(why.clone());
            }
        }
        self.open
            .retain(|_, open| open.feed.followed && (open.given || open.lost < MOST_LOST));
        if !self.open.is_empty() {
            self.retry_at = Some(Instant::now() + self.pause);
        }
    }

    fn taken(&mut self, id: &str, taken: Result<Taken, NotTaken>) {
        let Some(open) = self.open.get_mut(id).filter(|open| open.asked) else {
            return;
        };
        let taken = match taken {
            Ok(taken) => Ok((taken, false)),
            // A thread without a first turn: it is empty until there is one.
            Err(NotTaken::NotYet) => Ok((Taken::default(), true)),
            // The end of the connection is told on its own.
            Err(NotTaken::Lost) => return,
            Err(NotTaken::Failed(problem)) => Err(problem),
        };
        open.asked = false;
        open.lost = 0;
        let replies = mem::take(&mut open.replies);
        let (taken, again) = match taken {
            Ok(taken) => taken,
            Err(problem) => {
                let given = open.given;
                if given {
                    open.feed.lost();
                    open.feed.away(problem.clone());
                    open.again_at = Some(Instant::now() + LONGEST_PAUSE);
                } else {
                    self.open.remove(id);
                }
                for reply in replies {
                    let _ = reply.send(Err(problem.clone()));
                }
                return;
            }
        };
        if again {
            open.again_at = Some(Instant::now() + LONGEST_PAUSE);
        }
        if replies.is_empty() {
            open.feed.take_again(taken);
            return;
        }
        open.given = true;
        let whole = open.feed.take(taken);
        for reply in replies {
            let written = serde_json::to_value(&whole);
            let _ = reply.send(written.map_err(|error| Problem::new("not_written", error.to_string())));
        }
    }

    fn on_incoming(&mut self, incoming: Option<Incoming>) {
        match incoming {
            Some(Incoming::Notification { method, raw }) => {
                let Some((thread, told)) = told::read(&method, &raw) else {
                    return;
                };
                let Some(open) = self.open.get_mut(&thread) else {
                    return;
                };
                match told {
                    Told::Status if open.again_at.is_some() => self.take(&thread),
                    Told::Closed => open.feed.away(Problem::new(
                        "thread_closed",
                        "Codex let go of this thread; open it again from the list",
                    )),
                    told => open.feed.hear(told, raw.len()),
                }
            }
            // Approvals are answered through the control socket only. Any answer here, an error too, would
            // be one for everybody.
            Some(Incoming::Request { .. }) => {}
            Some(Incoming::Closed { reason }) => self.lost(&reason),
            None => self.lost(&CloseReason::Dropped),
        }
    }

    fn due(&self) -> Option<Instant> {
        let opens = self.open.values();
        let news = opens.clone().filter(|open| open.feed.has_news());
        let now = Instant::now();
        let frames = news.map(|open| open.told_at.map_or(now, |told| told + FRAME));
        frames
            .chain(opens.filter_map(|open| open.again_at))
            .chain(self.retry_at)
            .chain(self.idle_at)
            .min()
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        for (id, open) in &mut self.open {
            let waits = open.told_at.is_some_and(|told| told + FRAME > now);
            if waits || !open.feed.has_news() {
                continue;
            }
            open.told_at = Some(now);
            // Where there is no room it is put together with what comes until the next frame.
            if let Ok(room) = self.events.try_reserve()
                && let Some(event) = open.feed.event(id)
            {
                room.send(event);
            }
        }
        let again = |open: &Open| open.again_at.is_some_and(|at| at <= now);
        let again: Vec<String> = self
            .open
            .iter()
            .filter(|(_, open)| again(open))
            .map(|(id, _)| id.clone())
            .collect();
        for id in again {
            self.take(&id);
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.dial();
        }
        if self.idle_at.is_some_and(|at| at <= now) {
            self.hang_up();
        }
    }
}

/// What comes; never, while there is no connection.
async fn next(link: &mut Link) -> Option<Incoming> {
    match link {
        Link::Up(_, incoming) => incoming.recv().await,
        _ => std::future::pending().await,
    }
}
