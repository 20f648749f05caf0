//! What follows from looks and from words of Codex.
#![allow(clippy::unwrap_used, reason = "a test says what it needs by failing")]

use super::*;
use drawbridge_skills::{ChangeKind, Root, RootState, Skill, Watching};
use serde_json::json;

const NOW: u64 = 1_000;

fn places() -> Places {
    Places {
        codex_home: "/codex".into(),
        home: Some("/home".into()),
        folders: vec!["/work".into(), "/other".into()],
        extra: vec!["/extra".into()],
    }
}

fn skill(path: &str, hash: &str) -> Skill {
    Skill {
        name: Path::new(path)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned(),
        description: "d".to_owned(),
        path: Path::new(path).join("SKILL.md"),
        real: Path::new(path).join("SKILL.md"),
        size: 1,
        hash: Some(hash.to_owned()),
        changed_ms: None,
        problems: Vec::new(),
    }
}

fn root(path: &str, kind: RootKind, folder: Option<&str>, skills: Vec<Skill>) -> ScannedRoot {
    ScannedRoot {
        root: Root {
            path: path.into(),
            kind,
            folder: folder.map(Into::into),
        },
        state: RootState::Present,
        above: true,
        folder: folder.map(Into::into),
        real: Some(path.into()),
        skills,
        problems: Vec::new(),
        folders: Vec::new(),
    }
}

fn found(roots: Vec<ScannedRoot>, changes: Vec<SkillChange>) -> Found {
    Found {
        roots,
        instructions: Vec::new(),
        changes,
        switches: false,
        watching: Watching::Watched,
        asked: None,
    }
}

fn change(path: &str, folder: Option<&str>) -> SkillChange {
    SkillChange {
        kind: ChangeKind::Modified,
        path: Path::new(path).join("SKILL.md"),
        name: Some("a".to_owned()),
        root: "/r".into(),
        folder: folder.map(Into::into),
    }
}

fn thread(id: &str, cwd: &str, active: bool) -> LiveThread {
    LiveThread {
        id: id.to_owned(),
        cwd: Some(cwd.into()),
        active,
    }
}

fn listed(enabled: bool) -> Listed {
    Listed::read(&json!({ "data": [{
        "cwd": "/work",
        "skills": [{ "name": "a", "path": "/work/.agents/skills/a/SKILL.md", "enabled": enabled }],
        "errors": [{ "path": "/work/.agents/skills/b/SKILL.md", "message": "no\u{202e}" }],
    }]}))
}

/// Two looks: the second at an edited skill of `/work`.
fn looked(threads: &[LiveThread]) -> (Skills, Ask) {
    let mut skills = Skills::new(places());
    let of_work = |hash: &str| {
        let all = vec![
            skill("/work/.agents/skills/a", hash),
            skill("/work/.agents/skills/b", "b"),
        ];
        vec![root("/work/.agents/skills", RootKind::Folder, Some("/work"), all)]
    };
    skills.found(found(of_work("1"), Vec::new()), threads, NOW);
    let changes = vec![change("/work/.agents/skills/a", Some("/work"))];
    let ask = skills.found(found(of_work("2"), changes), threads, NOW + 1);
    (skills, ask)
}

