//! How a computer comes to buses and stays with them, on the real parts: a real keyring, real buses, the
//! host with its connectors.

mod canaries;
mod confirmed;
mod keys;
mod marks;
mod several;

use crate::agent::{family, plain_web_server, shown, written};
use crate::site::{Bus, Codex, Key, Site, at, connected, ended};
use drawbridge_wire::buses::{BusSource, McpCheck, McpView, VaultCondition};
use drawbridge_wire::pipe::LinkState;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A token that is typed once is kept, and every later start connects with it.
// proves S0.07, S5.42
#[tokio::test]
async fn a_token_that_was_taken_is_kept_and_connects_at_every_start() {
    let site = Site::new(Key::Keyring, Codex::Real).await;
    let bus = Bus::start(&site, "one").await;
    let link = site.enroll(&bus, None, &["--name", "Work"]).await;
    assert!(matches!(link.link, LinkState::Connected { .. }), "{link:?}");
    assert_eq!((link.name.as_str(), link.source), ("Work", BusSource::Vault));
    assert_eq!(
        site.kept(),
        [format!("{}.age", link.id), format!("{}.age.bak", link.id)]
    );
    assert!(
        !site.data.join("run/control.sock").exists(),
        "the host that was started for it has ended"
    );

    for _ in 0..2 {
        let connect = site.connect(&[], &[]).await;
        let view = site.connected(&bus).await;
        assert_eq!(view.vault.state, VaultCondition::Open);
        assert_eq!(view.policy.roots, std::slice::from_ref(&site.work));
        // What it is for: a remote client works in the folder.
        let mut remote = bus.remote(&view.host.id).await;
        let thread = remote.thread(&site.work, "on-request", "read-only").await;
        remote.turn(&thread, "SAY: here").await.unwrap();
        remote.method("turn/completed").await;
        site.stop(connect).await;
    }
    let listed = site.cli(&["enrollments"]).await.well();
    assert!(
        listed.contains(&link.id) && listed.contains("on ") && listed.contains("Work"),
        "{listed}"
    );
    for folder in [&site.data, &site.work] {
        assert_eq!(written(folder, &bus.connect_token), None);
    }
}

/// A code of `bus pair` is worth one enrollment, and does not stay in the arguments of the process.
// proves S0.07
#[tokio::test]
async fn a_code_is_traded_once_and_stays_in_no_argument() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let bus = Bus::start(&site, "pair").await;
    let code = bus.code().await;
    let api = bus.api();
    let enroll = ["enroll", "--api", &api, "--code", &code, "--json"];
    let child = site.command(&enroll).spawn().unwrap();
    let pid = child.id().unwrap();
    let mut enrolling = tokio::spawn(ended(child, ""));
    let (mut replaced, mut host_seen) = (false, false);
    let end = loop {
        for process in family(&[pid]) {
            let arguments = shown(process, "cmdline");
            host_seen |= arguments.contains("host --setup-stdin");
            if process == pid && arguments.contains("--secrets-fd") {
                replaced = true;
            }
            let first_image = process == pid && !replaced;
            assert!(first_image || !arguments.contains(&code), "{arguments}");
            assert!(!shown(process, "environ").contains(&code));
        }
        tokio::select! {
            biased;
            end = &mut enrolling => break end.unwrap(),
            () = tokio::task::yield_now() => {}
        }
    };
    assert!(replaced && host_seen, "the processes were looked at");
    end.well();

    let connect = site.connect(&[], &[]).await;
    let view = site.connected(&bus).await;
    let hosts = bus.admin(&["hosts"]).await.well();
    assert!(
        hosts.contains(&view.host.id) && hosts.contains("own token"),
        "{hosts}"
    );
    // It was worth this one. The enrollment that stands is not hurt by the attempt.
    site.cli(&enroll).await.failed(1, "bad_code");
    site.connected(&bus).await;
    site.stop(connect).await;
    assert_eq!(written(&site.data, &code), None);
}

/// A host that is taken back by its bus says so, is not tried again by any start, and can be enrolled anew.
#[tokio::test]
async fn a_revoked_enrollment_is_disabled_until_it_is_enrolled_again() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let mut bus = Bus::start(&site, "gone").await;
    let other = Bus::start(&site, "stays").await;
    let code = bus.code().await;
    site.cli(&["enroll", "--api", &bus.api(), "--code", &code])
        .await
        .well();
    site.enroll(&other, None, &[]).await;
    let connect = site.connect(&[], &[]).await;
    let host = site.connected(&bus).await.host.id;
    site.connected(&other).await;
    bus.admin(&["revoke", &host]).await.well();
    let disabled = |view: &drawbridge_wire::control::HostView, bus: &Bus| {
        let link = at(view, bus);
        link.and_then(|link| link.disabled.as_ref())
            .is_some_and(|disabled| disabled.reason == "revoked")
    };
    let view = site.until(|view| disabled(view, &bus)).await;
    let id = at(&view, &bus).unwrap().id.clone();
    assert!(
        connected(&view, &other).is_some(),
        "the other bus is not concerned"
    );
    let status = site.cli(&["status"]).await.well();
    assert!(
        status.contains("disabled") && status.contains("[revoked]") && status.contains("--code CODE`"),
        "{status}"
    );
    let record = site.record();
    assert!(
        record
            .lines()
            .any(|line| line.contains(&format!("enrollment {id}")) && line.contains("revoked")),
        "{record}"
    );
    site.stop(connect).await;

    // Where the bus was, somebody takes note of who comes.
    bus.kill().await;
    let watch = TcpListener::bind(&bus.address).await.unwrap();
    let connect = site.connect(&[], &[]).await;
    // The connector that looks at the other's MCP server is through with it.
    let view = site
        .until(|view| {
            let checked = |mcp: &McpView| matches!(mcp.check, McpCheck::Bad { .. });
            connected(view, &other).is_some_and(|link| link.mcp.as_ref().is_some_and(checked))
        })
        .await;
    assert!(disabled(&view, &bus), "{:?}", view.links);
    let connectors = family(&[view.host.pid])
        .into_iter()
        .filter(|pid| shown(*pid, "cmdline").ends_with(" connector "));
    assert_eq!(connectors.count(), 1, "the other's only");
    site.stop(connect).await;
    let nobody = watch.into_std().unwrap();
    assert_eq!(
        nobody.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    drop(nobody);

    bus.again().await;
    // The shared token does not bring a host back that was taken back; a new code does.
    let api = bus.api();
    let refused = site
        .say(
            &format!("{}\n", bus.connect_token),
            &["enroll", "--api", &api, "--token-stdin"],
        )
        .await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stdout.contains("[revoked]") && refused.stdout.contains("--code CODE`"),
        "{refused:?}"
    );
    let first = refused.stdout.lines().next().unwrap();
    assert!(
        first.contains("does not let host") && !refused.stdout.contains("enrolled at"),
        "{first}"
    );
    let code = bus.code().await;
    site.cli(&["enroll", "--api", &api, "--code", &code]).await.well();
    let connect = site.connect(&[], &[]).await;
    let view = site.connected(&bus).await;
    let link = at(&view, &bus).unwrap();
    assert_eq!((link.id.as_str(), &link.disabled), (id.as_str(), &None));
    site.stop(connect).await;
}

