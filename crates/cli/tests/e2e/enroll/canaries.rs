//! Tokens of an enrollment are where they must be and nowhere else.

use crate::agent::{family, shown, written};
use crate::site::{ADMIN_TOKEN, Bus, Codex, Key, Site, ended};
use crate::world::{CLIENT_TOKEN, SOON};
use std::collections::BTreeSet;
use tokio::time::Instant;

const MCP_TOKEN: &str = "canary-mcp-secret-42";

/// What all these processes show. `agent` may have the MCP token in its environment.
fn look(processes: &BTreeSet<u32>, agent: Option<u32>, tokens: &[&str]) {
    for pid in processes {
        let (cmdline, environ) = (shown(*pid, "cmdline"), shown(*pid, "environ"));
        for token in tokens {
            assert!(
                !cmdline.contains(token),
                "{token} in the arguments of {pid}: {cmdline}"
            );
            let may = *token == MCP_TOKEN && Some(*pid) == agent;
            assert!(
                may || !environ.contains(token),
                "{token} in the environment of {pid}: {cmdline}"
            );
        }
    }
}

/// From the enrollment on stdin to a turn with a command and the end of the host.
// proves S0.07, S0.08, S1.11, S1.12, S5.43
#[tokio::test]
async fn tokens_of_an_enrollment_are_in_no_argument_no_file_and_one_environment() {
    let site = Site::new(Key::Keyring, Codex::Real).await;
    let bus = Bus::start(&site, "canary").await;
    let tokens = [
        bus.connect_token.as_str(),
        MCP_TOKEN,
        CLIENT_TOKEN,
        &bus.http_token,
        ADMIN_TOKEN,
    ];
    let api = bus.api();
    let enroll = site
        .command(&["enroll", "--api", &api, "--token-stdin", "--mcp-token-stdin"])
        .spawn()
        .unwrap();
    let pid = enroll.id().unwrap();
    let stdin = format!("{}\n{MCP_TOKEN}\n", bus.connect_token);
    let mut enrolling = tokio::spawn(async move { ended(enroll, &stdin).await });
    let mut kinds = BTreeSet::new();
    let said = loop {
        // Its app-server has the MCP token once that is kept; no other process ever has.
        let all = family(&[pid]);
        let agents: Vec<u32> = all
            .iter()
            .copied()
            .filter(|pid| shown(*pid, "cmdline").contains("app-server --listen"))
            .collect();
        let agent = agents.first().copied();
        look(&all, agent, &tokens);
        for pid in all {
            let cmdline = shown(pid, "cmdline");
            for kind in ["--setup-stdin", " connector"] {
                if cmdline.contains(kind) {
                    kinds.insert(kind);
                }
            }
        }
        tokio::select! {
            biased;
            said = &mut enrolling => break said.unwrap(),
            () = tokio::task::yield_now() => {}
        }
    };
    assert_eq!(kinds.len(), 2, "host and connector were looked at: {kinds:?}");
    let said = said.well();
    assert!(tokens.iter().all(|token| !said.contains(token)), "{said}");

    let mut connect = site.command(&["connect"]).spawn().unwrap();
    let view = site.connected(&bus).await;
    let agent = view.app_server.pid.unwrap();
    let mut remote = bus.remote(&view.host.id).await;
    let thread = remote.thread(&site.work, "on-request", "read-only").await;
    remote
        .turn(&thread, "RUN: env\nRUNSLOW: echo $$; exec sleep 600\nHANG")
        .await
        .unwrap();
    let deadline = Instant::now() + SOON;
    let all = loop {
        let all = family(&[connect.id().unwrap(), view.host.pid, bus.pid()]);
        if all.iter().any(|pid| shown(*pid, "cmdline").contains("sleep 600")) {
            break all;
        }
        assert!(Instant::now() < deadline, "the agent's command never ran");
        tokio::task::yield_now().await;
    };
    look(&all, Some(agent), &tokens);
    let has = format!("FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN={MCP_TOKEN} ");
    assert!(shown(agent, "environ").contains(&has), "and we can see it there");
    for frame in &remote.seen {
        let frame = frame.to_string();
        assert!(tokens.iter().all(|token| !frame.contains(token)), "{frame}");
    }
    for args in [
        &["status", "--json"][..],
        &["logs"],
        &["logs", "connector"],
        &["enrollments", "--json"],
        &["vault", "status", "--json"],
    ] {
        let said = site.cli(args).await.well();
        assert!(tokens.iter().all(|token| !said.contains(token)), "{said}");
    }
    // The bundle lies where files are looked at below; doctor's own processes have nothing either.
    let bundle = site.scratch.path().join("bundle.json");
    let bundle_arg = bundle.display().to_string();
    let reported = site
        .cli(&["report", "--with-commands", "-o", &bundle_arg])
        .await
        .well();
    assert!(tokens.iter().all(|token| !reported.contains(token)), "{reported}");
    let size = std::fs::metadata(&bundle).unwrap().len();
    assert!(size > 1000, "the bundle holds something: {size} bytes");
    site.cli(&["stop"]).await.well();
    let stdin = connect.stdin.take();
    let said = ended(connect, "").await;
    drop(stdin);
    for token in tokens {
        assert!(
            !said.stdout.contains(token) && !said.stderr.contains(token),
            "{said:?}"
        );
        // Data, home, temporary folder, codex's home, the keyring's files, the bus's state.
        assert_eq!(written(site.scratch.path(), token), None, "a file holds {token}");
    }
}
