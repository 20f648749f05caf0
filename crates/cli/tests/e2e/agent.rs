//! What the agent itself can reach, what it sees, and what remains when it dies.

use crate::world::{CLIENT_TOKEN, CONNECT_TOKEN, Client, HTTP_TOKEN, MCP_TOKEN, Plan, SOON, World};
use drawbridge_testkit::home::{ExtraConfig, real_codex, scratch_dir};
use drawbridge_wire::control::{AppServerState, ApprovalState};
use drawbridge_wire::pipe::LinkState;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

const TOKENS: [&str; 4] = [CONNECT_TOKEN, CLIENT_TOKEN, HTTP_TOKEN, MCP_TOKEN];
/// What the host tells a process of the agent, and what it writes down.
const BY_THE_HOST: &str = "[started_by_agent]";
const REFUSED_AS_AGENT: &str = "\"reason\":\"started_by_agent\"";

/// Runs one command in a turn of a thread and answers the item it became.
async fn run<S>(client: &mut Client<S>, thread: &str, sandbox: &Value, command: &str) -> Value
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut params = json!({
        "threadId": thread,
        "input": [{ "type": "text", "text": format!("RUN: {command}\nSAY: done") }],
    });
    if !sandbox.is_null() {
        params["sandboxPolicy"] = sandbox.clone();
    }
    client.call("turn/start", params).await.unwrap();
    let from = client.seen.len();
    client.method("turn/completed").await;
    let ran = |frame: &&Value| {
        frame["method"] == "item/completed" && frame["params"]["item"]["type"] == "commandExecution"
    };
    let seen = &client.seen[from..];
    seen.iter()
        .find(ran)
        .unwrap_or_else(|| panic!("no command ran: {seen:#?}"))["params"]["item"]
        .clone()
}

/// Attempts on an approval of another thread, from a thread with these settings.
async fn no_self_approval(policy: &str, sandbox: Value, refusal: &str) {
    let world = World::start().await;
    let mut remote = world.remote().await;
    remote.asks_to_write(&world.work, "end").await;
    let card = world.open_approval().await;

    let accept = format!(
        "{} approvals accept {} --data-dir {}",
        env!("CARGO_BIN_EXE_drawbridge"),
        card.id,
        world.data.display()
    );
    let mut local = world.local().await;
    let thread = local.thread(&world.work, policy, "read-only").await;
    // `env -i` strips the mark every process of the agent carries; `setsid -f` takes it out of its session
    // and process group, and here the attempt waits until its parent has ended.
    for way in ["", "env -i ", "setsid -f ", "setsid -f env -i "] {
        let before = world.record().matches(REFUSED_AS_AGENT).count();
        let command = match way.strip_prefix("setsid -f ") {
            None => format!("{way}{accept}; echo exit $?"),
            Some(inner) => {
                let orphan =
                    format!("while kill -0 $0 2>/dev/null; do :; done; {inner}{accept} 2>&1; echo exit $?");
                // The reader of the pipe waits for it.
                format!("sh -c 'exec setsid -f sh -c \"$0\" $$' '{orphan}' | cat")
            }
        };
        let item = run(&mut local, &thread, &sandbox, &command).await;
        let said = item["aggregatedOutput"].as_str().unwrap_or_default();
        assert!(said.contains(refusal), "{way}: {item}");
        assert!(
            said.contains("exit ") && !said.contains("exit 0"),
            "{way}: {item}"
        );
        if refusal == BY_THE_HOST {
            let now = world.record().matches(REFUSED_AS_AGENT).count();
            assert!(now > before, "{way}: the record tells of it\n{}", world.record());
        }
        let view = world.view().await.unwrap();
        let still = view.approvals.iter().find(|a| a.id == card.id).unwrap();
        assert_eq!(still.state, ApprovalState::Open, "{way}");
        assert!(!world.work.join("made.txt").exists(), "{way}");
    }
    // The same words from a person work: nothing but their origin was wrong with them.
    let answered = world.cli(&["approvals", "accept", &card.id]).await;
    assert!(answered.status.success(), "{answered:?}");
    assert!(matches!(
        world.ended_approval(&card.id).await,
        ApprovalState::Applied { .. }
    ));
    world.stop().await;
}

