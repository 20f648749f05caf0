//! What people and remotes see and do.

use super::eyes::{Eyes, find, put, text};
use super::{invoke, json_of, said, world};
use crate::world::{CLIENT_TOKEN, CONNECT_TOKEN, HTTP_TOKEN, Plan, World, drawbridge};
use drawbridge_wire::skills::SkillNames;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: std::time::Duration = crate::world::SOON;

// proves S5.32
#[tokio::test]
async fn a_skill_is_switched_off_and_on_through_codex_and_counts_from_the_next_turn() {
    let world = world().await;
    let path = put(&world.work.join(".agents/skills"), "greet", "mark-on");
    let mut eyes = Eyes::at(&world).await;
    let mut client = world.local().await;
    let thread = client.thread(&world.work, "on-request", "read-only").await;
    eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
    let sent = invoke(&world, &mut client, &thread, "greet", &path).await;
    assert!(sent.contains("mark-on"), "{sent}");
    // What else stands in Codex's configuration by now is no business of threads that live.
    let file = world.home.path().join("config.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let wide = "approval_policy = \"never\"\nsandbox_mode = \"danger-full-access\"\n";
    std::fs::write(&file, format!("{wide}{config}")).unwrap();

    let (code, out, error) = said(&world, &["skills", "disable", "greet"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "off\n"), "{error}");
    let config = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    assert!(
        config.contains("[[skills.config]]") && config.contains("greet"),
        "{config}"
    );
    let listed = json_of(&world, &["skills", "show", "greet", "--json"]).await;
    assert_eq!(listed["enabled"], false, "as soon as the command has ended");
    let sent = invoke(&world, &mut client, &thread, "greet", &path).await;
    assert!(!sent.contains("mark-on"), "{sent}");
    let resume = json!({ "threadId": thread, "excludeTurns": true });
    let resumed = client.call("thread/resume", resume).await.unwrap();
    assert_eq!(resumed["approvalPolicy"], "on-request", "{resumed}");
    assert_eq!(resumed["sandbox"]["type"], "readOnly", "{resumed}");
    assert!(
        world.record().contains("\"value\":\"disabled\""),
        "{}",
        world.record()
    );

    let shown = json_of(&world, &["skills", "enable", path.to_str().unwrap(), "--json"]).await;
    assert_eq!(shown["enabled"], true);
    let sent = invoke(&world, &mut client, &thread, "greet", &path).await;
    assert!(sent.contains("mark-on"), "{sent}");

    // What another program switches in Codex's configuration shows too.
    let mut config = std::fs::read_to_string(&file).unwrap();
    config += &format!("\n[[skills.config]]\npath = {path:?}\nenabled = false\n");
    std::fs::write(&file, config).unwrap();
    world
        .until(|view| find(&view.skills, &path).is_some_and(|skill| skill.enabled == Some(false)))
        .await;
    let sent = invoke(&world, &mut client, &thread, "greet", &path).await;
    assert!(!sent.contains("mark-on"), "{sent}");
    let resume = json!({ "threadId": thread, "excludeTurns": true });
    let resumed = client.call("thread/resume", resume).await.unwrap();
    assert_eq!(resumed["approvalPolicy"], "on-request", "{resumed}");

    // Codex takes one of two such lines out and says that it uses the skill; its list knows better.
    let mut config = std::fs::read_to_string(&file).unwrap();
    config += &format!("\n[[skills.config]]\npath = {path:?}\nenabled = false\n");
    std::fs::write(&file, config).unwrap();
    let (code, out, error) = said(&world, &["skills", "enable", path.to_str().unwrap()]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    assert!(error.contains("[overruled]"), "{error}");
    let (code, out, error) = said(&world, &["skills", "enable", path.to_str().unwrap()]).await;
    assert_eq!((code, out.as_str()), (Some(0), "on\n"), "{error}");

    let (code, _, error) = said(&world, &["skills", "disable", "nobody"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("[no_skill]"), "{error}");
    put(&world.home.path().join("skills"), "greet", "another");
    eyes.until(|view| {
        view.skills
            .skills
            .iter()
            .filter(|skill| skill.name == "greet")
            .count()
            == 2
    })
    .await;
    let (code, _, error) = said(&world, &["skills", "show", "greet"]).await;
    assert_eq!(code, Some(1));
    assert!(
        error.contains("[several_skills]") && error.contains(path.to_str().unwrap()),
        "{error}"
    );
    world.stop().await;
}

// proves S0.09, S5.31
#[tokio::test]
async fn who_watches_is_told_each_change_in_a_line() {
    let world = world().await;
    let eyes = Eyes::at(&world).await;
    drop(eyes);
    let start = |json: bool| {
        let mut command = drawbridge();
        command
            .args(["skills", "watch"])
            .args(json.then_some("--json"))
            .env("DRAWBRIDGE_DATA_DIR", &world.data)
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    };
    let (mut words, mut lines) = start(false);
    let first = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(first.starts_with("skills: "), "{first}");
    let path = put(&world.home.path().join("skills"), "greet", "1");
    let shown = path.display().to_string();
    let created = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert_eq!(created, format!("created greet {shown}"));
    let (mut machine, mut objects) = start(true);
    // It stands when the next change reaches it, so changes are made until one does.
    let mut version = 2;
    let object: Value = loop {
        std::fs::write(&path, text("greet", &version.to_string())).unwrap();
        version += 1;
        let wait = std::time::Duration::from_secs(1);
        if let Ok(line) = timeout(wait, objects.next_line()).await {
            break serde_json::from_str(&line.unwrap().unwrap()).unwrap();
        }
    };
    assert_eq!(
        (&object["kind"], &object["name"]),
        (&json!("modified"), &json!("greet"))
    );
    std::fs::write(&path, "no head").unwrap();
    loop {
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        if line.contains("[no_front_matter]") {
            assert!(line.contains(&format!("{shown}:1:1: error: ")), "{line}");
            break;
        }
        assert!(line.starts_with("modified "), "{line}");
    }
    world.stop().await;
    for child in [&mut words, &mut machine] {
        timeout(SOON, child.wait()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_commands_say_what_there_is_and_what_is_wrong() {
    let world = world().await;
    let root = world.home.path().join("skills");
    put(&root, "greet", "hello");
    std::fs::create_dir_all(root.join("bare")).unwrap();
    std::fs::write(root.join("bare/SKILL.md"), "# no head\n").unwrap();
    let mut eyes = Eyes::at(&world).await;
    eyes.skill(&root.join("bare/SKILL.md"), |_| true).await;
    eyes.until(|view| view.skills.skills.iter().any(|skill| skill.scope == "system"))
        .await;
    let (code, out, _) = said(&world, &["skills", "list"]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("  on  greet  about greet\n"), "{out}");
    assert!(out.contains("  bad bare\n"), "{out}");
    assert!(out.contains("(system, read only)"), "{out}");
    let (code, out, _) = said(&world, &["skills", "check"]).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("bare/SKILL.md:1:1: error: "), "{out}");
    let all = json_of(&world, &["skills", "check", "--json"]).await;
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .any(|one| one["code"] == "no_front_matter"),
        "{all}"
    );
    let (_, out, _) = said(&world, &["skills", "roots"]).await;
    assert!(out.contains("u/extra (user, missing)"), "{out}");
    assert!(out.ends_with("changes are noticed as they happen\n"), "{out}");
    std::fs::remove_dir_all(root.join("bare")).unwrap();
    let listed = json_of(&world, &["skills", "list", "--rescan", "--json"]).await;
    assert!(
        !listed.to_string().contains("bare/SKILL.md\",\"enabled"),
        "{listed}"
    );
    assert!(
        listed["skills"]
            .as_array()
            .unwrap()
            .iter()
            .all(|skill| skill["name"] != "bare")
    );
    let (code, out, _) = said(&world, &["skills", "check"]).await;
    assert_eq!(code, Some(0), "{out}");
    let (_, out, _) = said(&world, &["status"]).await;
    assert!(out.lines().any(|line| line.starts_with("skills: ")), "{out}");
    world.stop().await;
}

#[tokio::test]
async fn without_a_host_skills_are_read_where_one_stands() {
    let scratch = drawbridge_testkit::home::scratch_dir("skills").unwrap();
    let (home, codex) = (scratch.folder("home").unwrap(), scratch.folder("codex").unwrap());
    let work = scratch.folder("work").unwrap();
    put(&work.join(".agents/skills"), "here", "");
    put(&home.join("more"), "extra", "");
    let config = scratch.path().join("config.toml");
    std::fs::write(&config, "[skills]\nextra_roots = [\"~/more\"]\n").unwrap();
    let mut command = drawbridge();
    command
        .args(["skills", "list", "--json"])
        .current_dir(&work)
        .env("HOME", &home)
        .env("CODEX_HOME", &codex)
        .env("DRAWBRIDGE_CONFIG", &config)
        .env("DRAWBRIDGE_DATA_DIR", scratch.path().join("d"));
    let output = timeout(SOON, command.output()).await.unwrap().unwrap();
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = view["skills"]
        .as_array()
        .unwrap()
        .iter()
        .map(|skill| skill["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["extra", "here"]);
    assert_eq!(view["skills"][0]["enabled"], Value::Null);
    assert!(!scratch.path().join("d").exists(), "nothing is made for a look");
}

// proves S5.32: the configuration's folders count at once
#[tokio::test]
async fn further_folders_of_the_configuration_count_and_cease_to_count_at_once() {
    let world = World::start().await;
    let mut eyes = Eyes::at(&world).await;
    let mut client = world.local().await;
    let thread = client.thread(&world.work, "on-request", "read-only").await;
    let root = world.scratch.folder("more").unwrap().canonicalize().unwrap();
    let path = put(&root, "greet", "mark-extra");
    let mut remote = world.remote().await;
    let named = |thread: &str, path: &Path| {
        json!({ "threadId": thread, "input": [
            { "type": "text", "text": "SAY: done" }, { "type": "skill", "name": "greet", "path": path },
        ]})
    };
    let answer = remote.call("turn/start", named(&thread, &path)).await;
    assert_eq!(answer.unwrap_err()["data"]["rule"], "outside_roots");
    world.configure(&format!("[skills]\nextra_roots = [{root:?}]\n"));
    eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
    let sent = invoke(&world, &mut client, &thread, "greet", &path).await;
    assert!(sent.contains("mark-extra"), "{sent}");
    // A remote client that comes now may name it.
    let mut later = world.remote().await;
    let theirs = later.thread(&world.work, "on-request", "read-only").await;
    later.call("turn/start", named(&theirs, &path)).await.unwrap();
    later.method("turn/completed").await;
    let sent = serde_json::to_string(world.model.requests().last().unwrap()).unwrap();
    assert!(sent.contains("mark-extra"), "{sent}");
    world.configure("");
    eyes.without(&path).await;
    // It could name what it may not name any more.
    assert_eq!(later.closed().await, "policy_changed");
    let sent = invoke(&world, &mut client, &thread, "greet", &path).await;
    assert!(!sent.contains("mark-extra\\n"), "{sent}");
    world.stop().await;
}

// proves S5.32: remotes may look, and no more
#[tokio::test]
async fn a_remote_may_list_skills_and_neither_switch_nor_add_any() {
    for role in ["viewer", "operator"] {
        let world = World::start_with(Plan {
            connect: vec!["--role".to_owned(), role.to_owned()],
            ..Plan::default()
        })
        .await;
        let path = put(&world.work.join(".agents/skills"), "greet", "");
        let mut eyes = Eyes::at(&world).await;
        eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
        let mut remote = world.remote().await;
        let listed = remote
            .call("skills/list", json!({ "cwds": [world.work] }))
            .await
            .unwrap();
        assert!(listed.to_string().contains("about greet"), "{role}: {listed}");
        for (method, params) in [
            ("skills/config/write", json!({ "path": path, "enabled": false })),
            ("skills/extraRoots/set", json!({ "extraRoots": ["/"] })),
            ("plugin/install", json!({ "name": "x" })),
            ("fs/writeFile", json!({ "path": path, "dataBase64": "" })),
            ("fs/remove", json!({ "path": path })),
        ] {
            let answer = remote.call(method, params).await;
            let rule = answer.unwrap_err()["data"]["rule"].clone();
            assert!(
                rule.is_string(),
                "{role}: {method} was refused by the gate: {rule}"
            );
        }
        let other = world.scratch.folder("other").unwrap();
        let answer = remote.call("skills/list", json!({ "cwds": [other] })).await;
        assert_eq!(answer.unwrap_err()["data"]["rule"], "outside_roots", "{role}");
        assert_eq!(
            find(&world.view().await.unwrap().skills, &path).unwrap().enabled,
            Some(true)
        );
        world.stop().await;
    }
}

// proves S5.32: the bus is told names, scopes and hashes
#[tokio::test]
async fn a_bus_is_told_names_and_hashes_of_what_remotes_may_see_and_no_content() {
    let world = world().await;
    let path = put(&world.work.join(".agents/skills"), "greet", "canary-body");
    // A folder the user works in that no remote sees.
    let private = world.scratch.folder("private").unwrap();
    put(&private.join(".agents/skills"), "canary-private", "");
    let mut eyes = Eyes::at(&world).await;
    let mut client = world.local().await;
    client.thread(&private, "on-request", "read-only").await;
    eyes.until(|view| {
        view.skills
            .skills
            .iter()
            .any(|skill| skill.name == "canary-private")
    })
    .await;
    let mine = eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
    let told = |names: &SkillNames| names.skills.iter().any(|one| one.name == "greet");
    // First only that it is there, perhaps; as soon as Codex said it, that it is used.
    let used = |names: &SkillNames| {
        names
            .skills
            .iter()
            .any(|one| one.name == "greet" && one.enabled.is_some())
    };
    let names = until_bus(&world, used).await;
    let greet = names.skills.iter().find(|one| one.name == "greet").unwrap();
    assert_eq!(
        (greet.scope.as_str(), Some(&greet.hash), greet.enabled),
        ("repo", mine.hash.as_ref(), Some(true))
    );
    assert!(names.skills.iter().any(|one| one.scope == "system"));
    let text = serde_json::to_string(&names).unwrap();
    for secret in [
        "canary-body",
        "canary-private",
        "about greet",
        world.work.to_str().unwrap(),
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    said(&world, &["skills", "disable", "greet"]).await;
    until_bus(&world, |names| {
        names
            .skills
            .iter()
            .any(|one| one.name == "greet" && one.enabled == Some(false))
    })
    .await;
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    until_bus(&world, |names| !told(names)).await;
    assert_eq!(bus(&world, CONNECT_TOKEN).await.0, 403);
    assert_eq!(bus(&world, CLIENT_TOKEN).await.0, 200);
    world.stop().await;
}

async fn until_bus(world: &World, fits: impl Fn(&SkillNames) -> bool) -> SkillNames {
    let asking = async {
        loop {
            let (status, body) = bus(world, HTTP_TOKEN).await;
            assert_eq!(status, 200, "{body}");
            let names: SkillNames = serde_json::from_str(&body).unwrap();
            if fits(&names) {
                return names;
            }
        }
    };
    timeout(SOON, asking).await.expect("the bus is told in time")
}

async fn bus(world: &World, token: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&world.bus).await.unwrap();
    let request = format!(
        "GET /api/hosts/h/skills HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n",
        world.bus
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}
