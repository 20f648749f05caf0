//! Attacks that try to leave the folders the host shares, or to learn what lies beside them.

use super::{input, rule, seen_text};
use crate::world::World;
use serde_json::json;

#[cfg(unix)]
#[tokio::test]
async fn no_way_of_writing_a_path_leads_out_of_the_roots() {
    let world = World::start().await;
    let outside = world.scratch.folder("outside").unwrap();
    std::fs::write(outside.join("p.png"), "secret").unwrap();
    std::os::unix::fs::symlink(&outside, world.work.join("link")).unwrap();
    std::os::unix::fs::symlink(outside.join("p.png"), world.work.join("p.png")).unwrap();
    std::fs::create_dir(world.work.join("sub")).unwrap();
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    let path = |text: &str| format!("{}/{text}", world.work.display());
    let folders = [
        path("../outside"),
        path("sub/../../outside"),
        path("link"),
        path("link/."),
        path("sub/../link"),
        path(".."),
        outside.display().to_string(),
        "/".to_owned(),
        "/etc/../".to_owned(),
        "../outside".to_owned(),
        world.home.path().display().to_string(),
        world.data.display().to_string(),
        // Beside the root with a name that begins like it.
        format!("{}x", world.work.display()),
    ];
    std::fs::create_dir(format!("{}x", world.work.display())).unwrap();
    for cwd in &folders {
        for (method, params) in [
            ("thread/start", json!({ "cwd": cwd })),
            ("thread/resume", json!({ "threadId": thread, "cwd": cwd })),
            ("thread/fork", json!({ "threadId": thread, "cwd": cwd })),
            (
                "turn/start",
                json!({ "threadId": thread, "input": input("SAY: out"), "cwd": cwd }),
            ),
            (
                "thread/start",
                json!({ "cwd": world.work, "runtimeWorkspaceRoots": [cwd] }),
            ),
            (
                "turn/start",
                json!({ "threadId": thread, "input": input("SAY: out"), "runtimeWorkspaceRoots": [cwd] }),
            ),
        ] {
            let answer = remote.call(method, params.clone()).await;
            assert_eq!(rule(&answer), "outside_roots", "{method} {params}");
        }
    }
    let files = [
        path("../outside/p.png"),
        path("link/p.png"),
        path("p.png"),
        path("sub/../link/p.png"),
        outside.join("p.png").display().to_string(),
        "/etc/passwd".to_owned(),
    ];
    for file in &files {
        for item in [
            json!({ "type": "localImage", "path": file }),
            json!({ "type": "mention", "name": "p", "path": file }),
            json!({ "type": "skill", "name": "p", "path": file }),
        ] {
            let params =
                json!({ "threadId": thread, "input": [{ "type": "text", "text": "SAY: out" }, item] });
            let answer = remote.call("turn/start", params.clone()).await;
            assert_eq!(rule(&answer), "outside_roots", "{params}");
        }
    }
    assert_eq!(world.model.requests().len(), 0);
    // Inside the roots, but not the thread's own folder: one more place the sandbox would let it write to.
    for (method, params) in [
        (
            "thread/start",
            json!({ "cwd": path("sub"), "runtimeWorkspaceRoots": [world.work] }),
        ),
        (
            "thread/start",
            json!({ "runtimeWorkspaceRoots": [world.work, path("sub")] }),
        ),
        (
            "turn/start",
            json!({ "threadId": thread, "input": input("SAY: out"), "runtimeWorkspaceRoots": [path("sub")] }),
        ),
    ] {
        let answer = remote.call(method, params.clone()).await;
        assert_eq!(rule(&answer), "ceiling", "{method} {params}");
    }
    assert_eq!(world.model.requests().len(), 0);
    let own = remote
        .call("thread/start", json!({ "runtimeWorkspaceRoots": [world.work] }))
        .await
        .unwrap();
    assert_eq!(own["cwd"], json!(world.work), "its own folder is");
    // A detour that ends inside is none.
    let inside = remote
        .call("thread/start", json!({ "cwd": path("sub/../sub") }))
        .await
        .unwrap();
    assert_eq!(inside["cwd"], json!(world.work.join("sub")));
    world.stop().await;
}

#[tokio::test]
async fn a_thread_outside_the_roots_does_not_exist_for_a_remote() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let mut local = world.local().await;
    let elsewhere = world.scratch.folder("elsewhere").unwrap();
    let hidden = local.thread(&elsewhere, "on-request", "read-only").await;
    local.turn(&hidden, "SAY: hidden words").await.unwrap();
    local.method("turn/completed").await;
    local
        .call(
            "thread/name/set",
            json!({ "threadId": hidden, "name": "hidden name" }),
        )
        .await
        .unwrap();
    let shown = local.thread(&world.work, "on-request", "read-only").await;
    local.turn(&shown, "SAY: shown words").await.unwrap();
    local.method("turn/completed").await;
    local
        .call(
            "thread/name/set",
            json!({ "threadId": shown, "name": "shown name" }),
        )
        .await
        .unwrap();
    // What was sent about the hidden one came before this, or never.
    remote
        .until(|f| f["method"] == "thread/name/updated" && f["params"]["threadId"] == shown.as_str())
        .await;
    let unknown = "00000000-0000-7000-8000-000000000000";
    for (method, more) in [
        ("thread/read", json!({ "includeTurns": true })),
        ("thread/read", json!({})),
        ("thread/resume", json!({})),
        ("thread/fork", json!({ "cwd": world.work })),
        ("thread/turns/list", json!({})),
        ("thread/name/set", json!({ "name": "mine now" })),
        ("thread/archive", json!({})),
        ("turn/start", json!({ "input": input("SAY: attack") })),
        (
            "turn/steer",
            json!({ "input": input("SAY: attack"), "expectedTurnId": unknown }),
        ),
        ("turn/interrupt", json!({ "turnId": unknown })),
    ] {
        let mut errors = Vec::new();
        for thread in [hidden.as_str(), unknown] {
            let mut params = more.clone();
            params["threadId"] = json!(thread);
            let answer = remote.call(method, params).await;
            assert_eq!(rule(&answer), "not_found", "{method} {thread}");
            errors.push(answer.unwrap_err().to_string().replace(thread, "ID"));
        }
        assert_eq!(
            errors[0], errors[1],
            "a hidden thread and none at all look the same: {method}"
        );
    }
    for (method, params) in [
        ("thread/list", json!({})),
        ("thread/list", json!({ "limit": 1 })),
        ("thread/loaded/list", json!({})),
    ] {
        let list = remote.call(method, params).await.unwrap().to_string();
        assert!(
            !list.contains(&hidden) && !list.contains("hidden"),
            "{method}: {list}"
        );
    }
    let loaded = remote.call("thread/loaded/list", json!({})).await.unwrap();
    assert_eq!(loaded["data"], json!([shown]), "what lies inside is there");
    let beside = remote.call("thread/list", json!({ "cwd": elsewhere })).await;
    assert_eq!(rule(&beside), "outside_roots");
    let seen = seen_text(&remote);
    assert!(seen.contains(&shown), "the remote does hear of threads");
    assert!(!seen.contains(&hidden) && !seen.contains("hidden"), "{seen}");
    let own = local
        .call("thread/read", json!({ "threadId": hidden }))
        .await
        .unwrap();
    assert_eq!(own["thread"]["name"], "hidden name");
    world.stop().await;
}
