//! A thread in the window, on the real agent.

use crate::common::{App, Did};
use crate::world::World;
use drawbridge_desk::{Ask, ThreadChange, ThreadItem, TurnState};
use drawbridge_wire::control::AppServerState;
use serde_json::{Value, json};

/// What a window has of a thread: the answer when it was opened, and every change since.
struct Page {
    id: String,
    items: Vec<Value>,
    seq: u64,
    turn: Option<TurnState>,
    /// How often it was told something.
    events: usize,
    away: Vec<String>,
    resets: usize,
}

impl Page {
    async fn open(app: &App, id: &str) -> Self {
        let whole = app
            .ask("main", Ask::ThreadOpen { id: id.to_owned() })
            .await
            .unwrap();
        let mut page = Self {
            id: id.to_owned(),
            items: Vec::new(),
            seq: 0,
            turn: None,
            events: 0,
            away: Vec::new(),
            resets: 0,
        };
        page.take_over(&whole);
        page
    }

    fn take_over(&mut self, whole: &Value) {
        self.items = whole["items"].as_array().unwrap().clone();
        self.seq = whole["seq"].as_u64().unwrap();
        self.turn = whole["turn"].as_object().map(|turn| TurnState {
            id: turn["id"].as_str().unwrap().to_owned(),
            status: turn["status"].as_str().unwrap().to_owned(),
        });
    }

    /// Follows the thread until it is as wanted.
    async fn until(&mut self, app: &mut App, wanted: impl Fn(&Page) -> bool) {
        while !wanted(self) {
            let event = app
                .until(|did| match did {
                    Did::Thread(event) => Some(event),
                    _ => None,
                })
                .await;
            if event.id != self.id || event.seq <= self.seq {
                continue;
            }
            assert_eq!(event.seq, self.seq + 1, "no event is missing");
            self.events += 1;
            for change in event.changes {
                self.apply(change);
            }
            self.seq = event.seq;
        }
    }

    fn apply(&mut self, change: ThreadChange) {
        match change {
            ThreadChange::Item(item) => self.put(&item),
            ThreadChange::Delta(delta) => {
                let item = self
                    .items
                    .iter_mut()
                    .find(|item| item["id"] == delta.item_id.as_str());
                let item = item.expect("an item that is known");
                let member = match item["type"].as_str().unwrap() {
                    "commandExecution" => "aggregatedOutput",
                    _ => "text",
                };
                let text = item[member].as_str().unwrap_or_default().to_owned();
                item[member] = json!(text + &delta.text);
            }
            ThreadChange::Turn(turn) => self.turn = Some(turn),
            ThreadChange::About(_) => {}
            ThreadChange::Reset(whole) => {
                self.take_over(&serde_json::to_value(whole).unwrap());
                self.resets += 1;
            }
            ThreadChange::Away(why) => self.away.push(why.code),
        }
    }

    fn put(&mut self, item: &ThreadItem) {
        let value = serde_json::to_value(item).unwrap();
        match self.items.iter_mut().find(|known| known["id"] == item.id()) {
            Some(known) => *known = value,
            None => self.items.push(value),
        }
    }

    fn of(&self, kind: &str) -> Vec<&Value> {
        self.items.iter().filter(|item| item["type"] == kind).collect()
    }

    fn last_said(&self) -> &str {
        let said = self.of("agentMessage");
        said.last()
            .and_then(|item| item["text"].as_str())
            .unwrap_or_default()
    }

    fn turn_is(&self, status: &str) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.status == status)
    }
}

fn streamed(count: usize) -> String {
    (0..count).map(|n| format!("tok{n} ")).collect()
}

async fn send(app: &App, page: &mut Page, text: &str) {
    page.turn = None;
    let (id, text) = (page.id.clone(), text.to_owned());
    app.ask("main", Ask::ThreadSend { id, text }).await.unwrap();
}

/// The app first; `connect` waits for the end of a host that only it keeps up.
pub(crate) async fn end(app: App, world: World) {
    app.desk.terminate();
    app.ended().await;
    world.until(|view| view.leases.len() == 1).await;
    world.stop().await;
}

