//! What is wrong with an MCP server has a name of its own.

use super::web_page;
use crate::agent::plain_web_server;
use crate::site::{Bus, Codex, Key, Site, at};
use drawbridge_wire::buses::McpCheck;
use tokio::net::TcpListener;

// proves S1.11
#[tokio::test]
async fn each_way_an_mcp_server_fails_has_its_own_mark() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let bus = Bus::start(&site, "marks").await;
    let id = site.enroll(&bus, None, &[]).await.id;
    let (plain, plain_server) = plain_web_server().await;
    let (page, page_server) = web_page().await;
    let down = {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/mcp", free.local_addr().unwrap())
    };
    let connect = site.connect(&[], &[]).await;
    let found = async |expected: &str| {
        let view = site
            .until(|view| {
                at(view, &bus)
                    .and_then(|link| link.mcp.as_ref())
                    .is_some_and(|mcp| match &mcp.check {
                        McpCheck::Good { .. } => expected == "good",
                        McpCheck::Bad { code, .. } => expected == code,
                        McpCheck::Unchecked | McpCheck::Checking => false,
                    })
            })
            .await;
        let status = site.cli(&["status"]).await.well();
        let said = match expected {
            "good" => "answers".to_owned(),
            // With the command that mends it.
            "mcp_no_token" => format!("`drawbridge enrollments set {id} --mcp-token-stdin` [mcp_no_token]"),
            code => format!("[{code}]"),
        };
        let mcp = at(&view, &bus).unwrap().mcp.as_ref().unwrap();
        assert!(mcp.after_restart || status.contains(&said), "{said}: {status}");
    };
    let set = async |stdin: &str, args: &[&str]| {
        let args = [&["enrollments", "set", &id], args].concat();
        site.say(stdin, &args).await.well();
    };
    // Looked at as soon as the link stands.
    found("mcp_no_token").await;
    set("canary-wrong-mcp\n", &["--mcp-token-stdin"]).await;
    found("mcp_unauthorized").await;
    set(&format!("{}\n", bus.http_token), &["--mcp-token-stdin"]).await;
    found("good").await;
    set("", &["--mcp-url", &down]).await;
    found("refused").await;
    for not_mcp in [&plain, &page] {
        set("", &["--mcp-url", &format!("{}/healthz", bus.api())]).await;
        found("not_mcp").await;
        set("", &["--mcp-url", &format!("{}/mcp", bus.api())]).await;
        found("good").await;
        set("", &["--mcp-url", not_mcp]).await;
        found("not_mcp").await;
    }
    set(
        "",
        &["--mcp-url", &format!("{}/mcp", bus.api()), "--no-mcp-token"],
    )
    .await;
    found("mcp_no_token").await;
    // A token does not leave this computer unencrypted, and a name is one codex takes.
    for (flag, value, name) in [
        ("--mcp-url", "http://mcp.example/mcp", "insecure_url"),
        ("--mcp-url", "https://me:canary@mcp.example/mcp", "invalid_url"),
        ("--mcp-url", "mcp", "invalid_url"),
        ("--mcp-name", "a.b", "bad_mcp_name"),
        ("--mcp-name", "a b", "bad_mcp_name"),
    ] {
        let said = site.cli(&["enrollments", "set", &id, flag, value]).await;
        assert!(!said.failed(1, name).contains("canary"));
    }
    site.stop(connect).await;
    for server in [plain_server, page_server] {
        server.abort();
    }
}
