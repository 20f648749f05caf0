//! What the page of skills asks for, over a real control socket. Proves S5.32 in part.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use common::{App, Did, client, headline, place, view};
use drawbridge_desk::{Ask, Opening};
use drawbridge_testkit::fake_host::{FakeHost, HostEnd};
use drawbridge_wire::control::{Change, HostView, Request};
use drawbridge_wire::skills::{
    InstructionsView, SetSkill, SkillProblemView, SkillRootView, SkillView, SkillsView,
};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn skill(root: &Path, name: &str) -> SkillView {
    SkillView {
        name: name.into(),
        description: "Does it.".into(),
        scope: "user".into(),
        root: root.to_owned(),
        path: root.join(name).join("SKILL.md"),
        enabled: Some(true),
        hash: None,
        size: 3,
        changed_at_ms: None,
        problems: Vec::new(),
        next_turn: Vec::new(),
    }
}

fn root(path: &Path) -> SkillRootView {
    SkillRootView {
        path: path.to_owned(),
        real: None,
        kind: "home".into(),
        scope: "user".into(),
        folder: None,
        read_only: false,
        state: "present".into(),
        problems: vec![SkillProblemView {
            severity: "warning".into(),
            code: "link_leaves_root".into(),
            path: path.join("out/link"),
            line: None,
            column: None,
            message: "it leads out".into(),
        }],
        not_in: Vec::new(),
    }
}

struct Scene {
    root: PathBuf,
    app: App,
    end: HostEnd,
    _host: FakeHost,
    _dir: drawbridge_testkit::home::Scratch,
    state: HostView,
}

/// The app in front of a host with two skills that are there.
async fn scene() -> Scene {
    let dir = place();
    let at = dir.path().join("skills");
    for name in ["deploy", "tool", "out"] {
        std::fs::create_dir_all(at.join(name)).unwrap();
        std::fs::write(at.join(name).join("SKILL.md"), "---\n").unwrap();
    }
    std::fs::write(dir.path().join("AGENTS.md"), "Be brief.\n").unwrap();
    let mut state = view(dir.path());
    state.skills = SkillsView {
        roots: vec![root(&at)],
        skills: vec![skill(&at, "deploy"), skill(&at, "tool")],
        instructions: vec![InstructionsView {
            path: dir.path().join("AGENTS.md"),
            hash: None,
            size: 3,
            changed_at_ms: None,
            old_in: Vec::new(),
        }],
        ..SkillsView::default()
    };
    let host = FakeHost::at(dir.path());
    let mut app = App::start(dir.path());
    let end = client(&host, &state).await;
    app.until_tray(|tray| headline(tray) != "Starting").await;
    Scene {
        root: at,
        app,
        end,
        _host: host,
        _dir: dir,
        state,
    }
}

impl Scene {
    async fn open(&mut self, id: &Path, folder: bool) -> Result<Opening, String> {
        let ask = Ask::SkillOpen {
            id: id.to_string_lossy().into_owned(),
            folder,
        };
        match self.app.ask("main", ask).await {
            Ok(_) => Ok(self
                .app
                .until(|did| match did {
                    Did::Open(what) => Some(what),
                    _ => None,
                })
                .await),
            Err(problem) => {
                let did = self.app.rest();
                assert!(!did.iter().any(|did| matches!(did, Did::Open(_))), "{did:?}");
                Err(problem.code)
            }
        }
    }
}