#[test]
fn codex_is_told_to_read_again_what_a_change_concerns() {
    let (mut skills, ask) = looked(&[]);
    let answer = json!({ "data": [{ "cwd": "/other" }] });
    assert_eq!(ask.cwds.len(), 2, "the other was not listed yet");
    skills.listed(&ask, Ok(Listed::read(&answer)), &[]);
    let concerned = |cwds: &[&str]| Ask {
        cwds: cwds.iter().map(PathBuf::from).collect(),
        extra: Some(vec!["/extra".into()]),
        ..Ask::default()
    };
    assert_eq!(ask.extra, concerned(&[]).extra);
    // Of the user: one folder tells, and those that were not listed yet.
    let user = || vec![root("/codex/skills", RootKind::CodexHome, None, Vec::new())];
    let ask = skills.found(found(user(), vec![change("/codex/skills/a", None)]), &[], NOW);
    assert_eq!(ask, concerned(&["/work"]));
    let answer = json!({ "data": [{ "cwd": "/work" }, { "cwd": "/other" }] });
    skills.listed(&ask, Ok(Listed::read(&answer)), &[]);
    let ask = skills.found(found(user(), vec![change("/codex/skills/a", None)]), &[], NOW);
    assert_eq!(ask, concerned(&["/work"]));
    // Nothing changed: nothing to ask, but when Codex's configuration may be another.
    let ask = skills.found(found(user(), Vec::new()), &[], NOW);
    assert_eq!(ask, Ask::default());
    let switched = Found {
        switches: true,
        ..found(user(), Vec::new())
    };
    let ask = skills.found(switched, &[], NOW);
    assert_eq!((ask.cwds.len(), ask.extra, ask.force), (2, None, true));
    // A root that was not looked at before may have been filled after Codex looked into it.
    let new = vec![root(
        "/other/.codex/skills",
        RootKind::Folder,
        Some("/other"),
        vec![skill("/x", "1")],
    )];
    assert_eq!(
        skills.found(found(new, Vec::new()), &[], NOW),
        concerned(&["/other"])
    );
}

#[test]
fn one_question_at_a_time_and_none_is_forgotten() {
    let mut skills = Skills::new(places());
    let ask = |cwd: &str, extra: Option<&str>| Ask {
        cwds: vec![cwd.into()],
        extra: extra.map(|extra| vec![extra.into()]),
        ..Ask::default()
    };
    let first = skills.take_turn(ask("/work", None)).unwrap();
    assert_eq!(skills.take_turn(ask("/other", Some("/e"))), None);
    assert_eq!(skills.take_turn(ask("/work", None)), None);
    let again = skills.listed(&first, Ok(listed(true)), &[]).unwrap();
    assert_eq!(again.cwds, [PathBuf::from("/other"), "/work".into()]);
    assert_eq!(again.extra, Some(vec!["/e".into()]));
    let asked = skills.take_turn(again).unwrap();
    assert_eq!(skills.now().codex, CodexSkills::Refreshing);
    assert_eq!(skills.listed(&asked, Err(CodexError::Answer), &[]), None);
    assert!(matches!(skills.now().codex, CodexSkills::Failed { .. }));
    skills.codex_is_gone();
    assert_eq!(skills.now().codex, CodexSkills::Unknown);
}

#[test]
fn what_codex_did_not_answer_goes_along_with_the_next_question() {
    let mut skills = Skills::new(places());
    let ask = |cwd: &str, extra: Option<&str>| Ask {
        cwds: vec![cwd.into()],
        extra: extra.map(|extra| vec![extra.into()]),
        ..Ask::default()
    };
    let first = skills.take_turn(ask("/work", Some("/e"))).unwrap();
    assert_eq!(skills.listed(&first, Err(CodexError::Answer), &[]), None);
    // Another folder alone would be listed, and the first be called fresh.
    let second = skills.take_turn(ask("/other", None)).unwrap();
    let both = Ask {
        cwds: vec!["/work".into(), "/other".into()],
        extra: Some(vec!["/e".into()]),
        ..Ask::default()
    };
    assert_eq!(second, both);
    assert_eq!(skills.now().codex, CodexSkills::Refreshing);
    // It fails again: still nothing is forgotten, but a folder that is known no more.
    skills.listed(&second, Err(CodexError::Answer), &[]);
    skills
        .places
        .folders
        .retain(|folder| folder != Path::new("/work"));
    let third = skills.take_turn(Ask::default()).unwrap();
    assert_eq!(third, ask("/other", Some("/e")));
    skills.listed(&third, Ok(listed(true)), &[]);
    assert_eq!(skills.now().codex, CodexSkills::Fresh);
    assert_eq!(skills.take_turn(Ask::default()), Some(Ask::default()), "answered");
    // Another app-server is asked everything anyway.
    skills.listed(&third, Err(CodexError::Answer), &[]);
    skills.codex_is_gone();
    assert_eq!(skills.take_turn(Ask::default()), Some(Ask::default()));
}

