//! Several clients on one host: what belongs to whom, and who decides.

use crate::world::{Client, Plan, SOON, World};
use drawbridge_core::verdict;
use drawbridge_wire::control::{ApprovalState, ApprovalView, ItemOutcome};
use drawbridge_wire::{AnswerSource, Decision};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

const COMMAND: &str = "item/commandExecution/requestApproval";
const FILES: &str = "item/fileChange/requestApproval";

async fn world(arguments: &[&str]) -> World {
    World::start_with(Plan {
        connect: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        ..Plan::default()
    })
    .await
}

/// A thread that has had a turn: only then can another client join it.
pub(crate) async fn begun<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    world: &World,
) -> String {
    let thread = client.thread(&world.work, "on-request", "read-only").await;
    client.turn(&thread, "SAY: hello").await.unwrap();
    client.method("turn/completed").await;
    thread
}

pub(crate) async fn resume<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    thread: &str,
) -> Result<Value, Value> {
    let params = json!({ "threadId": thread, "excludeTurns": true });
    client.call("thread/resume", params).await
}

async fn accept<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, id: &Value, decision: &str) {
    let answer = json!({ "id": id, "result": { "decision": decision } });
    client.send(&answer.to_string()).await;
}

async fn cards(world: &World) -> Vec<ApprovalView> {
    let listed = world.cli(&["approvals", "list", "--json"]).await;
    serde_json::from_slice(&listed.stdout).unwrap()
}

/// Waits until a line of the record has this in it.
async fn dropped(world: &World, reason: &str) {
    let deadline = Instant::now() + SOON;
    while !world.record().lines().any(|line| line.contains(reason)) {
        assert!(Instant::now() < deadline, "no {reason:?} in:\n{}", world.record());
        tokio::task::yield_now().await;
    }
}

fn asked(frames: &[Value]) -> bool {
    frames.iter().any(|f| {
        f["method"]
            .as_str()
            .is_some_and(|m| m.ends_with("requestApproval"))
    })
}