// proves S0.10
#[tokio::test]
async fn a_thread_streams_is_steered_and_interrupted_from_the_window() {
    let world = World::start().await;
    let mut app = App::start(&world.data);
    app.until_tray(|tray| tray.icon == drawbridge_core::tray::Icon::Connected)
        .await;
    let text = "RUN: echo hi\nSTREAM: 2000 1".to_owned();
    let cwd = Some(world.work.clone());
    let started = app.ask("main", Ask::ThreadStart { text, cwd }).await.unwrap();
    let mut page = Page::open(&app, started["id"].as_str().unwrap()).await;
    // While it streams, what is on the page is a beginning of what is sent.
    page.until(&mut app, |page| page.last_said().contains("tok500 "))
        .await;
    assert!(page.turn_is("inProgress"));
    assert!(
        streamed(2000).starts_with(page.last_said()),
        "{}",
        page.last_said()
    );
    page.until(&mut app, |page| page.turn_is("completed")).await;
    assert_eq!(page.last_said(), streamed(2000));
    let command = page.of("commandExecution");
    assert_eq!(command.len(), 1, "{:#?}", page.items);
    assert_eq!(
        (&command[0]["aggregatedOutput"], &command[0]["exitCode"]),
        (&json!("hi\n"), &json!(0))
    );
    assert_eq!(page.of("userMessage").len(), 1);
    assert!(page.events < 400, "2000 pieces in {} events", page.events);

    // A word to the turn that runs becomes a part of it.
    send(&app, &mut page, "STREAM: 60 20").await;
    page.until(&mut app, |page| page.turn_is("inProgress")).await;
    let turn = page.turn.clone().unwrap().id;
    let (id, text) = (page.id.clone(), "SAY: to the left".to_owned());
    app.ask("main", Ask::ThreadSteer { id, text }).await.unwrap();
    page.until(&mut app, |page| page.turn_is("completed")).await;
    assert_eq!(page.turn.clone().unwrap().id, turn);
    assert_eq!(page.last_said(), "to the left ");
    assert_eq!(page.of("userMessage").len(), 3);

    send(&app, &mut page, "HANG").await;
    page.until(&mut app, |page| page.turn_is("inProgress")).await;
    let id = page.id.clone();
    app.ask("main", Ask::ThreadInterrupt { id: id.clone() })
        .await
        .unwrap();
    page.until(&mut app, |page| page.turn_is("interrupted")).await;
    let over = app.ask("main", Ask::ThreadInterrupt { id: id.clone() }).await;
    assert!(over.is_err(), "nothing runs any more");

    // A page that is opened anew has the same items as the one that saw them come, but for a message that
    // broke off.
    let again = Page::open(&app, &id).await;
    let broke_off = |item: &&Value| {
        item["type"] != "agentMessage" || again.items.iter().any(|one| one["id"] == item["id"])
    };
    let seen: Vec<Value> = page
        .items
        .iter()
        .filter(broke_off)
        .map(|item| item["id"].clone())
        .collect();
    let there: Vec<Value> = again.items.iter().map(|item| item["id"].clone()).collect();
    assert_eq!(there, seen);

    // The window goes, and with it the connection.
    let here = |view: &drawbridge_wire::control::HostView| {
        view.connections
            .iter()
            .any(|one| one.client == "drawbridge-desktop")
    };
    world.until(here).await;
    app.desk.closed("main");
    world.until(|view| !here(view)).await;
    end(app, world).await;
}

// proves S0.05, S0.10
/// A file change and a message that began before the page was opened; and the agent dies under the page.
#[tokio::test]
async fn an_open_thread_shows_file_changes_and_outlives_its_agent() {
    let world = World::start().await;
    let mut app = App::start(&world.data);
    let mut local = world.local().await;
    let thread = local.thread(&world.work, "never", "workspace-write").await;
    local
        .turn(&thread, "PATCH: a.txt|one\\ntwo\nSTREAM: 100 20")
        .await
        .unwrap();
    local.method("item/agentMessage/delta").await;
    let mut page = Page::open(&app, &thread).await;
    let change = page.of("fileChange")[0].clone();
    assert_eq!(change["changes"][0]["diff"], "one\ntwo\n");
    page.until(&mut app, |page| page.last_said().contains("tok60 "))
        .await;
    assert!(streamed(100).ends_with(page.last_said()) || streamed(100).contains(page.last_said()));
    page.until(&mut app, |page| page.turn_is("completed")).await;
    assert_eq!(
        page.last_said(),
        streamed(100),
        "the beginning came with the whole"
    );

    let agent = world.view().await.unwrap().app_server.pid.unwrap();
    let agent = nix::unistd::Pid::from_raw(i32::try_from(agent).unwrap());
    nix::sys::signal::kill(agent, nix::sys::signal::Signal::SIGKILL).unwrap();
    page.until(&mut app, |page| !page.away.is_empty()).await;
    page.until(&mut app, |page| page.resets > 0).await;
    let ready = |view: &drawbridge_wire::control::HostView| {
        view.app_server.generation == 2 && view.app_server.state == AppServerState::Ready
    };
    world.until(ready).await;
    assert_eq!(page.last_said(), streamed(100));
    send(&app, &mut page, "SAY: back again").await;
    page.until(&mut app, |page| page.turn_is("completed")).await;
    assert_eq!(page.last_said(), "back again ");
    end(app, world).await;
}

#[tokio::test]
async fn a_thread_of_the_older_kind_opens_too() {
    let world = World::start().await;
    let app = App::start(&world.data);
    let mut local = world.local().await;
    let params = json!({ "cwd": world.work, "historyMode": "legacy" });
    let started = local.call("thread/start", params).await.unwrap();
    assert_eq!(started["thread"]["historyMode"], "legacy");
    let thread = started["thread"]["id"].as_str().unwrap().to_owned();
    local.turn(&thread, "SAY: as ever").await.unwrap();
    local.method("turn/completed").await;
    let page = Page::open(&app, &thread).await;
    assert_eq!(page.of("userMessage").len(), 1, "{:#?}", page.items);
    assert_eq!(page.last_said(), "as ever ");
    assert!(page.turn_is("completed"));
    end(app, world).await;
}
