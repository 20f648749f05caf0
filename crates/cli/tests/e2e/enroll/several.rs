//! Several buses at once.

use crate::agent::shown;
use crate::site::{Bus, Codex, Key, Site, at, connected};
use crate::world::{Client, SOON};
use drawbridge_wire::pipe::LinkState;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

const VARIABLE: &str = "FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN";

/// Servers a thread has that have the bus's tools, and how they authenticate.
async fn tools<S>(client: &mut Client<S>, thread: &str) -> BTreeMap<String, (bool, String)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let told = client
        .call("mcpServerStatus/list", json!({ "threadId": thread }))
        .await
        .unwrap();
    let servers = told["data"].as_array().unwrap().iter();
    servers
        .map(|server| {
            let name = server["name"].as_str().unwrap().to_owned();
            let auth = server["authStatus"].as_str().unwrap().to_owned();
            (name, (server["tools"]["hosts_list"].is_object(), auth))
        })
        .collect()
}

/// Waits until a thread has this one server, with its tools: those are given to who has the token only.
async fn has_only<S>(client: &mut Client<S>, thread: &str, server: &str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let expected = BTreeMap::from([(server.to_owned(), (true, "bearerToken".to_owned()))]);
    let deadline = Instant::now() + SOON;
    loop {
        let now = tools(client, thread).await;
        if now == expected {
            return;
        }
        let names: Vec<&str> = now.keys().map(String::as_str).collect();
        assert_eq!(names, [server], "its own server and no other");
        assert!(Instant::now() < deadline, "{now:?}");
    }
}