// proves S5.32: a Codex that was slow once is asked again
#[test]
fn what_codex_did_not_answer_is_asked_again_ever_more_slowly_until_it_answers() {
    let whole = Ask {
        cwds: vec!["/work".into()],
        extra: Some(vec!["/e".into()]),
        ..Ask::default()
    };
    let fail = |skills: &mut Skills, asked: &Ask| {
        assert_eq!(skills.listed(asked, Err(CodexError::Answer), &[]), None);
        skills.retry_after().unwrap()
    };
    let mut skills = Skills::new(places());
    assert_eq!(skills.retry_after(), None);
    let mut asked = skills.take_turn(whole.clone()).unwrap();
    let mut pauses = Vec::new();
    let mut last = 0;
    for _ in 0..40 {
        let (question, pause) = fail(&mut skills, &asked);
        pauses.push(pause.as_secs());
        let again = skills.retry(question).unwrap();
        asked = skills.take_turn(again).unwrap();
        assert_eq!((&asked.cwds, &asked.extra), (&whole.cwds, &whole.extra));
        assert!(
            matches!(skills.now().codex, CodexSkills::Failed { .. }),
            "no news"
        );
        assert_eq!(
            (skills.retry(question), skills.retry_after()),
            (None, None),
            "it is asked"
        );
        last = question;
    }
    assert_eq!(pauses[..6], [5, 10, 20, 40, 60, 60]);
    assert_eq!(pauses[39], 60);
    // Another question is one of its own, and takes the place of the one that waits.
    let (question, _) = fail(&mut skills, &asked);
    assert!(question > last);
    let asked = skills.take_turn(Ask::default()).unwrap();
    assert_eq!(skills.now().codex, CodexSkills::Refreshing);
    let (newer, pause) = fail(&mut skills, &asked);
    assert_eq!((skills.retry(question), pause.as_secs()), (None, 5));
    // It answers, and nobody asks any more.
    let again = skills.retry(newer).unwrap();
    let asked = skills.take_turn(again).unwrap();
    skills.listed(&asked, Ok(listed(true)), &[]);
    assert_eq!(skills.now().codex, CodexSkills::Fresh);
    assert_eq!((skills.retry(newer), skills.retry_after()), (None, None));
    // One that ended is not asked.
    let asked = skills.take_turn(whole).unwrap();
    let (question, _) = fail(&mut skills, &asked);
    skills.codex_is_gone();
    assert_eq!((skills.retry(question), skills.retry_after()), (None, None));
}

#[test]
fn the_word_of_codex_is_merged_and_its_errors_are_shown() {
    let (mut skills, ask) = looked(&[]);
    assert_eq!(skills.now().skills[0].enabled, None);
    skills.take_turn(ask.clone());
    skills.listed(&ask, Ok(listed(false)), &[]);
    let before = skills.view().clone();
    let told = skills.news().unwrap();
    let view = skills.view().clone();
    let Change::SkillsPart(delta) = told else {
        panic!("{told:?}")
    };
    let mut seen = before;
    seen.apply(&delta);
    assert_eq!(seen, view);
    assert_eq!(
        (view.skills[0].enabled, &view.codex),
        (Some(false), &CodexSkills::Fresh)
    );
    assert_eq!(view.skills[1].problems[0].code, "codex");
    assert!(!view.skills[1].problems[0].message.contains('\u{202e}'));
    assert_eq!(skills.news(), None, "told once");
    assert_eq!(skills.view(), &view);
    assert_eq!(
        skills.real(Path::new("/work/.agents/skills/a/SKILL.md")),
        Some("/work/.agents/skills/a/SKILL.md".into())
    );
    assert_eq!(skills.real(Path::new("/etc/passwd")), None);
}

