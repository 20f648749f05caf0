//! Skills of a host that runs: a change shows at once, and the very next turn uses it.

mod eyes;
mod faces;
mod limits;
mod trouble;

use crate::world::{Client, Plan, SOON, World, drawbridge};
use drawbridge_wire::skills::{CodexSkills, SkillWatching};
use eyes::{Eyes, put, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::ChildStdout;
use tokio::time::timeout;

/// A world with a further folder of skills, `~/extra`.
async fn world() -> World {
    World::start_with(Plan {
        config: Some(b"[skills]\nextra_roots = [\"~/extra\"]\n"),
        ..Plan::default()
    })
    .await
}

/// One root of each kind that a person changes, none of which is there at first but Codex's own.
fn roots(world: &World) -> Vec<PathBuf> {
    let user = world.scratch.path().join("u");
    vec![
        world.home.path().join("skills"),
        user.join(".agents/skills"),
        world.work.join(".codex/skills"),
        world.work.join(".agents/skills"),
        user.join("extra"),
    ]
}

/// A world whose project has its own folder for Codex, somebody who looks, and a thread with the client that
/// began it.
async fn world_with_a_thread() -> (World, Eyes, Client<UnixStream>, String) {
    let world = world().await;
    std::fs::create_dir(world.work.join(".codex")).unwrap();
    let eyes = Eyes::at(&world).await;
    let mut client = world.local().await;
    let thread = client.thread(&world.work, "on-request", "read-only").await;
    (world, eyes, client, thread)
}

/// Runs a turn that invokes a skill, and answers what the model was sent for it.
async fn invoke(
    world: &World,
    client: &mut Client<UnixStream>,
    thread: &str,
    name: &str,
    path: &Path,
) -> String {
    let before = world.model.requests().len();
    let input = json!([
        { "type": "text", "text": "SAY: done" },
        { "type": "skill", "name": name, "path": path },
    ]);
    client
        .call("turn/start", json!({ "threadId": thread, "input": input }))
        .await
        .unwrap();
    client.method("turn/completed").await;
    let requests = world.model.requests();
    assert_eq!(requests.len(), before + 1, "one step");
    // The last message: those before it are of earlier turns.
    let sent = requests.last().unwrap()["input"].as_array().unwrap().clone();
    let from = sent
        .iter()
        .rposition(|item| item["role"] == "assistant")
        .map_or(0, |at| at + 1);
    serde_json::to_string(&sent[from..]).unwrap()
}

// proves S0.09, S5.30, S5.32, S5.33, S5.34
#[tokio::test]
async fn the_very_next_turn_has_the_skill_as_it_is_now_in_every_kind_of_root() {
    let (world, mut eyes, mut client, thread) = world_with_a_thread().await;
    for (n, root) in roots(&world).iter().enumerate() {
        let name = format!("greet-{n}");
        let mark = |version: &str| format!("mark-{n}-{version}");
        // A root that is made while the thread lives.
        let path = put(root, &name, &mark("first"));
        eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
        let sent = invoke(&world, &mut client, &thread, &name, &path).await;
        assert!(sent.contains(&mark("first")), "{root:?}: {sent}");
        // Edited in place.
        let before = eyes.skill(&path, |_| true).await;
        std::fs::write(&path, text(&name, &mark("edited"))).unwrap();
        eyes.edited(&path, &before).await;
        let sent = invoke(&world, &mut client, &thread, &name, &path).await;
        assert!(
            sent.contains(&mark("edited")) && !sent.contains(&mark("first")),
            "{sent}"
        );
        // Half written beside it, then put in its place.
        let before = eyes.skill(&path, |_| true).await;
        let beside = root.join(&name).join(".SKILL.md.swp");
        std::fs::write(&beside, "---\nname: half").unwrap();
        std::fs::write(&beside, text(&name, &mark("replaced"))).unwrap();
        std::fs::rename(&beside, &path).unwrap();
        eyes.edited(&path, &before).await;
        let sent = invoke(&world, &mut client, &thread, &name, &path).await;
        assert!(sent.contains(&mark("replaced")), "{sent}");
        // Another folder, another name of the skill.
        let renamed = format!("hail-{n}");
        std::fs::write(&path, text(&renamed, &mark("renamed"))).unwrap();
        std::fs::rename(root.join(&name), root.join(&renamed)).unwrap();
        let path = root.join(&renamed).join("SKILL.md");
        eyes.skill(&path, |skill| {
            skill.name == renamed && skill.enabled == Some(true)
        })
        .await;
        let sent = invoke(&world, &mut client, &thread, &renamed, &path).await;
        assert!(sent.contains(&mark("renamed")), "{sent}");
        // Moved out, and in again.
        let outside = world.scratch.path().join("outside");
        std::fs::rename(root.join(&renamed), &outside).unwrap();
        eyes.without(&path).await;
        let sent = invoke(&world, &mut client, &thread, &renamed, &path).await;
        assert!(!sent.contains(&mark("renamed")), "{sent}");
        std::fs::rename(&outside, root.join(&renamed)).unwrap();
        eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
        let sent = invoke(&world, &mut client, &thread, &renamed, &path).await;
        assert!(sent.contains(&mark("renamed")), "{sent}");
        std::fs::remove_dir_all(root.join(&renamed)).unwrap();
        eyes.without(&path).await;
    }
    let kinds: Vec<&str> = eyes
        .view
        .skills
        .recent
        .iter()
        .map(|change| change.kind.as_str())
        .collect();
    for kind in ["created", "modified", "deleted"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert_eq!(eyes.view.skills.watching, SkillWatching::Watched);
    assert_eq!(eyes.view.skills.codex, CodexSkills::Fresh);
    world.stop().await;
}

// proves S5.30, S5.33: each kind of change in each kind of root, those that only Codex changes too
#[tokio::test]
async fn each_change_in_each_kind_of_root_is_told_as_what_it_is() {
    let (world, mut eyes, mut client, thread) = world_with_a_thread().await;
    let mut all = roots(&world);
    let system = world.home.path().join("skills/.system");
    all.push(system.clone());
    let outside = world.scratch.path().join("outside");
    for root in &all {
        let from = |eyes: &Eyes| eyes.view.skills.changes;
        let at = from(&eyes);
        let path = put(root, "one", "1");
        eyes.change(at, "created", &path).await;
        eyes.skill(&path, |skill| {
            skill.enabled == Some(true) && skill.problems.is_empty()
        })
        .await;
        let at = from(&eyes);
        std::fs::write(&path, text("one", "2")).unwrap();
        eyes.change(at, "modified", &path).await;
        eyes.skill(&path, |skill| skill.problems.is_empty()).await;
        let at = from(&eyes);
        std::fs::rename(root.join("one"), root.join("two")).unwrap();
        let renamed = root.join("two/SKILL.md");
        assert_eq!(eyes.change(at, "renamed", &renamed).await.from, Some(path));
        let at = from(&eyes);
        std::fs::rename(root.join("two"), &outside).unwrap();
        eyes.change(at, "deleted", &renamed).await;
        let at = from(&eyes);
        std::fs::rename(&outside, root.join("two")).unwrap();
        eyes.change(at, "created", &renamed).await;
        eyes.skill(&renamed, |skill| skill.enabled == Some(true)).await;
        let sent = invoke(&world, &mut client, &thread, "one", &renamed).await;
        assert!(sent.contains("about one"), "{root:?}: {sent}");
        let at = from(&eyes);
        std::fs::remove_dir_all(root.join("two")).unwrap();
        eyes.change(at, "deleted", &renamed).await;
        let shown = eyes
            .view
            .skills
            .roots
            .iter()
            .find(|one| one.path == *root)
            .unwrap();
        assert_eq!(shown.read_only, *root == system);
    }
    // From each root to the next.
    let mut path = put(&all[0], "traveller", "");
    eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
    for root in &all[1..] {
        let at = eyes.view.skills.changes;
        std::fs::rename(path.parent().unwrap(), root.join("traveller")).unwrap();
        let to = root.join("traveller/SKILL.md");
        assert_eq!(eyes.change(at, "moved", &to).await.from, Some(path), "{root:?}");
        path = to;
    }
    world.stop().await;
}

// proves S5.30
#[tokio::test]
async fn a_root_that_is_replaced_by_a_link_is_used_from_the_next_turn_on() {
    let (world, mut eyes, mut client, thread) = world_with_a_thread().await;
    for (n, root) in [&roots(&world)[1], &roots(&world)[2]].into_iter().enumerate() {
        let path = put(root, "greet", &format!("mark-folder-{n}"));
        let before = eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
        let elsewhere = world.scratch.path().join(format!("elsewhere-{n}"));
        put(&elsewhere, "greet", &format!("mark-link-{n}"));
        std::fs::remove_dir_all(root).unwrap();
        std::os::unix::fs::symlink(&elsewhere, root).unwrap();
        eyes.skill(&path, |skill| {
            skill.hash != before.hash && skill.enabled == Some(true)
        })
        .await;
        let shown = eyes
            .view
            .skills
            .roots
            .iter()
            .find(|one| one.path == *root)
            .unwrap();
        assert_eq!(shown.real.as_deref(), Some(&*elsewhere));
        let real = elsewhere.join("greet/SKILL.md");
        let sent = invoke(&world, &mut client, &thread, "greet", &real).await;
        assert!(sent.contains(&format!("mark-link-{n}")), "{sent}");
        // What changes where it leads is noticed.
        let before = eyes.skill(&path, |_| true).await;
        std::fs::write(&real, text("greet", "mark-edited-behind-the-link")).unwrap();
        eyes.edited(&path, &before).await;
        let sent = invoke(&world, &mut client, &thread, "greet", &real).await;
        assert!(sent.contains("mark-edited-behind-the-link"), "{sent}");
        std::fs::remove_file(root).unwrap();
        eyes.without(&path).await;
    }
    world.stop().await;
}

// proves S5.31, S5.35
#[tokio::test]
async fn where_a_turn_runs_a_change_says_that_it_applies_from_the_next_one() {
    let world = world().await;
    let path = put(&world.work.join(".codex/skills"), "greet", "first");
    std::fs::write(world.work.join("AGENTS.md"), "Be brief.").unwrap();
    let mut eyes = Eyes::at(&world).await;
    let mut client = world.local().await;
    let thread = client.thread(&world.work, "on-request", "read-only").await;
    let started = client.turn(&thread, "HANG").await.unwrap();
    eyes.until(|view| {
        view.threads
            .iter()
            .any(|one| one.id == thread && one.status == "active")
    })
    .await;
    let before = eyes.skill(&path, |_| true).await;
    assert_eq!(before.next_turn, Vec::<String>::new());
    std::fs::write(&path, text("greet", "second")).unwrap();
    let changed = eyes.skill(&path, |skill| skill.hash != before.hash).await;
    assert_eq!(changed.next_turn, std::slice::from_ref(&thread));
    let (_, shown, _) = said(&world, &["skills", "show", "greet"]).await;
    assert!(
        shown.contains(&format!("applies from the next turn in {thread}")),
        "{shown}"
    );
    // Switched off and on meanwhile: that turn goes on with it as it was.
    let later = format!("; applies from the next turn in {thread}, where a turn runs with what was before\n");
    let mut watch = watching(&world, true).await;
    let (_, out, error) = said(&world, &["skills", "disable", "greet"]).await;
    assert_eq!(out, format!("off{later}"), "{error}");
    eyes.skill(&path, |skill| {
        skill.enabled == Some(false) && skill.next_turn == std::slice::from_ref(&thread)
    })
    .await;
    let object: Value = serde_json::from_str(&watch.line().await).unwrap();
    assert_eq!(
        (&object["kind"], &object["next_turn"]),
        (&json!("disabled"), &json!([thread]))
    );
    let shown = json_of(&world, &["skills", "enable", "greet", "--json"]).await;
    assert_eq!(
        (&shown["enabled"], &shown["next_turn"]),
        (&json!(true), &json!([thread]))
    );
    let turn = &started["turn"]["id"];
    client
        .call("turn/interrupt", json!({ "threadId": thread, "turnId": turn }))
        .await
        .unwrap();
    eyes.skill(&path, |skill| skill.next_turn.is_empty()).await;

    // Instructions are read when a thread starts: that one keeps the old ones.
    let file = world.work.join("AGENTS.md");
    std::fs::write(&file, "Be very brief.").unwrap();
    eyes.until(|view| {
        let found = view.skills.instructions.iter().find(|one| one.path == file);
        found.is_some_and(|one| one.old_in == [thread.clone()])
    })
    .await;
    let (_, shown, _) = said(&world, &["skills", "roots"]).await;
    assert!(shown.contains("keep the old one"), "{shown}");
    world.stop().await;
}

// proves S5.35: what Codex does not do for a thread that runs is said
#[tokio::test]
async fn a_thread_that_began_before_there_was_a_dot_codex_is_named_as_going_without() {
    let world = world().await;
    let mut eyes = Eyes::at(&world).await;
    let mut client = world.local().await;
    let thread = client.thread(&world.work, "on-request", "read-only").await;
    eyes.until(|view| {
        view.threads
            .iter()
            .any(|one| one.id == thread && one.cwd.is_some())
    })
    .await;
    let root = world.work.join(".codex/skills");
    let path = put(&root, "greet", "mark-late");
    eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
    let shown = eyes
        .view
        .skills
        .roots
        .iter()
        .find(|one| one.path == root)
        .unwrap();
    assert_eq!(shown.not_in, std::slice::from_ref(&thread));
    let sent = invoke(&world, &mut client, &thread, "greet", &path).await;
    assert!(
        !sent.contains("mark-late"),
        "codex does it by now; then it need not be said: {sent}"
    );
    let next = client.thread(&world.work, "on-request", "read-only").await;
    let sent = invoke(&world, &mut client, &next, "greet", &path).await;
    assert!(sent.contains("mark-late"), "{sent}");
    let shown = eyes
        .view
        .skills
        .roots
        .iter()
        .find(|one| one.path == root)
        .unwrap();
    assert_eq!(shown.not_in, [thread], "only that one");
    world.stop().await;
}

async fn said(world: &World, args: &[&str]) -> (Option<i32>, String, String) {
    let output = world.cli(args).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn json_of(world: &World, args: &[&str]) -> Value {
    let (code, out, error) = said(world, args).await;
    serde_json::from_str(&out).unwrap_or_else(|wrong| panic!("{wrong}: {code:?} {out}{error}"))
}

/// `drawbridge skills watch`.
struct Watch {
    _child: tokio::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    async fn line(&mut self) -> String {
        let line = timeout(SOON, self.lines.next_line()).await;
        line.unwrap().unwrap().unwrap()
    }
}

/// Starts it, and waits until it is told of what happens.
async fn watching(world: &World, json: bool) -> Watch {
    let mut command = drawbridge();
    command
        .args(["skills", "watch"])
        .args(json.then_some("--json"))
        .env("DRAWBRIDGE_DATA_DIR", &world.data);
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut watch = Watch { _child: child, lines };
    if !json {
        watch.line().await;
        return watch;
    }
    // As JSON it says nothing of itself, so something is changed until it tells.
    let root = world.home.path().join("skills");
    for version in 0.. {
        let path = put(&root, "sign", &version.to_string());
        let mut told = false;
        while let Ok(line) = timeout(Duration::from_secs(1), watch.lines.next_line()).await {
            told |= line.unwrap().unwrap().contains(path.to_str().unwrap());
        }
        if told {
            break;
        }
    }
    watch
}