/// The token variables of the app-server.
fn variables(agent: u32) -> BTreeMap<String, String> {
    let environ = shown(agent, "environ");
    let ours = environ.split(' ').filter(|entry| entry.starts_with(VARIABLE));
    ours.map(|entry| entry.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A thread has the MCP server of the bus it came through, under the bus's name, with the bus's token from
/// a variable of its own; one of this computer has the first bus's.
// proves S1.09, S1.11, S1.12, S1.23, S1.24, S1.25
#[tokio::test]
async fn each_bus_gives_its_threads_its_own_mcp_server_and_token() {
    let site = Site::new(Key::Keyring, Codex::Real).await;
    let first = Bus::start(&site, "a").await;
    let second = Bus::start(&site, "b").await;
    site.enroll(&first, Some(&first.http_token), &["--mcp-name", "tools-a"])
        .await;
    let enrolled = site
        .enroll(&second, Some(&second.http_token), &["--mcp-name", "tools-b"])
        .await;
    let connect = site.connect(&[], &[]).await;
    site.connected(&first).await;
    let view = site.connected(&second).await;
    let own = format!(
        "{VARIABLE}_{}",
        enrolled.id.to_ascii_uppercase().replace('-', "_")
    );
    assert_eq!(
        variables(view.app_server.pid.unwrap()),
        BTreeMap::from([
            (VARIABLE.to_owned(), first.http_token.clone()),
            (own, second.http_token.clone()),
        ])
    );
    let mut local = site.local().await;
    for (bus, server) in [(&first, "tools-a"), (&second, "tools-b")] {
        let mut remote = bus.remote(&view.host.id).await;
        let thread = remote.thread(&site.work, "on-request", "read-only").await;
        has_only(&mut local, &thread, server).await;
    }
    let thread = local.thread(&site.work, "never", "read-only").await;
    has_only(&mut local, &thread, "tools-a").await;
    site.stop(connect).await;
}

/// Each bus is switched on and off by itself, now and for every later start.
// proves S1.23
#[tokio::test]
async fn each_bus_is_switched_by_itself_and_stays_so() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let first = Bus::start(&site, "a").await;
    let second = Bus::start(&site, "b").await;
    let off = site.enroll(&first, None, &[]).await.id;
    site.enroll(&second, None, &[]).await;
    let connect = site.connect(&[], &[]).await;
    site.connected(&first).await;
    let view = site.connected(&second).await;
    site.cli(&["enrollments", "off", &off]).await.well();
    site.until(|view| {
        at(view, &first).is_some_and(|link| !link.wanted && link.link == LinkState::Disconnected)
    })
    .await;
    let mut there = bus_says(&first).await;
    while there.contains("connected") {
        there = bus_says(&first).await;
    }
    assert!(
        there.contains(&view.host.id) && there.contains("offline"),
        "{there}"
    );
    let view = site.view().await.unwrap();
    assert!(connected(&view, &second).is_some());
    site.stop(connect).await;

    let connect = site.connect(&[], &[]).await;
    let view = site.connected(&second).await;
    let link = at(&view, &first).unwrap();
    assert_eq!((link.wanted, &link.link), (false, &LinkState::Disconnected));
    site.cli(&["enrollments", "on", &off]).await.well();
    site.connected(&first).await;
    site.cli(&["enrollments", "on", "no-such-bus"])
        .await
        .failed(1, "unknown_bus");
    site.stop(connect).await;

    let connect = site.connect(&[], &[]).await;
    site.connected(&first).await;
    site.connected(&second).await;
    site.stop(connect).await;
}

async fn bus_says(bus: &Bus) -> String {
    bus.admin(&["hosts"]).await.well()
}

/// A token that comes while the app-server runs is for the next one, and that is said.
// proves S1.11
#[tokio::test]
async fn a_token_that_comes_later_applies_when_the_agent_restarts() {
    let site = Site::new(Key::Keyring, Codex::Real).await;
    let bus = Bus::start(&site, "late").await;
    let id = site.enroll(&bus, None, &[]).await.id;
    let connect = site.connect(&[], &[]).await;
    let view = site.connected(&bus).await;
    assert!(!at(&view, &bus).unwrap().mcp.as_ref().unwrap().after_restart);
    let set = ["enrollments", "set", &id, "--mcp-token-stdin"];
    site.say(&format!("{}\n", bus.http_token), &set).await.well();
    let view = site
        .until(|view| {
            at(view, &bus)
                .and_then(|link| link.mcp.as_ref())
                .is_some_and(|mcp| mcp.after_restart)
        })
        .await;
    let status = site.cli(&["status"]).await.well();
    assert!(
        status.contains("its token applies when the agent restarts"),
        "{status}"
    );
    assert_eq!(
        variables(view.app_server.pid.unwrap()),
        BTreeMap::new(),
        "nothing restarted it"
    );
    assert_eq!(view.app_server.generation, 1);
    site.stop(connect).await;

    let connect = site.connect(&[], &[]).await;
    let view = site.connected(&bus).await;
    assert!(!at(&view, &bus).unwrap().mcp.as_ref().unwrap().after_restart);
    let token = BTreeMap::from([(VARIABLE.to_owned(), bus.http_token.clone())]);
    assert_eq!(variables(view.app_server.pid.unwrap()), token);
    let mut remote = bus.remote(&view.host.id).await;
    let thread = remote.thread(&site.work, "on-request", "read-only").await;
    has_only(&mut site.local().await, &thread, "codex-agents").await;
    site.stop(connect).await;
}

/// A bus that does not answer is asked once, also where it could be one that is known.
// proves S1.23
#[tokio::test]
async fn a_bus_that_says_nothing_is_asked_once() {
    let site = Site::new(Key::File, Codex::Fake).await;
    let bus = Bus::start(&site, "known").await;
    site.enroll(&bus, None, &[]).await;
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", mute.local_addr().unwrap());
    let enroll = ["enroll", "--api", &api, "--token-stdin"];
    let mut enrolling = Box::pin(site.say("token\n", &enroll));
    let mut came = 0;
    let said = loop {
        tokio::select! {
            said = &mut enrolling => break said,
            // It is closed at once, which stands for a silence of the longest wait.
            accepted = mute.accept() => {
                drop(accepted.unwrap());
                came += 1;
            }
        }
    };
    let said = said.failed(1, "link_lost");
    assert_eq!(came, 1, "{said}");
}

/// Under a second address a bus is told to be the same before anything is kept or a code is used up. At its
/// own address an enrollment is replaced, and that is said.
// proves S1.23
#[tokio::test]
async fn one_bus_under_two_addresses_is_enrolled_once() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let bus = Bus::start(&site, "twice").await;
    let other = Bus::start(&site, "else").await;
    let link = site.enroll(&bus, None, &["--name", "Work"]).await;
    let connect = site.connect(&[], &[]).await;
    site.connected(&bus).await;
    let port = bus.address.rsplit_once(':').unwrap().1;
    let second = format!("http://localhost:{port}");
    let by_token = site
        .say(
            &format!("{}\n", bus.connect_token),
            &["enroll", "--api", &second, "--token-stdin"],
        )
        .await
        .failed(1, "already_enrolled");
    assert!(
        by_token.contains(&format!("knows as Work under {}", bus.api()))
            && by_token.contains(&format!("`drawbridge forget {}`", link.id)),
        "{by_token}"
    );
    let code = bus.code().await;
    site.cli(&["enroll", "--api", &second, "--code", &code])
        .await
        .failed(1, "already_enrolled");
    let view = site.view().await.unwrap();
    assert_eq!(view.links.len(), 1, "{:?}", view.links);
    assert!(connected(&view, &bus).is_some(), "its link is not touched");
    // Also while it is off: it would be switched on again some day.
    site.cli(&["enrollments", "off", &link.id]).await.well();
    site.cli(&["enroll", "--api", &second, "--code", &code])
        .await
        .failed(1, "already_enrolled");
    site.cli(&["enrollments", "on", &link.id]).await.well();
    site.connected(&bus).await;
    // Another bus is another bus.
    site.enroll(&other, None, &[]).await;
    // The code is still worth an enrollment, at the address that is known; the other address then is not.
    let said = site
        .cli(&["enroll", "--api", &bus.api(), "--code", &code])
        .await
        .well();
    let told = format!(
        "it was enrolled here already, as Work under {}; that address and its token are replaced\n",
        bus.api()
    );
    assert!(said.contains(&told), "{said}");
    site.cli(&["forget", &link.id]).await.well();
    let code = bus.code().await;
    let said = site
        .cli(&["enroll", "--api", &second, "--code", &code])
        .await
        .well();
    assert!(!said.contains("already"), "{said}");
    site.stop(connect).await;
}