async fn refused_before_initialize<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) {
    for (method, _) in verdict::all().filter(|(method, _)| *method != "initialize") {
        let error = client.call(method, json!({})).await.unwrap_err();
        assert_eq!(error["message"], "Not initialized", "{method}");
        assert_eq!(error["code"], -32600, "{method}");
    }
    let error = client.call("no/such", json!({})).await.unwrap_err();
    assert_eq!(error["message"], "Not initialized");
    client.send(r#"{"method":"initialized"}"#).await;
    let error = client.call("thread/loaded/list", json!({})).await.unwrap_err();
    assert_eq!(
        error["message"], "Not initialized",
        "the notification alone is not enough"
    );
}

// proves S5.06, S5.08, S5.10
#[tokio::test]
async fn who_did_not_initialize_gets_nothing_done_and_hears_nothing() {
    let world = World::start().await;
    let (mut far, mut near) = (world.remote_raw().await, world.local_raw().await);
    refused_before_initialize(&mut far).await;
    refused_before_initialize(&mut near).await;
    let (mut far_witness, mut near_witness) = (world.remote().await, world.local().await);
    let mut busy = world.remote().await;
    for _ in 0..3 {
        begun(&mut busy, &world).await;
    }
    for _ in 0..3 {
        far_witness.method("thread/started").await;
        near_witness.method("thread/started").await;
    }
    // What had been broadcast to these two would come before the answers.
    let error = far.call("thread/list", json!({})).await.unwrap_err();
    assert_eq!(error["message"], "Not initialized");
    let error = near.call("thread/list", json!({})).await.unwrap_err();
    assert_eq!(error["message"], "Not initialized");
    assert_eq!(far.seen, Vec::<Value>::new());
    assert_eq!(near.seen, Vec::<Value>::new());
    // Others being initialized changed nothing for these; doing it themselves does.
    far.initialize(json!({ "experimentalApi": true })).await;
    near.initialize(json!({ "experimentalApi": true })).await;
    far.call("thread/list", json!({})).await.unwrap();
    near.call("thread/list", json!({})).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn one_question_to_two_clients_takes_one_answer() {
    let world = world(&["--answer", "both"]).await;
    let mut remote = world.remote().await;
    let thread = begun(&mut remote, &world).await;
    let mut local = world.local().await;
    resume(&mut local, &thread).await.unwrap();
    remote
        .turn(&thread, "ESC: printf x >> once.txt\nSAY: done")
        .await
        .unwrap();
    let there = remote.method(COMMAND).await;
    let here = local.method(COMMAND).await;
    assert_eq!(there["id"], here["id"]);
    assert_eq!(there["params"], here["params"]);
    let listed = cards(&world).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0].state, ApprovalState::Open);

    accept(&mut remote, &there["id"], "accept").await;
    let resolved = local.method("serverRequest/resolved").await;
    assert_eq!(resolved["params"]["requestId"], here["id"]);
    accept(&mut local, &here["id"], "decline").await;
    dropped(&world, "dropped_answer").await;
    let state = world.ended_approval(&listed[0].id).await;
    let ApprovalState::Applied {
        by: AnswerSource::Remote { .. },
        decision: Decision::Accept,
    } = state
    else {
        panic!("{state:?}");
    };
    let done = remote.method("turn/completed").await;
    assert_eq!(done["params"]["turn"]["status"], "completed");
    local.method("turn/completed").await;
    assert_eq!(std::fs::read_to_string(world.work.join("once.txt")).unwrap(), "x");
    assert!(!asked(&remote.seen) && !asked(&local.seen), "asked once each");
    assert_eq!(cards(&world).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_question_that_waits_is_shown_to_the_user_who_joins_and_not_to_a_remote() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    remote
        .turn(&thread, "PATCH: new.txt|line of the patch\nSAY: done")
        .await
        .unwrap();
    let before = world.open_approval().await;
    assert!(before.body.contains("line of the patch"), "{}", before.body);

    let mut local = world.local().await;
    resume(&mut local, &thread).await.unwrap();
    let shown = local.method(FILES).await;
    assert_eq!(shown["params"]["threadId"], json!(thread));
    let mut second = world.remote().await;
    resume(&mut second, &thread).await.unwrap();
    let after = world.open_approval().await;
    assert_eq!(
        (after.id, after.digest),
        (before.id.clone(), before.digest),
        "the same card, unchanged"
    );
    assert!(after.body.contains("line of the patch"), "{}", after.body);

    accept(&mut local, &shown["id"], "accept").await;
    let state = world.ended_approval(&before.id).await;
    assert!(
        matches!(
            &state,
            ApprovalState::Applied {
                by: AnswerSource::LocalClient { .. },
                decision: Decision::Accept
            }
        ),
        "{state:?}"
    );
    for client in [&mut remote, &mut second] {
        client.method("turn/completed").await;
        assert!(!asked(&client.seen), "a remote that may not answer is not asked");
    }
    assert_eq!(
        std::fs::read_to_string(world.work.join("new.txt")).unwrap(),
        "line of the patch\n"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_question_that_waits_is_shown_to_a_remote_that_joins_and_may_answer() {
    let world = world(&["--answer", "both"]).await;
    let mut first = world.remote().await;
    let thread = first.thread(&world.work, "on-request", "read-only").await;
    first
        .turn(&thread, "PATCH: new.txt|line of the patch\nSAY: done")
        .await
        .unwrap();
    let asked = first.method(FILES).await;
    let card = world.open_approval().await;
    let mut second = world.remote().await;
    resume(&mut second, &thread).await.unwrap();
    let replayed = second.method(FILES).await;
    assert_eq!(replayed["id"], asked["id"]);
    assert_eq!(replayed["params"], asked["params"]);
    accept(&mut second, &replayed["id"], "accept").await;
    let state = world.ended_approval(&card.id).await;
    assert!(
        matches!(
            &state,
            ApprovalState::Applied {
                by: AnswerSource::Remote { .. },
                ..
            }
        ),
        "{state:?}"
    );
    first.method("turn/completed").await;
    assert!(world.work.join("new.txt").exists());
    world.stop().await;
}

/// Whether codex resolved the question before it ended the turn, as a subscriber heard it.
async fn resolved_before_the_end<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    request: &Value,
    turn: &Value,
) -> (bool, String) {
    let mut resolved = false;
    loop {
        let frame = client.frame().await.unwrap();
        match frame["method"].as_str() {
            Some("serverRequest/resolved") if frame["params"]["requestId"] == *request => resolved = true,
            Some("turn/completed") if frame["params"]["turn"]["id"] == *turn => {
                let status = frame["params"]["turn"]["status"].as_str().unwrap();
                return (resolved, status.to_owned());
            }
            _ => {}
        }
    }
}

/// Waits until an approval is over and it is known what became of the command.
async fn settled(world: &World, id: &str) -> (ApprovalState, ItemOutcome) {
    let state = world.ended_approval(id).await;
    let end = |a: &ApprovalView| {
        (a.id == id)
            .then_some(a.outcome)?
            .filter(|o| *o != ItemOutcome::Running)
    };
    let view = world
        .until(|view| view.approvals.iter().any(|a| end(a).is_some()))
        .await;
    (state, view.approvals.iter().find_map(end).unwrap())
}

/// codex (0.169.0) may take an answer, say so, and still stop the turn before the command does anything;
/// it then tells no end of the item. So `applied` means that the answer was taken before the end.
#[tokio::test]
async fn a_race_of_answer_and_interrupt_ends_in_what_codex_did_first() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = begun(&mut remote, &world).await;
    let mut local = world.local().await;
    resume(&mut local, &thread).await.unwrap();
    let mut states = Vec::new();
    for round in 0..12 {
        let made = world.work.join(format!("race-{round}.txt"));
        let script = format!("ESC: printf yes > race-{round}.txt\nSAY: done");
        let turn = remote.turn(&thread, &script).await.unwrap()["turn"]["id"].clone();
        let shown = local.method(COMMAND).await;
        let card = world.open_approval().await;
        let params = json!({ "threadId": thread, "turnId": turn });
        let stop = json!({ "id": "stop", "method": "turn/interrupt", "params": params }).to_string();
        let id = &shown["id"];
        let (resolved, status) = match round % 6 {
            0 => {
                tokio::join!(remote.send(&stop), accept(&mut local, id, "accept"));
                resolved_before_the_end(&mut local, id, &turn).await
            }
            1 => {
                local.send(&stop).await;
                accept(&mut local, id, "accept").await;
                resolved_before_the_end(&mut local, id, &turn).await
            }
            2 => {
                accept(&mut local, id, "accept").await;
                local.send(&stop).await;
                resolved_before_the_end(&mut local, id, &turn).await
            }
            3 => {
                remote.send(&stop).await;
                accept(&mut local, id, "accept").await;
                resolved_before_the_end(&mut local, id, &turn).await
            }
            // No race: the interrupt was carried out before the answer came.
            4 => {
                remote.send(&stop).await;
                let heard = resolved_before_the_end(&mut local, id, &turn).await;
                accept(&mut local, id, "accept").await;
                assert_eq!(heard, (false, "interrupted".to_owned()));
                heard
            }
            // No race: nobody interrupts.
            _ => {
                accept(&mut local, id, "accept").await;
                let heard = resolved_before_the_end(&mut local, id, &turn).await;
                assert_eq!(heard, (true, "completed".to_owned()));
                heard
            }
        };
        let (state, outcome) = settled(&world, &card.id).await;
        let exists = made.exists();
        let facts = format!(
            "round {round}: {state:?}, then {outcome:?}, resolved first {resolved}, turn {status}, file {exists}"
        );
        let applied = match &state {
            ApprovalState::Applied {
                by: AnswerSource::LocalClient { .. },
                decision: Decision::Accept,
            } => true,
            ApprovalState::Superseded => false,
            _ => panic!("{facts}"),
        };
        assert_eq!(applied, resolved, "{facts}");
        assert!(applied || !exists, "what ran was accepted: {facts}");
        assert!(applied || status == "interrupted", "{facts}");
        assert_eq!(
            status == "completed",
            exists && status != "interrupted",
            "{facts}"
        );
        // What then happened is told beside it: the end of the command, or that there is none.
        let done = ItemOutcome::Completed { exit_code: Some(0) };
        let told = match (status.as_str(), exists) {
            ("completed", true) => outcome == done,
            ("interrupted", true) => outcome == done || outcome == ItemOutcome::TurnInterrupted,
            ("interrupted", false) => outcome == ItemOutcome::TurnInterrupted,
            _ => false,
        };
        assert!(told, "{facts}");
        let listed = world.cli(&["approvals", "show", &card.id]).await;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let words = if outcome == done {
            "Then: it ran and ended with exit code 0"
        } else {
            "Then: the turn was interrupted"
        };
        assert!(listed.contains(words), "{facts}\n{listed}");
        states.push(facts);
        remote
            .until(|f| f["method"] == "turn/completed" && f["params"]["turn"]["id"] == turn)
            .await;
    }
    assert!(states.iter().any(|s| s.contains("Superseded")) && states.iter().any(|s| s.contains("Applied")));
    world.stop().await;
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let world = world(&["--role", "viewer"]).await;
    let mut local = world.local().await;
    let thread = begun(&mut local, &world).await;
    let mut viewer = world.remote().await;
    let listed = viewer.call("thread/list", json!({})).await.unwrap();
    assert_eq!(listed["data"][0]["id"], json!(thread));
    let loaded = viewer.call("thread/loaded/list", json!({})).await.unwrap();
    assert_eq!(loaded["data"], json!([thread]));
    let read = viewer
        .call("thread/read", json!({ "threadId": thread }))
        .await
        .unwrap();
    assert_eq!(read["thread"]["id"], json!(thread));
    let resumed = resume(&mut viewer, &thread).await.unwrap();
    assert_eq!(resumed["thread"]["id"], json!(thread));
    assert_eq!(resumed["approvalPolicy"], "on-request");
    assert_eq!(resumed["sandbox"]["type"], "readOnly");

    let denied = [
        ("thread/start", json!({ "cwd": world.work })),
        (
            "turn/start",
            json!({ "threadId": thread, "input": [{ "type": "text", "text": "SAY: no" }] }),
        ),
        ("thread/fork", json!({ "threadId": thread })),
        (
            "thread/resume",
            json!({ "threadId": thread, "approvalPolicy": "on-request" }),
        ),
        ("thread/name/set", json!({ "threadId": thread, "name": "x" })),
        ("thread/archive", json!({ "threadId": thread })),
    ];
    for (method, params) in denied {
        let error = viewer.call(method, params).await.unwrap_err();
        assert!(error["data"]["rule"].is_string(), "{method}: {error}");
    }
    let requests = world.model.requests().len();
    local.turn(&thread, "SAY: seen by both").await.unwrap();
    let said = viewer
        .until(|f| f["method"] == "item/completed" && f["params"]["item"]["type"] == "agentMessage")
        .await;
    let text = said["params"]["item"]["text"].as_str().unwrap();
    assert_eq!(text.trim_end(), "seen by both");
    viewer.method("turn/completed").await;
    assert_eq!(
        world.model.requests().len(),
        requests + 1,
        "one turn, the user's own"
    );
    let loaded = local.call("thread/loaded/list", json!({})).await.unwrap();
    assert_eq!(loaded["data"], json!([thread]), "no thread was made");
    world.stop().await;
}

#[tokio::test]
async fn where_remotes_answer_the_person_here_does_not_and_a_remote_gives_no_standing_leave() {
    let world = world(&["--answer", "remote"]).await;
    let mut remote = world.remote().await;
    remote.asks_to_write(&world.work, "done").await;
    let shown = remote.method(COMMAND).await;
    let card = world.open_approval().await;
    let refused = world.cli(&["approvals", "accept", &card.id]).await;
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("--answer remote"), "{said}");

    accept(&mut remote, &shown["id"], "acceptForSession").await;
    dropped(&world, "not this client's to give").await;
    assert_eq!(world.open_approval().await.id, card.id, "it still waits");
    assert!(!world.work.join("made.txt").exists());

    accept(&mut remote, &shown["id"], "accept").await;
    let done = remote.method("turn/completed").await;
    assert_eq!(done["params"]["turn"]["status"], "completed");
    let state = world.ended_approval(&card.id).await;
    assert!(
        matches!(
            &state,
            ApprovalState::Applied {
                by: AnswerSource::Remote { .. },
                decision: Decision::Accept
            }
        ),
        "{state:?}"
    );
    assert!(world.work.join("made.txt").exists());
    world.stop().await;
}