#[test]
fn a_newer_word_for_one_folder_counts_for_all() {
    let of = |cwd: &str, enabled: bool| {
        Listed::read(&json!({ "data": [{
            "cwd": cwd, "skills": [{ "name": "a", "path": "/home/a/SKILL.md", "enabled": enabled }], "errors": [],
        }]}))
    };
    let mut all = of("/a", true);
    all.update(of("/b", true));
    all.update(of("/b", false));
    assert_eq!(all.enabled(Path::new("/home/a/SKILL.md")), Some(false));
    all.keep(&["/a".into()]);
    assert_eq!(all.enabled(Path::new("/home/a/SKILL.md")), Some(false));
    assert!(all.knows(Path::new("/a")) && !all.knows(Path::new("/b")));
}

#[test]
fn running_turns_are_named_until_they_end() {
    let threads = [
        thread("runs", "/work/sub", true),
        thread("idle", "/work", false),
        thread("elsewhere", "/other", true),
    ];
    let (mut skills, _) = looked(&threads);
    assert_eq!(skills.now().skills[0].next_turn, ["runs"]);
    assert_eq!(skills.now().recent[0].next_turn, ["runs"]);
    skills.settle(&threads);
    assert_eq!(skills.now().skills[0].next_turn, ["runs"]);
    skills.settle(&[thread("runs", "/work/sub", false)]);
    assert_eq!(skills.now().skills[0].next_turn, Vec::<String>::new());
    assert_eq!(skills.now().recent[0].next_turn, Vec::<String>::new());
}

#[test]
fn threads_of_before_a_dot_codex_are_named_while_they_live() {
    let mut skills = Skills::new(places());
    let threads = [thread("old", "/work", false), thread("far", "/other", false)];
    let look = |above| {
        let mut one = root("/work/.codex/skills", RootKind::Folder, Some("/work"), Vec::new());
        one.above = above;
        found(vec![one], Vec::new())
    };
    skills.found(look(false), &threads, NOW);
    skills.found(look(true), &threads, NOW);
    assert_eq!(skills.now().roots[0].not_in, ["old"]);
    skills.found(look(true), &[thread("new", "/work", false)], NOW);
    skills.settle(&threads);
    assert_eq!(skills.now().roots[0].not_in, ["old"]);
    skills.settle(&threads[1..]);
    assert_eq!(skills.now().roots[0].not_in, Vec::<String>::new());
}

#[test]
fn a_switch_says_in_which_turns_it_does_not_count_yet() {
    let threads = [
        thread("runs", "/work", true),
        thread("idle", "/work", false),
        thread("far", "/other", true),
    ];
    let path = Path::new("/work/.agents/skills/a/SKILL.md");
    let (mut skills, ask) = looked(&[]);
    skills.listed(&ask, Ok(listed(true)), &threads);
    assert_eq!(
        skills.now().skills[0].next_turn,
        Vec::<String>::new(),
        "the first word is no switch"
    );
    // From here: known as soon as Codex said yes, before it has listed.
    skills.switched(path, false, &threads);
    let shown = skills.now().skills[0].clone();
    assert_eq!(
        (shown.enabled, &shown.next_turn[..]),
        (Some(false), &["runs".to_owned()][..])
    );
    skills.settle(&[]);
    // What it then lists is no other switch.
    assert_eq!(skills.listed(&ask, Ok(listed(false)), &threads), None);
    assert_eq!(skills.now().skills[0].next_turn, Vec::<String>::new());
    // From elsewhere: only the list tells, and live threads are told to read it, too.
    let again = skills.listed(&ask, Ok(listed(true)), &threads).unwrap();
    assert!(again.reload && again.cwds.is_empty() && again.extra.is_some());
    assert_eq!(skills.listed(&again, Ok(Listed::default()), &threads), None);
    assert_eq!(skills.now().skills[0].next_turn, ["runs"]);
}