#[tokio::test]
async fn a_switch_goes_to_the_host_and_its_refusal_comes_back() {
    let mut scene = scene().await;
    let path = scene.root.join("deploy/SKILL.md");
    let set = |on| Ask::SkillSet {
        id: path.to_string_lossy().into_owned(),
        on,
    };
    for (on, refused) in [(false, None), (true, Some("overruled"))] {
        let (desk, ask) = (scene.app.desk.clone(), set(on));
        let asked = tokio::spawn(async move { desk.ask("main", ask).await });
        let (id, request) = scene.end.request().await;
        let wanted = SetSkill {
            path: path.clone(),
            enabled: on,
        };
        assert_eq!(request, Request::SetSkill(wanted));
        match refused {
            None => scene.end.reply(id, serde_json::Value::Null).await,
            Some(code) => scene.end.reject(id, code).await,
        }
        let answer = asked.await.unwrap();
        assert_eq!(answer.err().map(|problem| problem.code).as_deref(), refused);
    }
    let stray = Ask::SkillSet {
        id: "/etc/passwd".into(),
        on: true,
    };
    assert_eq!(
        scene.app.ask("main", stray).await.unwrap_err().code,
        "unknown_skill"
    );
    // What was unknown did not get as far as the host: the next it hears is this.
    let desk = scene.app.desk.clone();
    let asked = tokio::spawn(async move { desk.ask("main", Ask::SkillsRescan).await });
    scene
        .end
        .answer(Request::RescanSkills {}, serde_json::json!({}))
        .await;
    asked.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_what_the_host_names_now_is_opened() {
    let mut scene = scene().await;
    let at = scene.root.clone();
    let file = at.join("deploy/SKILL.md");
    let agents = at.with_file_name("AGENTS.md");
    assert_eq!(scene.open(&file, false).await, Ok(Opening::Text(file.clone())));
    assert_eq!(scene.open(&agents, false).await, Ok(Opening::Text(agents)));
    assert_eq!(scene.open(&at, true).await, Ok(Opening::Folder(at.clone())));
    assert_eq!(
        scene.open(&file, true).await,
        Ok(Opening::Folder(at.join("deploy")))
    );
    // A problem that is no skill has a folder, and nothing to open itself.
    let link = at.join("out/link");
    assert_eq!(scene.open(&link, true).await, Ok(Opening::Folder(at.join("out"))));
    let unknown = Err("unknown_skill".to_owned());
    for (stray, folder) in [
        (link, false),
        (at.join("out/SKILL.md"), false),
        (at.join("deploy/../out/SKILL.md"), false),
        (at.join("deploy/./SKILL.md"), false),
        ("/etc/passwd".into(), false),
        ("/etc".into(), true),
        (at.clone(), false),
        ("".into(), false),
        ("".into(), true),
    ] {
        assert_eq!(scene.open(&stray, folder).await, unknown, "{stray:?} {folder}");
    }
    // What the host no longer names is no longer opened.
    let mut skills = scene.state.skills.clone();
    skills.skills.retain(|skill| skill.name != "deploy");
    scene.end.change(Change::Skills(Box::new(skills))).await;
    scene
        .app
        .desk
        .ask("main", Ask::Snapshot)
        .await
        .expect("a window that is told");
    scene
        .app
        .until(|did| match did {
            Did::Tell(view) => view.host.filter(|host| host.skills.skills.len() == 1).map(drop),
            _ => None,
        })
        .await;
    assert_eq!(scene.open(&file, false).await, unknown);
}

#[tokio::test]
async fn of_a_root_that_cannot_be_looked_into_the_folder_is_opened_that_it_lies_in() {
    let mut scene = scene().await;
    let at = scene.root.clone();
    std::fs::write(at.join("file"), "x").unwrap();
    symlink(at.join("nowhere"), at.join("link")).unwrap();
    let lost = [
        (at.join("file"), "not_a_folder", &at),
        (at.join("link"), "missing", &at),
        // What is there need not show what is in it.
        (at.join("out"), "unreadable", &at),
        (at.join("gone/further/skills"), "missing", &at),
        (at.join("file/skills"), "missing", &at),
    ];
    let mut skills = scene.state.skills.clone();
    for (path, state, _) in &lost {
        let mut one = root(path);
        one.state = (*state).into();
        one.problems[0].path.clone_from(path);
        skills.roots.push(one);
    }
    scene.end.change(Change::Skills(Box::new(skills))).await;
    let asked = scene.app.desk.ask("main", Ask::Snapshot).await;
    asked.expect("a window that is told");
    scene
        .app
        .until(|did| match did {
            Did::Tell(view) => view.host.filter(|host| host.skills.roots.len() == 6).map(drop),
            _ => None,
        })
        .await;
    for (path, state, folder) in lost.clone() {
        let opened = scene.open(&path, true).await;
        assert_eq!(opened, Ok(Opening::Folder(folder.clone())), "{path:?} {state}");
    }
    // It is opened itself where it is one, and only then.
    assert_eq!(scene.open(&at, true).await, Ok(Opening::Folder(at.clone())));
}

#[tokio::test]
async fn what_might_be_run_or_leads_elsewhere_is_not_handed_to_the_desktop() {
    let mut scene = scene().await;
    let file = scene.root.join("tool/SKILL.md");
    std::fs::write(&file, "#!/bin/sh\ntouch hit\n").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(scene.open(&file, false).await, Err("executable".into()));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(scene.open(&file, false).await, Err("not_there".into()));
    symlink("/bin/sh", &file).unwrap();
    assert_eq!(scene.open(&file, false).await, Err("not_a_file".into()));
    // Its folder still is one.
    let folder = scene.root.join("tool");
    assert_eq!(scene.open(&file, true).await, Ok(Opening::Folder(folder.clone())));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(scene.open(&file, true).await, Err("not_there".into()));
}

#[tokio::test]
async fn only_the_main_window_asks_and_without_a_host_nothing_is_opened() {
    let mut scene = scene().await;
    let file = scene.root.join("deploy/SKILL.md").to_string_lossy().into_owned();
    let asks = |id: &str| {
        let (set, open) = (id.to_owned(), id.to_owned());
        [
            Ask::SkillSet { id: set, on: false },
            Ask::SkillsRescan,
            Ask::SkillOpen {
                id: open,
                folder: false,
            },
        ]
    };
    for label in ["approval", "other"] {
        for ask in asks(&file) {
            assert_eq!(scene.app.ask(label, ask).await.unwrap_err().code, "not_allowed");
        }
    }
    drop(scene.end);
    drop(scene._host);
    scene
        .app
        .until_tray(|tray| headline(tray).starts_with("The host is gone"))
        .await;
    for ask in asks(&file) {
        assert_eq!(scene.app.ask("main", ask).await.unwrap_err().code, "no_host");
    }
}