#[tokio::test]
async fn an_agent_without_a_sandbox_cannot_approve_itself() {
    no_self_approval("never", json!({ "type": "dangerFullAccess" }), BY_THE_HOST).await;
}

#[tokio::test]
async fn an_agent_with_network_in_its_work_folder_cannot_approve_itself() {
    let sandbox = json!({ "type": "workspaceWrite", "networkAccess": true, "writableRoots": [] });
    no_self_approval("never", sandbox, BY_THE_HOST).await;
}

/// Without network codex's own sandbox forbids the connection, so the host never hears of it.
#[tokio::test]
async fn an_agent_that_may_only_read_cannot_approve_itself() {
    let sandbox = json!({ "type": "readOnly", "networkAccess": false });
    no_self_approval("on-request", sandbox, "[host_unreachable]").await;
}

const POLICY: &str = "[shell_environment_policy]\nexclude = [\"HUSH_*\"]\nset = { MINE = \"1\" }";

/// The agent's shell sees none of our tokens, and the user's own exclusions and settings still hold.
// proves S1.11, S1.12
#[tokio::test]
async fn the_agents_shell_sees_no_token_and_keeps_the_users_exclusions() {
    let world = World::start_with(Plan {
        extra: ExtraConfig {
            keys: "",
            tables: POLICY,
        },
        env: vec![("HUSH_X", "hidden-by-the-user"), ("OPEN_X", "seen")],
        ..Plan::default()
    })
    .await;
    let mut local = world.local().await;
    let thread = local.thread(&world.work, "never", "danger-full-access").await;
    let free = run(&mut local, &thread, &Value::Null, "env").await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    let boxed = run(&mut remote, &thread, &Value::Null, "env").await;
    for item in [free, boxed] {
        assert_eq!(item["exitCode"], 0, "{item}");
        let env = item["aggregatedOutput"].as_str().unwrap();
        for hidden in TOKENS
            .iter()
            .chain(&["FORGE_CODEX_CONNECTOR", "hidden-by-the-user"])
        {
            assert!(!env.contains(hidden), "{hidden} in\n{env}");
        }
        for seen in ["OPEN_X=seen", "MINE=1"] {
            assert!(env.lines().any(|line| line == seen), "{seen} not in\n{env}");
        }
    }
    world.stop().await;
}