#[test]
fn a_folder_that_is_named_anew_says_in_which_turns_it_does_not_count_yet() {
    let mut skills = Skills::new(places());
    let threads = [thread("runs", "/anywhere", true)];
    let extra = || root("/extra", RootKind::Extra, None, vec![skill("/extra/a", "1")]);
    skills.found(found(vec![extra()], Vec::new()), &threads, NOW);
    assert_eq!(
        skills.now().skills[0].next_turn,
        Vec::<String>::new(),
        "the first look is no news"
    );
    skills.found(found(Vec::new(), Vec::new()), &threads, NOW);
    skills.found(found(vec![extra()], Vec::new()), &threads, NOW);
    assert_eq!(skills.now().skills[0].next_turn, ["runs"]);
}

#[test]
fn changes_are_counted_also_those_that_are_kept_no_more() {
    let (mut skills, _) = looked(&[]);
    assert_eq!(skills.now().changes, 1);
    let many = vec![change("/work/.agents/skills/a", Some("/work")); 60];
    skills.found(found(Vec::new(), many), &[], NOW);
    let view = skills.now();
    assert_eq!((view.changes, view.recent.len()), (61, 50));
}

#[test]
fn what_is_watched_stays_watched_and_what_is_not_is_named() {
    let mut skills = Skills::new(places());
    let live = |numbers: std::ops::Range<usize>| -> Vec<LiveThread> {
        numbers
            .map(|n| thread("t", &format!("/f{n:03}"), false))
            .collect()
    };
    let fixed = [PathBuf::from("/work"), "/work".into()];
    let room = MOST_FOLDERS - 1;
    let first = skills.places_with(&fixed, &live(0..room), Vec::new());
    assert_eq!(
        (first.folders.len(), &first.folders[0]),
        (MOST_FOLDERS, &PathBuf::from("/work"))
    );
    assert_eq!(skills.now().unwatched, None);
    // A thread that ended does not take its folder with it.
    assert_eq!(skills.places_with(&fixed, &[], Vec::new()), first);
    // More live threads than room: nothing changes place, however often it is asked.
    for _ in 0..3 {
        assert_eq!(skills.places_with(&fixed, &live(0..room + 5), Vec::new()), first);
        let named = skills.now().unwatched.unwrap();
        assert_eq!(named.code, "too_many_folders");
        let rest: Vec<PathBuf> = (room..room + 5).map(|n| format!("/f{n:03}").into()).collect();
        assert_eq!(named.folders, rest);
    }
    // Where no thread lives any more there is room for one.
    let next = skills.places_with(&fixed, &live(1..room + 5), Vec::new());
    assert!(!next.folders.contains(&"/f000".into()));
    let stayed = first
        .folders
        .iter()
        .filter(|folder| next.folders.contains(folder))
        .count();
    assert_eq!(stayed, MOST_FOLDERS - 1, "only that one went");
    assert_eq!(skills.now().unwatched.unwrap().folders.len(), 4);
    // Folders that are always known come first.
    let fixed: Vec<PathBuf> = (0..10).map(|n| format!("/root{n}").into()).collect();
    let wanted = skills.places_with(&fixed, &live(1..room + 5), Vec::new());
    assert_eq!(
        (wanted.folders.len(), &wanted.folders[..10]),
        (MOST_FOLDERS, &fixed[..])
    );
    assert_eq!(
        skills.now().unwatched.unwrap().folders.len(),
        room + 4 - (MOST_FOLDERS - 10)
    );
}

// proves S5.30
#[test]
fn as_many_folders_as_the_configuration_takes_are_watched() {
    let most = (1..=200)
        .take_while(|count| configured(*count).len() == *count)
        .count();
    assert!(most >= 32, "{most}");
    let extra = configured(most);
    let places = Places {
        extra: extra.clone(),
        ..places()
    };
    let roots = places.roots().into_iter();
    let watched = roots.filter(|root| root.kind == RootKind::Extra);
    assert_eq!(watched.map(|root| root.path).collect::<Vec<_>>(), extra);
}

