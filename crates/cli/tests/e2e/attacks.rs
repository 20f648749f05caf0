//! Attacks of a remote client on the gate. Each holds only if nothing happened at the host that nobody
//! there agreed to; that the client was told so comes second.

mod flood;
mod moves;
mod roots;

use crate::world::{Client, HTTP_TOKEN, MCP_TOKEN, Plan, SOON, World};
use drawbridge_core::verdict::{Verdict, all};
use drawbridge_testkit::home::ExtraConfig;
use drawbridge_wire::control::{ApprovalState, HostView};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Starts a world in which remote clients may answer, too.
async fn shared_world() -> World {
    let connect = vec!["--answer".to_owned(), "both".to_owned()];
    World::start_with(Plan {
        connect,
        ..Plan::default()
    })
    .await
}

/// The rule an error names.
fn rule(answer: &Result<Value, Value>) -> &str {
    match answer {
        Ok(result) => panic!("it was let through: {result}"),
        Err(error) => error["data"]["rule"]
            .as_str()
            .unwrap_or_else(|| panic!("not from the gate: {error}")),
    }
}

/// Everything that was read so far, as text.
fn seen_text<S>(client: &Client<S>) -> String {
    client
        .seen
        .iter()
        .map(Value::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns when all that was sent before has been dealt with: frames of one client are taken in order.
async fn settled<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) {
    client.call("thread/loaded/list", json!({})).await.unwrap();
}

/// Says yes to every id an app-server could have used.
async fn answer_everything<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) {
    for n in 0..1000 {
        client
            .send(&json!({ "id": n, "result": { "decision": "accept" } }).to_string())
            .await;
    }
    for n in 0..50 {
        let id = n.to_string();
        client
            .send(&json!({ "id": id, "result": { "decision": "accept" } }).to_string())
            .await;
    }
    settled(client).await;
}

fn input(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}

/// How many answers the record says were dropped: in lines of their own, and counted in one for many.
fn dropped(world: &World) -> u64 {
    let record = world.record();
    let lines = record
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_default());
    lines
        .map(|line| match (line["kind"].as_str(), line["rule"].as_str()) {
            (Some("dropped_answer"), _) => 1,
            (Some("refusals_left_out"), Some("dropped_answer")) => line["count"].as_u64().unwrap(),
            _ => 0,
        })
        .sum()
}

/// How many lines the record has for dropped answers.
fn lines(world: &World) -> usize {
    world.record().matches("dropped_answer").count()
}

