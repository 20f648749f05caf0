//! What comes first: the app-server answers, then the network hears of this host. With a codex that
//! behaves as told.

use crate::world::{Plan, SOON, World};
use drawbridge_testkit::fake_codex::{MODE, RECORD};
use drawbridge_testkit::home::{fake_codex, scratch_dir};
use drawbridge_wire::control::AppServerState;
use drawbridge_wire::pipe::LinkState;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// A control plane that notices who comes, and a host that is to connect to it with a codex of this mode.
async fn before(mode: &str, mcp_token: Option<&str>, env: &[(&str, &str)]) -> (TcpListener, World) {
    let bus = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut env = env.to_vec();
    env.push((MODE, mode));
    let world = World::start_with(Plan {
        api: Some(format!("http://{}", bus.local_addr().unwrap())),
        codex: Some(fake_codex()),
        mcp_token,
        env,
        ..Plan::default()
    })
    .await;
    (bus, world)
}

/// An app-server that takes connections and answers no handshake is given up, and until then and after
/// nothing was dialled: not the link, not anything at the control plane's address.
// proves S1.05
#[tokio::test]
async fn nothing_is_dialled_while_the_app_server_does_not_answer() {
    let (bus, world) = before("never_ready", None, &[]).await;
    let view = world.until(|view| view.app_server.generation >= 2).await;
    let ended: Vec<Value> = world
        .record()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["kind"] == "app_server_ended")
        .collect();
    assert!(
        ended
            .iter()
            .any(|line| line["generation"] == 1 && line["expected"] == false),
        "the first was given up: {ended:?}"
    );
    let link = view.links.first().expect("a bus is configured");
    assert!(link.wanted, "it is to connect");
    assert!(
        matches!(&link.link, LinkState::Waiting { code, .. } if code == "agent_starting"),
        "and says what it waits for: {:?}",
        link.link
    );
    world.stop().await;
    // A connection that was made, also one that was given up, waits there to be accepted.
    let nobody = bus.into_std().unwrap().accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

/// The same host with an app-server that answers dials, and when it does the app-server is ready.
// proves S1.05
#[tokio::test]
async fn the_link_is_dialled_when_the_app_server_has_answered() {
    let (bus, world) = before("ok", None, &[]).await;
    let (_link, _) = timeout(SOON, bus.accept()).await.unwrap().unwrap();
    let view = world.view().await.unwrap();
    assert_eq!(view.app_server.state, AppServerState::Ready);
    assert_eq!(view.app_server.generation, 1);
    world.stop().await;
}

/// The token is optional: with one the app-server has it in its variable, without one there is no variable.
// proves S1.11
#[tokio::test]
async fn the_mcp_token_is_in_the_app_servers_variable_or_there_is_none() {
    const VARIABLE: &str = "FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN";
    for (token, expected) in [("canary-mcp-5d", Some("canary-mcp-5d")), ("", None)] {
        let scratch = scratch_dir("order").unwrap();
        let record = scratch.path().join("record.json");
        let env = [(RECORD, record.to_str().unwrap())];
        let (_bus, world) = before("ok", Some(token), &env).await;
        world
            .until(|view| view.app_server.state == AppServerState::Ready)
            .await;
        let recorded: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
        assert_eq!(recorded["env"].get(VARIABLE).and_then(Value::as_str), expected);
        let others = recorded["env"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| name.contains("CONNECTOR") && *name != VARIABLE)
            .collect::<Vec<_>>();
        assert!(others.is_empty(), "{others:?}");
        world.stop().await;
    }
}
