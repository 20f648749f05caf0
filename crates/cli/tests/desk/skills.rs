//! The page of skills, with the real host and the real codex behind it.

use crate::common::{App, Did};
use crate::threads::end;
use crate::world::World;
use drawbridge_desk::{Ask, Opening};
use drawbridge_wire::skills::{SkillView, SkillsView};
use std::cell::{Cell, RefCell};
use std::path::Path;

fn write(file: &Path, description: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = format!("---\nname: greet\ndescription: {description}\n---\nSay hello.\n");
    std::fs::write(file, text).unwrap();
}

/// Waits until the windows are told of skills that fit.
async fn told(app: &mut App, fits: impl Fn(&SkillsView) -> bool) -> SkillsView {
    app.until(|did| match did {
        Did::Tell(view) => view.host.map(|host| host.skills).filter(&fits),
        _ => None,
    })
    .await
}

fn greet(view: &SkillsView) -> Option<&SkillView> {
    view.skills.iter().find(|skill| skill.name == "greet")
}

fn uses(enabled: bool) -> impl Fn(&SkillsView) -> bool {
    move |view| greet(view).is_some_and(|skill| skill.enabled == Some(enabled))
}

// proves S0.09, S5.32
#[tokio::test]
async fn the_window_shows_an_edit_switches_through_codex_and_opens_what_is_wrong() {
    let world = World::start().await;
    let mut app = App::start(&world.data);
    app.until_tray(|_| true).await;
    // A window that asks is told from then on.
    app.ask("main", Ask::Snapshot).await.unwrap();
    let file = world.work.join(".agents/skills/greet/SKILL.md");
    write(&file, "Says hello.");
    let first = told(&mut app, uses(true)).await;
    let skill = greet(&first).unwrap().clone();
    assert_eq!((&skill.path, skill.description.as_str()), (&file, "Says hello."));

    let set = |on| Ask::SkillSet {
        id: file.to_string_lossy().into_owned(),
        on,
    };
    app.ask("main", set(false)).await.unwrap();
    told(&mut app, uses(false)).await;
    let config = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    assert!(config.contains("[[skills.config]]"), "{config}");
    app.ask("main", set(true)).await.unwrap();
    told(&mut app, uses(true)).await;

    write(&file, "Says goodbye.");
    let edited = told(&mut app, |view| {
        greet(view).is_some_and(|skill| skill.description == "Says goodbye.")
    })
    .await;
    assert_ne!(greet(&edited).unwrap().hash, skill.hash);
    let change = edited.recent.iter().rfind(|change| change.path == file).unwrap();
    assert_eq!(change.kind, "modified");

    std::fs::write(&file, "---\nname: greet\n---\n").unwrap();
    app.ask("main", Ask::SkillsRescan).await.unwrap();
    let broken = told(&mut app, |view| {
        greet(view).is_some_and(|skill| !skill.problems.is_empty())
    })
    .await;
    let problem = &greet(&broken).unwrap().problems[0];
    assert_eq!((problem.code.as_str(), &problem.path), ("no_description", &file));
    let open = Ask::SkillOpen {
        id: problem.path.to_string_lossy().into_owned(),
        folder: false,
    };
    app.ask("main", open).await.unwrap();
    app.until(|did| (did == Did::Open(Opening::Text(file.clone()))).then_some(()))
        .await;
    end(app, world).await;
}

// proves S5.33
#[allow(clippy::print_stdout, reason = "a figure that is asked for")]
#[tokio::test]
async fn ten_thousand_files_reach_the_window_in_ten_tellings_at_most() {
    let world = World::start().await;
    let mut app = App::start(&world.data);
    app.until_tray(|_| true).await;
    app.ask("main", Ask::Snapshot).await.unwrap();
    let root = world.home.path().join("skills");
    let at = root.clone();
    let writing = tokio::task::spawn_blocking(move || {
        for n in 0..500 {
            let folder = at.join(format!("s{n:03}"));
            std::fs::create_dir_all(&folder).unwrap();
            let text = format!("---\nname: s{n:03}\ndescription: d\n---\n");
            std::fs::write(folder.join("SKILL.md"), text).unwrap();
            for file in 0..19 {
                std::fs::write(folder.join(format!("f{file}.py")), "x").unwrap();
            }
        }
    });
    // Each is counted as it comes.
    let (count, before) = (Cell::new(0), RefCell::new(None));
    let counted = |did: Did, done: &dyn Fn(&SkillsView) -> bool| match did {
        Did::Tell(view) => {
            let skills = view.host.map(|host| host.skills)?;
            let done = done(&skills);
            let old = before.replace(Some(skills));
            count.set(count.get() + usize::from(old.is_some() && old != *before.borrow()));
            done.then_some(())
        }
        _ => None,
    };
    let all = |view: &SkillsView| {
        let mine = view.skills.iter().filter(|skill| skill.root == root);
        mine.filter(|skill| skill.enabled == Some(true)).count() == 500
    };
    app.until(|did| counted(did, &all)).await;
    writing.await.unwrap();
    // What still comes of it comes before this.
    let file = root.join("last/SKILL.md");
    write(&file, "The last.");
    app.until(|did| {
        counted(did, &|view| {
            greet(view).is_some_and(|skill| skill.enabled == Some(true))
        })
    })
    .await;
    println!("told {} times of 10,000 files", count.get());
    assert!(count.get() <= 10, "told {} times", count.get());
    end(app, world).await;
}