/// What does not count at the bus is not kept, and each reason has a name and an exit code.
#[tokio::test]
async fn nothing_is_kept_of_what_does_not_count() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let mut bus = Bus::start(&site, "strict").await;
    let (plain, plain_server) = plain_web_server().await;
    let (page, page_server) = web_page().await;
    let down = {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", free.local_addr().unwrap())
    };
    let connect = site
        .connect(
            &["--api", &bus.api()],
            &[("FORGE_CODEX_CONNECTOR_TOKEN", &bus.connect_token)],
        )
        .await;
    let api = bus.api();
    for (api, token, code, name) in [
        (api.as_str(), "canary-wrong", 1, "unauthorized"),
        (plain.as_str(), "canary-wrong", 1, "no_connect_route"),
        (page.as_str(), "canary-wrong", 1, "protocol"),
        (down.as_str(), "canary-wrong", 1, "refused"),
        ("http://bus.example", "canary-wrong", 2, "usage"),
        ("not a url", "canary-wrong", 2, "usage"),
        (api.as_str(), "", 2, "usage"),
    ] {
        let said = site
            .say(&format!("{token}\n"), &["enroll", "--api", api, "--token-stdin"])
            .await
            .failed(code, name);
        assert!(!said.contains("canary-wrong"), "{said}");
    }
    for (bus_api, name) in [(api.as_str(), "bad_code"), (plain.as_str(), "no_pairing")] {
        site.cli(&["enroll", "--api", bus_api, "--code", "AAAAA-AAAAA"])
            .await
            .failed(1, name);
    }
    site.cli(&["enroll", "--api", &api, "--code", "AAAAA"])
        .await
        .failed(1, "bad_code");
    bus.kill().await;
    site.say("canary-wrong\n", &["enroll", "--api", &api, "--token-stdin"])
        .await
        .failed(1, "refused");
    assert_eq!(site.kept(), [""; 0]);
    assert!(!site.record().contains("\"enrolled\""), "{}", site.record());
    let view = site.view().await.unwrap();
    assert!(
        view.links.iter().all(|link| link.source == BusSource::Flags),
        "{view:?}"
    );
    site.stop(connect).await;
    assert_eq!(written(&site.data, "canary-wrong"), None);
    for server in [plain_server, page_server] {
        server.abort();
    }
}

/// Answers every request with a page, as a web server does that is no bus.
async fn web_page() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read_buf(&mut request).await {
                    Ok(1..) => {}
                    _ => break,
                }
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\n<p/>";
            // The client may have left.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    };
    (format!("http://{address}"), tokio::spawn(serve))
}

/// Forgetting lets go of the file, its copy, the link and the tokens.
#[tokio::test]
async fn what_is_forgotten_is_gone_from_disk_and_from_the_bus() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let bus = Bus::start(&site, "brief").await;
    let link = site.enroll(&bus, Some("canary-mcp-brief"), &[]).await;
    let connect = site.connect(&[], &[]).await;
    let view = site.connected(&bus).await;
    site.cli(&["forget", &link.id]).await.well();
    let view = site.until(|now| now.seq > view.seq && now.links.is_empty()).await;
    assert_eq!(site.kept(), [""; 0]);
    assert!(view.vault.files.is_empty());
    let connectors = || {
        let all = family(&[view.host.pid]);
        all.into_iter()
            .any(|pid| shown(pid, "cmdline").ends_with(" connector "))
    };
    while connectors() {
        tokio::task::yield_now().await;
    }
    let hosts = bus.admin(&["hosts"]).await.well();
    assert!(hosts.contains("offline"), "{hosts}");
    site.cli(&["forget", &link.id]).await.failed(1, "unknown_bus");
    site.cli(&["forget", "../x"]).await.failed(1, "unknown_bus");
    site.stop(connect).await;
    // With nothing left there is nothing to connect to.
    site.cli(&["connect"]).await.failed(2, "usage");
    let listed = site.cli(&["enrollments", "--json"]).await.well();
    assert_eq!(listed.trim(), "[]");
}