/// All processes that descend from these, themselves included.
pub(crate) fn family(roots: &[u32]) -> BTreeSet<u32> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // A process may end while we look.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name in parentheses may hold anything.
        let after = stat.rsplit_once(')').unwrap().1;
        parents.push((
            pid,
            after.split_whitespace().nth(1).unwrap().parse::<u32>().unwrap(),
        ));
    }
    let mut found: BTreeSet<u32> = roots.iter().copied().collect();
    loop {
        let before = found.len();
        found.extend(
            parents
                .iter()
                .filter(|(_, parent)| found.contains(parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if found.len() == before {
            return found;
        }
    }
}

/// What a process shows to everybody (`cmdline`) or to its user (`environ`).
pub(crate) fn shown(pid: u32, what: &str) -> String {
    // A process that forbids it shows nothing, which is what we want of it.
    let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// No argument of any process holds a token, and no environment but the app-server's, which holds one.
// proves S1.11
#[tokio::test]
async fn no_process_shows_a_token() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    // A command of the agent runs while we look.
    remote
        .turn(&thread, "RUNSLOW: echo $$; exec sleep 600\nHANG")
        .await
        .unwrap();
    let deadline = Instant::now() + SOON;
    let mut view = world.view().await.unwrap();
    let (host, agent) = (view.host.pid, view.app_server.pid.unwrap());
    let roots = [world.bus_pid(), world.connect_pid(), host];
    let all = loop {
        let all = family(&roots);
        if all.iter().any(|pid| shown(*pid, "cmdline").contains("sleep 600")) {
            break all;
        }
        assert!(Instant::now() < deadline, "the agent's command never ran");
        view = world.view().await.unwrap();
    };
    assert_eq!(
        view.app_server.pid,
        Some(agent),
        "it is the same app-server still"
    );
    assert!(all.contains(&agent), "the app-server descends from the host");
    let connector = all
        .iter()
        .any(|pid| shown(*pid, "cmdline").contains(" connector"));
    assert!(connector, "the connector was looked at too");
    for pid in all {
        let (cmdline, environ) = (shown(pid, "cmdline"), shown(pid, "environ"));
        for token in TOKENS {
            assert!(
                !cmdline.contains(token),
                "{token} in the arguments of {pid}: {cmdline}"
            );
            let may = token == MCP_TOKEN && pid == agent;
            assert!(
                may || !environ.contains(token),
                "{token} in the environment of {pid}: {cmdline}"
            );
        }
    }
    assert!(
        shown(agent, "environ").contains(&format!("FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN={MCP_TOKEN} ")),
        "the app-server has it, and we can see that"
    );
    for token in TOKENS {
        assert_eq!(
            written(world.home.path(), token),
            None,
            "codex wrote it down, in a snapshot or else"
        );
    }
    world.stop().await;
}

/// codex would run a login shell with its own whole environment for each thread, to take down aliases and
/// functions. With that off, the user's start files run with the commands only, as these see the world.
// proves S1.11
#[tokio::test]
async fn the_users_start_files_never_run_with_the_token() {
    let world = World::start().await;
    let seen = world.work.join("start-files-saw");
    // What each run saw, with a mark at its end: a token in it would be there before the mark.
    let lines = format!("{{ env; echo seen; }} >> '{}'\n", seen.display());
    std::fs::write(world.scratch.path().join("u/.bash_profile"), lines).unwrap();
    let mut local = world.local().await;
    for _ in 0..3 {
        let thread = local.thread(&world.work, "never", "danger-full-access").await;
        let item = run(&mut local, &thread, &Value::Null, "echo hello").await;
        assert_eq!(item["exitCode"], 0, "{item}");
    }
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.lines().filter(|line| *line == "seen").count() >= 3, "{seen}");
    for token in TOKENS {
        assert!(!seen.contains(token), "{seen}");
    }
    world.stop().await;
}

/// A host with a question open and a command running ends soon, and the record says what became of the
/// question.
#[tokio::test]
async fn a_host_with_work_in_hand_ends_soon_and_says_what_became_of_it() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let busy = remote.thread(&world.work, "on-request", "read-only").await;
    remote.turn(&busy, "RUNSLOW: exec sleep 600\nHANG").await.unwrap();
    remote.asks_to_write(&world.work, "end").await;
    let card = world.open_approval().await;
    let view = world.view().await.unwrap();
    let began = Instant::now();
    let stopped = world.cli(&["stop"]).await;
    assert!(stopped.status.success(), "{stopped:?}");
    // One that has ended and was not collected yet has no command line.
    while !shown(view.host.pid, "cmdline").is_empty() {
        assert!(began.elapsed() < SOON, "the host never ended");
        tokio::task::yield_now().await;
    }
    let took = began.elapsed();
    assert!(took < std::time::Duration::from_millis(1500), "{took:?}");
    let record = world.record();
    for (event, word) in [
        ("approval_answered", "\"decision\":\"cancel\""),
        ("approval_answered", "\"by\":\"shutdown\""),
        ("approval_ended", "\"state\":\"applied\""),
    ] {
        let told = |line: &&str| {
            line.contains(event)
                && line.contains(&format!("\"approval\":\"{}\"", card.id))
                && line.contains(word)
        };
        assert!(record.lines().any(|line| told(&line)), "{event} {word}\n{record}");
    }
    assert!(!world.work.join("made.txt").exists());
    assert!(!shown(view.app_server.pid.unwrap(), "cmdline").contains("app-server"));
    world.stop().await;
}

