//! A question in the dialog, on the real agent.

use crate::common::{App, Did};
use crate::threads::end;
use crate::world::{Plan, World};
use drawbridge_desk::{Ask, Window};
use drawbridge_testkit::asking_server::AskingServer;
use drawbridge_testkit::home::ExtraConfig;
use drawbridge_wire::Decision;
use serde_json::{Map, json};

// proves S0.14
#[tokio::test]
async fn a_form_that_is_filled_in_the_dialog_reaches_the_server_whole() {
    let server = AskingServer::start().await.unwrap();
    let extra = ExtraConfig {
        keys: "",
        tables: &server.table("asker"),
    };
    let plan = Plan {
        extra,
        ..Plan::default()
    };
    let world = World::start_with(plan).await;
    let mut app = App::start(&world.data);
    let mut local = world.local().await;
    let thread = local.thread(&world.work, "on-request", "read-only").await;
    let form = json!({
        "message": "Who are you?",
        "requestedSchema": { "type": "object", "required": ["name"], "properties": {
            "name": { "type": "string" }, "sure": { "type": "boolean" },
        }},
    });
    let script = format!("CALLNS: mcp__asker ask {form}\nSAY: end");
    local.turn(&thread, &script).await.unwrap();
    app.until(|did| (did == Did::Show(Window::Approval)).then_some(()))
        .await;
    let card = app.ask("approval", Ask::CurrentCard).await.unwrap();
    let choice = &card["view"]["choices"][0];
    assert_eq!(choice["decision"], json!({ "answers": {} }), "{card:#}");
    let ids: Vec<_> = card["form"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| &field["id"])
        .collect();
    assert_eq!(ids, ["name", "sure"]);

    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (id, digest, nonce) = (
        text(&card["view"]["id"]),
        text(&card["view"]["digest"]),
        text(&card["nonce"]),
    );
    let answered = app.answer(move || Ask::Answer {
        id: id.clone(),
        digest: digest.clone(),
        nonce: nonce.clone(),
        decision: Decision::Answers(Map::new()),
        replies: json!({ "name": "Ann", "sure": true }).as_object().cloned(),
    });
    let answered = answered.await.unwrap().unwrap();
    assert_eq!(answered["won"], true, "{answered}");
    local.method("turn/completed").await;
    let told = world
        .model
        .recorded()
        .last()
        .unwrap()
        .tool_outputs()
        .pop()
        .unwrap();
    let content = r#"{\"action\":\"accept\",\"content\":{\"name\":\"Ann\",\"sure\":true}}"#;
    assert!(told.contains(content), "{told}");
    end(app, world).await;
    server.shutdown().await;
}