#[tokio::test]
async fn answers_to_guessed_ids_are_dropped_and_the_question_stays_open() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    remote.asks_to_write(&world.work, "went on").await;
    let card = world.open_approval().await;
    answer_everything(&mut remote).await;
    let view = world.view().await.unwrap();
    let now = view.approvals.iter().find(|a| a.id == card.id).unwrap();
    assert_eq!(now.state, ApprovalState::Open);
    assert!(!world.work.join("made.txt").exists());
    let answered = world.cli(&["approvals", "decline", &card.id]).await;
    assert!(answered.status.success(), "{answered:?}");
    remote.method("turn/completed").await;
    assert!(matches!(
        world.ended_approval(&card.id).await,
        ApprovalState::Applied { .. }
    ));
    assert!(
        !world.work.join("made.txt").exists(),
        "the person's no is what counted"
    );
    drop(remote);
    world.until(|_| dropped(&world) == 1050).await;
    assert!(lines(&world) < 40, "nobody fills the disk with what was refused");
    assert!(
        world.record().contains("approval_answered"),
        "what was decided is there"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_remote_that_was_not_asked_cannot_answer_for_the_one_that_was() {
    let world = shared_world().await;
    let mut asked = world.remote().await;
    let mut other = world.remote().await;
    asked.asks_to_write(&world.work, "went on").await;
    let request = asked.method("item/commandExecution/requestApproval").await;
    let card = world.open_approval().await;
    answer_everything(&mut other).await;
    let exact = json!({ "id": request["id"], "result": { "decision": "accept" } });
    other.send(&exact.to_string()).await;
    settled(&mut other).await;
    drop(other);
    let view = world.until(|_| dropped(&world) == 1051).await;
    let now = view.approvals.iter().find(|a| a.id == card.id).unwrap();
    assert_eq!(now.state, ApprovalState::Open);
    assert!(!world.work.join("made.txt").exists());
    // The same words from the one that was asked do count, so it was not the words that were wrong.
    asked.send(&exact.to_string()).await;
    asked.method("turn/completed").await;
    assert!(matches!(
        world.ended_approval(&card.id).await,
        ApprovalState::Applied { .. }
    ));
    assert!(world.work.join("made.txt").exists());
    world.stop().await;
}

#[tokio::test]
async fn a_wide_thread_of_the_user_takes_nothing_from_a_remote() {
    let world = World::start().await;
    let mut local = world.local().await;
    let thread = local.thread(&world.work, "never", "danger-full-access").await;
    let started = local.turn(&thread, "HANG").await.unwrap();
    let turn = started["turn"]["id"].as_str().unwrap().to_owned();
    world.model.wait_for_requests(1, SOON).await.unwrap();
    let mut remote = world.remote().await;
    let script = input("RUN: printf x > attack.txt");
    let narrow = json!({ "type": "readOnly", "networkAccess": false });
    for (method, params) in [
        ("turn/start", json!({ "threadId": thread, "input": script })),
        (
            "turn/start",
            json!({ "threadId": thread, "input": script, "approvalPolicy": "on-request", "sandboxPolicy": narrow }),
        ),
        (
            "turn/steer",
            json!({ "threadId": thread, "input": script, "expectedTurnId": turn }),
        ),
        ("thread/resume", json!({ "threadId": thread })),
        (
            "thread/resume",
            json!({ "threadId": thread, "approvalPolicy": "untrusted", "sandbox": "read-only" }),
        ),
        ("thread/compact/start", json!({ "threadId": thread })),
        (
            "review/start",
            json!({ "threadId": thread, "target": { "type": "uncommittedChanges" } }),
        ),
    ] {
        let answer = remote.call(method, params.clone()).await;
        assert_eq!(rule(&answer), "wide_thread", "{method} {params}");
    }
    local
        .call("turn/interrupt", json!({ "threadId": thread, "turnId": turn }))
        .await
        .unwrap();
    local.method("turn/completed").await;
    let after = remote.turn(&thread, "RUN: printf x > attack.txt").await;
    assert_eq!(rule(&after), "wide_thread", "an idle wide thread is no less wide");
    assert_eq!(
        world.model.requests().len(),
        1,
        "no word of the remote reached the model"
    );
    assert!(!world.work.join("attack.txt").exists());
    world.stop().await;
}

/// Fires many turns at once and lets the user widen the thread when `before` of them were answered.
async fn race(world: &World, before: usize) {
    let mut remote = world.remote().await;
    let mut local = world.local().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    // A turn alone passes: what is refused below is not refused for another reason.
    remote.turn(&thread, "SAY: mine").await.unwrap();
    remote.method("turn/completed").await;
    let attack = |n: usize| {
        let script = input(&format!("RUN: printf x > raced-{before}-{n}.txt\nSAY: raced"));
        json!({ "id": n, "method": "turn/start", "params": { "threadId": thread, "input": script } })
            .to_string()
    };
    let widen = json!({
        "threadId": thread,
        "input": input("SAY: wide now"),
        "approvalPolicy": "never",
        "sandboxPolicy": { "type": "dangerFullAccess" },
    });
    let now = Notify::new();
    let firing = async {
        for n in 1000..1040 {
            remote.send(&attack(n)).await;
        }
        let mut answers = Vec::new();
        for n in 1000..1040 {
            if answers.len() == before {
                now.notify_one();
            }
            answers.push(remote.response(&json!(n)).await);
        }
        answers
    };
    let widening = async {
        now.notified().await;
        local.call("turn/start", widen).await
    };
    let (answers, widened) = tokio::join!(firing, widening);
    widened.unwrap();
    let passed = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert!(passed >= before);
    for refused in &answers[passed..] {
        assert_eq!(
            rule(refused),
            "wide_thread",
            "once it is wide, nothing passes any more"
        );
    }
    for n in 2000..2010 {
        remote.send(&attack(n)).await;
        let answer = remote.response(&json!(n)).await;
        assert_eq!(rule(&answer), "wide_thread", "after the response to the user");
    }
    let idle = |view: &HostView| view.threads.iter().any(|t| t.id == thread && t.status == "idle");
    world.until(idle).await;
    // The user's own next turn ends after all that was there before it, and it does run wide.
    let own = world.work.join(format!("own-{before}.txt"));
    local
        .turn(&thread, &format!("RUN: printf own > own-{before}.txt\nSAY: over"))
        .await
        .unwrap();
    world.until(|view| own.exists() && idle(view)).await;
    for entry in std::fs::read_dir(&world.work).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            !name.starts_with("raced-"),
            "{name} was made; {passed} turns passed before"
        );
    }
}

#[tokio::test]
async fn a_remote_turn_racing_the_users_widening_never_runs_wide() {
    let world = World::start().await;
    for before in [0, 1, 3, 10, 30] {
        race(&world, before).await;
    }
    assert!(world.record().contains("thread_widened"));
    world.stop().await;
}