/// codex goes on with its defaults when it cannot read its configuration, and the user's exclusions would
/// be gone: it is not started before the file is in order, and the place of the mistake is named.
#[tokio::test]
async fn codex_does_not_start_without_the_users_configuration() {
    let world = World::start().await;
    let file = world.home.path().join("config.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let broken = format!("{good}\n[shell_environment_policy]\nexclude = \"HUSH_*\"\n");
    for broken in [broken, format!("{good}\n[shell_environment_policy\n")] {
        std::fs::write(&file, &broken).unwrap();
        kill(world.view().await.unwrap().app_server.pid.unwrap());
        let view = world
            .until(|view| {
                matches!(&view.app_server.state,
                    AppServerState::Waiting { code, .. } if code == "codex_config_invalid")
            })
            .await;
        let AppServerState::Waiting { message, .. } = &view.app_server.state else {
            panic!("{view:?}")
        };
        let place = format!("{}:", file.display());
        let line = message
            .split_once(&place)
            .and_then(|(_, rest)| rest.split_once(':'))
            .map(|(line, _)| line.parse::<usize>().unwrap());
        assert!(line.is_some_and(|line| line > 1), "{message}");
        assert_eq!(view.app_server.pid, None, "nothing runs");
        std::fs::write(&file, &good).unwrap();
        world
            .until(|view| view.app_server.state == AppServerState::Ready)
            .await;
    }
    world.stop().await;
}

fn kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

/// Kills the app-server and waits for the next one.
async fn restart_agent(world: &World) {
    let old = world.view().await.unwrap().app_server;
    kill(old.pid.unwrap());
    let next = |now: &drawbridge_wire::control::AppServerView| {
        now.generation == old.generation + 1 && now.state == AppServerState::Ready
    };
    let view = world.until(|view| next(&view.app_server)).await;
    assert_ne!(view.app_server.pid, old.pid);
}

#[tokio::test]
async fn when_the_agent_dies_its_approvals_are_lost_and_a_new_one_takes_over() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    remote.asks_to_write(&world.work, "end").await;
    let card = world.open_approval().await;
    restart_agent(&world).await;
    assert_eq!(remote.closed().await, "agent_restarted");
    assert_eq!(world.ended_approval(&card.id).await, ApprovalState::Lost);
    let late = world.cli(&["approvals", "accept", &card.id]).await;
    assert!(!late.status.success(), "nobody is there to take it: {late:?}");
    assert!(!world.work.join("made.txt").exists());

    let mut again = world.remote().await;
    let thread = again.thread(&world.work, "on-request", "read-only").await;
    again
        .turn(&thread, "ESC: printf two > second.txt\nSAY: end")
        .await
        .unwrap();
    let card = world.open_approval().await;
    assert!(
        card.id.starts_with("2-"),
        "the card names its generation: {}",
        card.id
    );
    assert!(
        world
            .cli(&["approvals", "accept", &card.id])
            .await
            .status
            .success()
    );
    assert_eq!(
        again.method("turn/completed").await["params"]["turn"]["status"],
        "completed"
    );
    assert_eq!(
        std::fs::read_to_string(world.work.join("second.txt")).unwrap(),
        "two"
    );
    world.stop().await;
}

/// Waits until codex has the bus's tools for this thread.
async fn has_the_hosts_tools<S>(client: &mut Client<S>, thread: &str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = Instant::now() + SOON;
    loop {
        let told = client
            .call("mcpServerStatus/list", json!({ "threadId": thread }))
            .await
            .unwrap();
        let ours = told["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["name"] == "codex-agents");
        if ours.is_some_and(|s| s["tools"]["hosts_list"].is_object() && s["authStatus"] == "bearerToken") {
            return;
        }
        assert!(Instant::now() < deadline, "{told:#}");
    }
}

/// Whether a text is anywhere in the files below a folder.
pub(crate) fn written(folder: &Path, text: &str) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            if let Some(found) = written(&path, text) {
                return Some(found);
            }
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).unwrap_or_default();
            if bytes.windows(text.len()).any(|part| part == text.as_bytes()) {
                return Some(path);
            }
        }
    }
    None
}