/// Two enrollments at the same moment are no way around that: one after the other, or not at all.
// proves S1.23
#[tokio::test]
async fn two_enrollments_at_once_keep_one_of_a_bus() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let bus = Bus::start(&site, "race").await;
    let other = Bus::start(&site, "else").await;
    site.enroll(&other, None, &[]).await;
    let connect = site.connect(&[], &[]).await;
    site.connected(&other).await;
    let port = bus.address.rsplit_once(':').unwrap().1;
    let localhost = format!("http://localhost:{port}");
    let token = format!("{}\n", bus.connect_token);
    for apis in [[bus.api(), localhost], [bus.api(), bus.api()]] {
        let [one, two] = &apis;
        let enroll = async |api: &str| site.say(&token, &["enroll", "--api", api, "--token-stdin"]).await;
        let (one, two) = tokio::join!(enroll(one), enroll(two));
        assert!(one.code == Some(0) || two.code == Some(0), "{one:?}\n{two:?}");
        for ended in [&one, &two] {
            let named = ["[enrolling]", "[already_enrolled]"];
            let refused = named.iter().any(|name| ended.stderr.contains(name));
            assert!(ended.code == Some(0) || refused, "{ended:?}");
        }
        let view = site.view().await.unwrap();
        let here = |api: &str| apis.iter().any(|one| one == api);
        let links: Vec<_> = view.links.iter().filter(|link| here(&link.api)).collect();
        assert_eq!((links.len(), view.links.len()), (1, 2), "{:#?}", view.links);
        let id = links[0].id.clone();
        let files = site.kept().into_iter().filter(|name| {
            let place = name.strip_suffix(".age");
            place.is_some_and(|place| place != "confirmed")
        });
        assert_eq!(files.count(), 2, "{:?}", site.kept());
        site.cli(&["forget", &id]).await.well();
    }
    site.stop(connect).await;
}