#[tokio::test]
async fn every_method_without_a_yes_is_refused_by_the_gate() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "workspace-write").await;
    let target = world.work.join("attack.txt");
    let touch = json!(["/bin/sh", "-c", format!("printf x > '{}'", target.display())]);
    let params = |method: &str| match method {
        "thread/shellCommand" => json!({ "threadId": thread, "command": "printf x > attack.txt" }),
        "command/exec" => json!({ "command": touch, "cwd": world.work }),
        "process/spawn" => json!({ "command": touch, "cwd": world.work, "processHandle": "p" }),
        "fs/writeFile" => json!({ "path": target, "dataBase64": "eA==" }),
        "fs/createDirectory" => json!({ "path": target, "recursive": true }),
        "fs/copy" => {
            json!({ "sourcePath": world.home.path().join("config.toml"), "destinationPath": target })
        }
        "thread/settings/update" => json!({ "threadId": thread, "approvalPolicy": "never" }),
        "thread/delete" | "thread/queue/list" => json!({ "threadId": thread }),
        _ => json!({}),
    };
    let refused: Vec<(&str, &str)> = all()
        .filter_map(|(method, verdict)| match verdict {
            Verdict::Refuse(rule) => Some((method, *rule)),
            Verdict::Allow(_) => None,
        })
        .collect();
    assert!(
        refused.iter().any(|(method, _)| *method == "fs/writeFile"),
        "the table is the one meant"
    );
    // A connection has lines of its own in the record for so many refusals only.
    for some in refused.chunks(15) {
        let mut remote = world.remote().await;
        for (method, expected) in some {
            assert_eq!(
                rule(&remote.call(method, params(method)).await),
                *expected,
                "{method}"
            );
        }
    }
    let long = "x/".repeat(4000);
    for method in [
        "",
        "FS/writeFile",
        "fs/writefile",
        " fs/writeFile",
        "fs/writeFile\0",
        "fs\\writeFile",
        "exec",
        &long,
    ] {
        let answer = remote.call(method, params("fs/writeFile")).await;
        assert_eq!(rule(&answer), "unknown_method", "{method:?}");
    }
    assert!(!target.exists());
    let read = remote
        .call("thread/read", json!({ "threadId": thread }))
        .await
        .unwrap();
    assert_eq!(read["thread"]["id"], thread.as_str(), "the thread is still there");
    let record = world.record();
    for (method, _) in &refused {
        assert!(
            record.contains(&format!("\"{method}\"")),
            "{method} is not in the record"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn frames_that_can_be_read_in_two_ways_do_nothing() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "workspace-write").await;
    let target = world.work.join("attack.txt");
    let write = json!({ "path": target, "dataBase64": "eA==" });
    let list = r#""method":"thread/loaded/list""#;
    let fs = r#""method":"fs/writeFile""#;
    let long = "9".repeat(400);
    let fat = "i".repeat(100_000);
    for text in [
        format!(r#"{{"id":1,"method":"thread/start","method":"fs/writeFile","params":{write}}}"#),
        format!(r#"{{"id":1,"method":"fs/writeFile","method":"thread/start","params":{write}}}"#),
        format!(r#"{{"id":1,{list},"m\u0065thod":"fs/writeFile","params":{write}}}"#),
        format!(r#"{{"id":1,"m\u0065thod":"fs/writeFile",{list},"params":{write}}}"#),
        format!(r#"{{"id":1,{list},"Method":"fs/writeFile","params":{write}}}"#),
        format!(r#"{{"id":1,{list},"params":{{}},"params":{write}}}"#),
        format!(r#"{{"id":1,"id":2,{fs},"params":{write}}}"#),
        format!(r#"[{{"id":1,{fs},"params":{write}}}]"#),
        format!(r#"[{{"id":1,{list}}},{{"id":2,{fs},"params":{write}}}]"#),
        format!(r#"{{"id":null,{fs},"params":{write}}}"#),
        format!(r#"{{"id":null,{list}}}"#),
        format!(r#"{{"id":{long},{fs},"params":{write}}}"#),
        format!(r#"{{"id":-{long},{list}}}"#),
        format!(r#"{{"id":1e3,{fs},"params":{write}}}"#),
        format!(r#"{{"id":"{fat}",{fs},"params":{write}}}"#),
        format!(r#"{{"id":{{"a":1}},{fs},"params":{write}}}"#),
        format!(r#"{{"id":1,{list}}} {{"id":2,{fs},"params":{write}}}"#),
        format!(r#"{{"id":1,{fs},"params":{write},"result":{{}}}}"#),
        format!(r#"{{{fs},"params":{write}}}"#),
        format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)),
        "null".to_owned(),
        String::new(),
    ] {
        remote.send(&text).await;
        // The connection stands after each of them.
        settled(&mut remote).await;
    }
    for answer in remote.seen.iter().filter(|f| f.get("id").is_some()) {
        let refused = answer["error"]["data"]["rule"].as_str();
        assert!(matches!(refused, Some("malformed" | "refused_files")), "{answer}");
    }
    assert!(!target.exists());
    // Ids at the edge of what can be one are ids.
    for id in [json!(i64::MAX), json!(i64::MIN), json!("")] {
        remote
            .send(&json!({ "id": id, "method": "thread/loaded/list" }).to_string())
            .await;
        let loaded = remote.response(&id).await.unwrap();
        assert_eq!(loaded["data"], json!([thread]));
    }
    let frame = json!({ "id": 1, "method": "fs/writeFile", "params": write }).to_string();
    remote.send_message(Message::binary(frame.into_bytes())).await;
    assert_eq!(remote.closed().await, "refused");
    assert!(!target.exists());
    world.stop().await;
}

#[tokio::test]
async fn what_the_user_allows_himself_by_default_does_not_reach_a_remotes_thread() {
    let extra = ExtraConfig {
        keys: "approval_policy = \"never\"\nsandbox_mode = \"danger-full-access\"\napprovals_reviewer = \"auto_review\"",
        tables: "[sandbox_workspace_write]\nnetwork_access = true\nwritable_roots = [\"/var/tmp\"]",
    };
    let world = World::start_with(Plan {
        extra,
        ..Plan::default()
    })
    .await;
    let mut remote = world.remote().await;
    let started = remote
        .call("thread/start", json!({ "cwd": world.work }))
        .await
        .unwrap();
    assert_eq!(started["approvalPolicy"], "on-request");
    assert_eq!(started["approvalsReviewer"], "user");
    assert_eq!(started["sandbox"]["type"], "workspaceWrite");
    assert_eq!(started["sandbox"]["networkAccess"], false);
    assert_eq!(started["sandbox"]["writableRoots"], json!([]));
    world.stop().await;
}

#[tokio::test]
async fn opting_out_of_the_items_takes_no_diff_from_the_card() {
    let world = shared_world().await;
    let mut remote = world.remote_raw().await;
    let opted_out = json!([
        "item/started",
        "item/completed",
        "serverRequest/resolved",
        "thread/status/changed"
    ]);
    remote
        .initialize(json!({ "experimentalApi": true, "optOutNotificationMethods": opted_out }))
        .await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    remote
        .turn(&thread, "PATCH: new.txt|text of the patch\nSAY: went on")
        .await
        .unwrap();
    let request = remote.method("item/fileChange/requestApproval").await;
    let card = world.open_approval().await;
    assert!(card.body.contains("text of the patch"), "{}", card.body);
    assert!(!world.work.join("new.txt").exists());
    remote
        .send(&json!({ "id": request["id"], "result": { "decision": "accept" } }).to_string())
        .await;
    remote.method("turn/completed").await;
    assert!(matches!(
        world.ended_approval(&card.id).await,
        ApprovalState::Applied { .. }
    ));
    assert_eq!(
        std::fs::read_to_string(world.work.join("new.txt"))
            .unwrap()
            .trim_end(),
        "text of the patch"
    );
    for frame in &remote.seen {
        let method = frame["method"].as_str().unwrap_or_default();
        assert!(!opted_out.as_array().unwrap().contains(&json!(method)), "{frame}");
    }
    world.stop().await;
}

/// The HTTP status with which the bus turns a WebSocket away; `None` when it lets it in.
async fn turned_away(world: &World, path: &str, token: Option<&str>) -> Option<u16> {
    let mut request = format!("ws://{}{path}", world.bus).into_client_request().unwrap();
    if let Some(token) = token {
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let stream = TcpStream::connect(&world.bus).await.unwrap();
    match tokio::time::timeout(SOON, client_async(request, stream))
        .await
        .unwrap()
    {
        Ok(_) => None,
        Err(Error::Http(response)) => Some(response.status().as_u16()),
        Err(error) => panic!("{path}: {error}"),
    }
}

#[tokio::test]
async fn tokens_of_other_doors_open_no_app_server() {
    use crate::world::{CLIENT_TOKEN, CONNECT_TOKEN};
    let world = World::start().await;
    for path in ["/hosts/h/app-server", "/"] {
        for (token, status) in [
            (Some(HTTP_TOKEN), 403),
            (Some(CONNECT_TOKEN), 403),
            (Some(MCP_TOKEN), 401),
            (Some(""), 401),
            (None, 401),
        ] {
            assert_eq!(
                turned_away(&world, path, token).await,
                Some(status),
                "{path} {token:?}"
            );
        }
        let in_the_address = format!("{path}?token={CLIENT_TOKEN}&access_token={CLIENT_TOKEN}");
        assert_eq!(turned_away(&world, &in_the_address, None).await, Some(401));
        assert_eq!(
            turned_away(&world, path, Some(CLIENT_TOKEN)).await,
            None,
            "{path}"
        );
    }
    world.stop().await;
}