/// What the official terminal client (0.169.0) sends when it starts and takes its first prompt.
async fn terminal_client<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, world: &World) {
    let params = json!({
        "clientInfo": { "name": "codex-tui", "title": null, "version": "0.169.0" },
        "capabilities": { "requiredHumanApproval": true, "experimentalApi": true, "requestAttestation": false },
    });
    let mut answers = vec![("initialize", client.call("initialize", params).await)];
    client.send(r#"{"method":"initialized"}"#).await;
    let before = [
        ("account/read", json!({ "refreshToken": false })),
        ("model/list", json!({ "includeHidden": true })),
        ("hooks/list", json!({ "cwds": [world.work] })),
        ("account/bedrock/checkGovCloudRequirements", json!({})),
        ("config/read", json!({ "includeLayers": true, "cwd": world.work })),
        ("configRequirements/read", Value::Null),
        ("collaborationMode/list", json!({})),
    ];
    for (method, params) in before {
        answers.push((method, client.call(method, params).await));
    }
    let start = json!({
        "cwd": world.work, "sandbox": "read-only", "approvalPolicy": "on-request",
        "config": { "features.image_generation": false },
    });
    answers.push(("thread/start", client.call("thread/start", start).await));
    let thread = client.thread(&world.work, "on-request", "read-only").await;
    let after = [
        ("thread/list", json!({ "limit": 1, "sortKey": "updated_at" })),
        ("thread/list", json!({ "cwd": world.work })),
        (
            "skills/list",
            json!({ "forceReload": true, "cwds": [world.work] }),
        ),
        ("thread/loaded/list", json!({})),
        ("thread/read", json!({ "threadId": thread })),
    ];
    for (method, params) in after {
        answers.push((method, client.call(method, params).await));
    }
    answers.push(("turn/start", client.turn(&thread, "SAY: hi").await));
    client.method("turn/completed").await;
    let last = [
        ("thread/turns/list", json!({ "threadId": thread, "limit": 5 })),
        ("thread/unsubscribe", json!({ "threadId": thread })),
    ];
    for (method, params) in last {
        answers.push((method, client.call(method, params).await));
    }
    let refused: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_err()).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[tokio::test]
async fn the_terminal_client_can_start_through_both_doors() {
    let world = World::start().await;
    let mut remote = world.remote_raw().await;
    terminal_client(&mut remote, &world).await;
    let mut local = world.local_raw().await;
    terminal_client(&mut local, &world).await;
    world.stop().await;
}