/// Threads that start and threads that are resumed reach the bus's `/mcp` with the token the app-server
/// holds, under the usual name; what codex and we write down never holds the token.
// proves S1.07, S1.09, S1.10, S1.11, S1.12, S1.13
#[tokio::test]
async fn started_and_resumed_threads_have_the_tools_of_the_bus() {
    let world = World::start_with(Plan {
        mcp_token: Some(HTTP_TOKEN),
        ..Plan::default()
    })
    .await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    remote.turn(&thread, "SAY: kept").await.unwrap();
    remote.method("turn/completed").await;
    let mut local = world.local().await;
    has_the_hosts_tools(&mut local, &thread).await;

    restart_agent(&world).await;
    let mut remote = world.remote().await;
    let resumed = remote
        .call("thread/resume", json!({ "threadId": thread }))
        .await
        .unwrap();
    assert_eq!(resumed["thread"]["id"], json!(thread));
    let mut local = world.local().await;
    has_the_hosts_tools(&mut local, &thread).await;

    for folder in [world.home.path(), &world.data] {
        assert_eq!(written(folder, HTTP_TOKEN), None, "a file holds the token");
    }
    world.stop().await;
}

/// Answers every request with 404, as a web server does that knows nothing of us.
pub(crate) async fn plain_web_server() -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => request.push(byte),
                    Err(_) => break,
                }
            }
            let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            // The client may have left.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    };
    (format!("http://{address}"), tokio::spawn(serve))
}

// proves S1.08
#[tokio::test]
async fn a_control_plane_without_the_connect_route_is_named_in_the_status() {
    let (api, server) = plain_web_server().await;
    let world = World::start_with(Plan {
        api: Some(api),
        ..Plan::default()
    })
    .await;
    let failed =
        |link: &LinkState| matches!(link, LinkState::Failed { code, .. } if code == "no_connect_route");
    world
        .until(|view| view.links.first().is_some_and(|link| failed(&link.link)))
        .await;
    let shown = timeout(SOON, world.cli(&["status"])).await.unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("/connect"),
        "a person is told what is missing: {shown}"
    );
    world.stop().await;
    server.abort();
}

/// A codex that another one was in the way of runs nothing in its sandbox, as long as it lives.
#[tokio::test]
async fn an_app_server_that_another_codex_was_in_the_way_of_is_started_again() {
    use std::os::unix::fs::PermissionsExt;
    let own = scratch_dir("disturbed").unwrap();
    let (codex, starts) = (own.path().join("codex"), own.path().join("starts"));
    // The first start only reads the configuration, the second is the one that counts.
    let text = format!(
        "#!/bin/sh\necho x >> '{starts}'\nif [ \"$(wc -l < '{starts}')\" -eq 2 ]; then echo 'WARNING: proceeding, even \
         though we could not create PATH aliases: operation would block' >&2; fi\nexec '{real}' \"$@\"\n",
        starts = starts.display(),
        real = real_codex().display()
    );
    std::fs::write(&codex, text).unwrap();
    std::fs::set_permissions(&codex, PermissionsExt::from_mode(0o755)).unwrap();
    let world = World::start_with(Plan {
        codex: Some(codex),
        ..Plan::default()
    })
    .await;
    let view = world
        .until(|view| view.app_server.state == AppServerState::Ready)
        .await;
    assert_eq!(view.app_server.generation, 1, "nobody was told of an end");
    assert_eq!(std::fs::read_to_string(&starts).unwrap(), "x\n".repeat(3));
    world.stop().await;
}
