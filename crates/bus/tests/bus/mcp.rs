//! The MCP door, by plain HTTP requests.

use crate::setting::{Answer, CLIENT, Link, MCP, TestBus, http_client, key, within};
use drawbridge_wire::link::FromHost;
use serde_json::{Value, json};

async fn post(bus: &TestBus, token: &str, body: &Value) -> Answer {
    let request = http_client()
        .post(format!("{}/mcp", bus.origin()))
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .json(body);
    Answer::of(within(request.send()).await.unwrap()).await
}

async fn call(bus: &TestBus, method: &str, params: Value) -> Value {
    let answer = post(
        bus,
        MCP,
        &json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["result"].clone()
}

#[tokio::test]
async fn hosts_list_shows_the_hosts() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    link.send(&FromHost::Status {
        app_server_ready: true,
        active_threads: 2,
        open_approvals: 1,
    })
    .await;
    link.settle().await;

    let client = json!({ "name": "test", "version": "1" });
    let welcome = call(
        &bus,
        "initialize",
        json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client }),
    )
    .await;
    assert_eq!(welcome["serverInfo"]["name"], "drawbridge-bus");
    assert_eq!(welcome["protocolVersion"], "2025-06-18");
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(post(&bus, MCP, &initialized).await.status, 202);

    let tools = call(&bus, "tools/list", json!({})).await;
    assert_eq!(tools["tools"].as_array().unwrap().len(), 1, "{tools}");
    assert_eq!(tools["tools"][0]["name"], "hosts_list");
    assert_eq!(tools["tools"][0]["annotations"]["readOnlyHint"], true);

    let result = call(
        &bus,
        "tools/call",
        json!({ "name": "hosts_list", "arguments": {} }),
    )
    .await;
    let host = &result["structuredContent"]["hosts"][0];
    assert_eq!((&host["id"], &host["online"]), (&json!("desk"), &json!(true)));
    assert_eq!(
        (&host["active_threads"], &host["open_approvals"]),
        (&json!(2), &json!(1))
    );
    // The same for clients that read only the text.
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text["hosts"][0]["id"], "desk");
}

#[tokio::test]
async fn the_mcp_door_takes_its_own_token_and_posts_of_a_sensible_size() {
    let bus = TestBus::start().await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let answer = post(&bus, CLIENT, &list).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "wrong_scope"));
    let answer = post(&bus, "wrong", &list).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"));
    let url = format!("{}/mcp", bus.origin());
    let got = within(http_client().get(url).bearer_auth(MCP).send())
        .await
        .unwrap();
    let answer = Answer::of(got).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (405, "method_not_allowed")
    );
    let large =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "x": "x".repeat(300_000) } });
    assert_eq!(post(&bus, MCP, &large).await.status, 413);
}