/// What the configuration takes of so many.
fn configured(count: usize) -> Vec<PathBuf> {
    let list: Vec<String> = (0..count).map(|n| format!("\"/more/{n:03}\"")).collect();
    let text = format!("[skills]\nextra_roots = [{}]\n", list.join(", "));
    let (config, _) = drawbridge_config::parse_bytes(text.as_bytes(), "config.toml");
    let config = config.unwrap_or_default();
    let paths = config.values().paths(drawbridge_config::Name::SkillRoots);
    let paths = paths.into_iter().flatten();
    paths.filter_map(|path| path.expanded(None)).collect()
}

#[test]
fn what_became_of_a_switch_is_told_apart() {
    let refused = drawbridge_codex::CallError::Timeout {
        method: "m".to_owned(),
        after: std::time::Duration::ZERO,
    };
    assert_eq!(CodexError::from(refused).outcome(), Outcome::Unknown);
    assert_eq!(
        CodexError::from(drawbridge_codex::CallError::Closed).outcome(),
        Outcome::Unknown
    );
    assert_eq!(CodexError::Answer.outcome(), Outcome::Unknown);
    assert_eq!(CodexError::Overruled.outcome(), Outcome::Overruled);
}

#[test]
fn what_a_bus_is_told_fits_and_says_what_it_leaves_out() {
    let mut many: Vec<Skill> = (0..2000)
        .map(|n| skill(&format!("/s/{n:04}"), &"0".repeat(64)))
        .collect();
    many[0].problems.push(drawbridge_skills::Problem {
        severity: drawbridge_skills::Severity::Error,
        code: "x",
        path: "/s".into(),
        line: None,
        column: None,
        message: "m".to_owned(),
    });
    for skill in &mut many[1..500] {
        skill.name = format!("{}{}", "\u{1}".repeat(60), skill.name);
    }
    let roots = vec![root("/codex/skills", RootKind::CodexHome, None, many)];
    let mut skills = Skills::new(places());
    skills.found(found(roots, Vec::new()), &[], NOW);
    // Of projects only what remote clients see.
    let of = |folder: &str| root("/r", RootKind::Folder, Some(folder), vec![skill("/r/mine", "1")]);
    let mut other = Skills::new(places());
    other.found(found(vec![of("/work/sub")], Vec::new()), &[], NOW);
    assert_eq!(other.names(&["/work".into()]).skills.len(), 1);
    assert_eq!(other.names(&["/other".into()]).skills.len(), 0);
    // Nothing is made up while Codex did not say.
    let known = |skills: &Skills| skills.names(&["/work".into()]).skills[0].enabled;
    let mut asked = Skills::new(places());
    let mine = root(
        "/work/.agents/skills",
        RootKind::Folder,
        Some("/work"),
        vec![skill("/work/.agents/skills/a", "1")],
    );
    let ask = asked.found(found(vec![mine], Vec::new()), &[], NOW);
    assert_eq!(known(&asked), None);
    for enabled in [true, false] {
        asked.listed(&ask, Ok(listed(enabled)), &[]);
        assert_eq!(known(&asked), Some(enabled));
    }
    asked.codex_is_gone();
    assert_eq!(known(&asked), None);
    let names = skills.names(&[]);
    assert!(names.skills.len() > 50 && names.left_out > 0);
    assert_eq!(
        names.skills.len() + names.left_out as usize,
        1999,
        "one cannot be used"
    );
    let message = drawbridge_wire::link::FromHost::Skills(names);
    let bytes = serde_json::to_string(&message).unwrap().len();
    assert!(bytes < drawbridge_wire::link::MAX_LINK_MESSAGE, "{bytes}");
}
