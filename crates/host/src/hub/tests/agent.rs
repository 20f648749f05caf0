//! What the app-server says.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_older_answer_takes_no_state_back_for_a_moment() {
    let mut house = House::new().await;
    let status = |word: &str| json!({ "threadId": "T", "status": { "type": word, "activeFlags": [] } });
    let tell = |method: &str, params: Value| {
        Event::Agent(AgentEvent::Notification {
            generation: 1,
            method: method.to_owned(),
            params,
        })
    };
    house.play(tell("thread/status/changed", status("active")));
    house.play(tell("thread/status/changed", status("idle")));
    house.changes();
    // Asked before the turn ended: then it ran.
    let result = json!({
        "thread": { "id": "T", "preview": "title", "status": { "type": "active", "activeFlags": [] } },
        "cwd": "/w", "approvalPolicy": "on-request", "sandbox": { "type": "readOnly" },
        "initialTurnsPage": { "data": [{ "id": "U", "status": "inProgress" }] },
    });
    house.play(Event::Agent(AgentEvent::Observed {
        generation: 1,
        thread: "T".to_owned(),
        changes: 0,
        told: 1,
        result: Some(result),
    }));
    let changes = house.changes();
    let [Change::Thread(thread)] = &changes[..] else {
        panic!("told once: {changes:?}")
    };
    assert_eq!((&*thread.status, &thread.turn), ("idle", &None));
    assert_eq!(
        (thread.title.as_deref(), thread.approval_policy.as_deref()),
        (Some("title"), Some("on-request")),
        "the rest of it counts"
    );
}
