//! What Codex is asked of skills, and what is shown of its word.

use super::*;
use crate::event::SkillsEvent;
use drawbridge_skills::coalesce::Pace;
use drawbridge_skills::{Found, Root, RootKind, RootState, ScannedRoot, Skill, Watching};
use drawbridge_wire::skills::{CodexSkills, SetSkill};
use tokio::time::Instant;

const FILE: &str = "/s/a/SKILL.md";

/// One skill.
fn found() -> Event {
    let skill = Skill {
        name: "a".to_owned(),
        description: "d".to_owned(),
        path: FILE.into(),
        real: FILE.into(),
        size: 1,
        hash: Some("h".to_owned()),
        changed_ms: None,
        problems: Vec::new(),
    };
    let root = ScannedRoot {
        root: Root {
            path: "/s".into(),
            kind: RootKind::CodexHome,
            folder: None,
        },
        state: RootState::Present,
        above: true,
        folder: None,
        real: Some("/s".into()),
        skills: vec![skill],
        problems: Vec::new(),
        folders: Vec::new(),
    };
    Event::Skills(SkillsEvent::Found(Box::new(Found {
        roots: vec![root],
        instructions: Vec::new(),
        changes: Vec::new(),
        switches: false,
        watching: Watching::Watched,
        asked: None,
    })))
}

/// What Codex lists when it was asked this.
fn list(asked: &Asked, enabled: bool) -> Value {
    let skill = json!({ "name": "a", "path": FILE, "enabled": enabled });
    let cwds = asked.params["cwds"].as_array().unwrap();
    let of = |cwd: &Value| json!({ "cwd": cwd, "skills": [skill], "errors": [] });
    json!({ "data": cwds.iter().map(of).collect::<Vec<_>>() })
}

/// Whether the skill is used, as it is shown in each telling.
fn shown(changes: &[Change]) -> Vec<Option<bool>> {
    let all = changes.iter().filter_map(|change| match change {
        Change::Skills(view) => view.skills.first(),
        Change::SkillsPart(delta) => delta.skills.first(),
        _ => None,
    });
    all.map(|skill| skill.enabled).collect()
}

/// Whether these tell that Codex's list is fresh, at the end.
fn is_fresh(change: &Change) -> bool {
    match change {
        Change::Skills(view) => view.codex == CodexSkills::Fresh,
        Change::SkillsPart(delta) => delta.rest.codex == CodexSkills::Fresh,
        _ => false,
    }
}

fn skills_changed() -> Event {
    Event::Agent(AgentEvent::Notification {
        generation: 1,
        method: "skills/changed".to_owned(),
        params: json!({}),
    })
}

/// Of a skill that Codex is listing, which it uses and shall use no more.
async fn switched_while_it_is_listed() -> (House, Asked, oneshot::Receiver<ControlReply>) {
    let mut house = House::new().await;
    let first = house.asked("skills/list").await;
    house.play(found());
    let used = list(&first, true);
    house.answer(&first, used).await;
    // A root that is new to us makes Codex read again.
    let told = house.asked("skills/extraRoots/set").await;
    house.answer(&told, json!({})).await;
    let again = house.asked("skills/list").await;
    let used = list(&again, true);
    house.answer(&again, used).await;
    house.changes_until(is_fresh).await;
    assert_eq!(house.view().await.skills.skills[0].enabled, Some(true));
    // Whatever waited for a moment is over.
    assert!(house.asked_within(LATE).await.is_none());
    // Another client did something: it is asked once more, and in between it is switched.
    house.play(skills_changed());
    let listing = house.asked("skills/list").await;
    let switch = SetSkill {
        path: FILE.into(),
        enabled: false,
    };
    let done = house.ask(Request::SetSkill(switch));
    let write = house.asked("skills/config/write").await;
    house.answer(&write, json!({ "effectiveEnabled": false })).await;
    let reload = house.asked("config/batchWrite").await;
    house.changes();
    house.answer(&reload, json!({})).await;
    (house, listing, done)
}

// proves S5.32: a switch that is shown stays
#[tokio::test(start_paused = true)]
async fn a_list_that_was_asked_for_before_a_switch_does_not_take_it_back() {
    let (mut house, listing, done) = switched_while_it_is_listed().await;
    let off = |change: &Change| shown(std::slice::from_ref(change)) == [Some(false)];
    let before = Instant::now();
    house.changes_until(off).await;
    assert!(
        before.elapsed() < Duration::from_secs(1),
        "however long the list takes"
    );
    // Of a moment in which it was used.
    let before = list(&listing, true);
    house.answer(&listing, before).await;
    let after = house.asked("skills/list").await;
    assert_eq!(shown(&house.changes()), [], "and nothing is told of it");
    assert_eq!(house.view().await.skills.skills[0].enabled, Some(false));
    // Neither does it count as switched by another program, of which live threads would have to be told.
    let now = list(&after, false);
    house.answer(&after, now).await;
    assert!(house.asked_within(LATE).await.is_none());
    assert!(matches!(done.await.unwrap(), ControlReply::Done));
    assert_eq!(shown(&house.changes()), []);
    // What is asked after it is believed: another program has it used again.
    house.play(skills_changed());
    let later = house.asked("skills/list").await;
    let on = list(&later, true);
    house.answer(&later, on).await;
    house.asked("config/batchWrite").await;
    // That live threads are told so takes Codex long: what is known is shown all the same.
    assert!(house.asked_within(Duration::from_millis(300)).await.is_none());
    assert_eq!(house.hub.skills.view().skills[0].enabled, Some(true));
}

// proves S5.32
#[tokio::test(start_paused = true)]
async fn of_two_switches_the_later_one_is_shown_whichever_is_answered_first() {
    let (mut house, listing, _done) = switched_while_it_is_listed().await;
    let used = list(&listing, true);
    house.answer(&listing, used).await;
    let after = house.asked("skills/list").await;
    let now = list(&after, false);
    house.answer(&after, now).await;
    assert!(house.asked_within(LATE).await.is_none());
    let mut writes = Vec::new();
    for enabled in [true, false] {
        let path = FILE.into();
        let done = house.ask(Request::SetSkill(SetSkill { path, enabled }));
        let write = house.asked("skills/config/write").await;
        assert_eq!(write.params["enabled"], enabled);
        writes.push((write, enabled, done));
    }
    house.changes();
    for (write, enabled, _) in writes.iter().rev() {
        house.answer(write, json!({ "effectiveEnabled": enabled })).await;
        let reload = house.asked("config/batchWrite").await;
        house.answer(&reload, json!({})).await;
        // Its end is known when the list is asked for.
        let listing = house.asked("skills/list").await;
        assert_eq!(house.hub.skills.view().skills[0].enabled, Some(false));
        let now = list(&listing, false);
        house.answer(&listing, now).await;
        // The other one is waited for a while.
        assert!(house.asked_within(Duration::from_secs(1)).await.is_none());
    }
    assert!(!shown(&house.changes()).contains(&Some(true)));
}

// proves S5.32: by design, on whatever computer; what the real one needs besides `cargo xtask bench skills` measures
#[tokio::test(start_paused = true)]
async fn a_change_is_shown_within_a_second_whatever_codex_does() {
    // No event waits longer for a look: `no_event_is_lost_or_waits_long` in the crate of skills.
    let pace = Pace::default();
    let looked = pace.pauses.into_iter().fold(pace.at_most, Duration::max);
    // One that answers nothing.
    let mut house = House::new().await;
    house.asked("skills/list").await;
    house.changes();
    let before = Instant::now();
    house.play(found());
    let there = |change: &Change| !shown(std::slice::from_ref(change)).is_empty();
    house.changes_until(there).await;
    let whole = looked + before.elapsed();
    assert!(whole <= Duration::from_secs(1), "{whole:?}");
}

/// Refuses what is asked now, and answers after how many seconds it is asked again.
async fn refused(house: &mut House, asked: &Asked) -> (u64, Asked) {
    let before = Instant::now();
    house.refuse(asked).await;
    let again = house.asked("skills/list").await;
    (before.elapsed().as_secs(), again)
}

/// Refuses what is asked because something changed, which is a first failure, and answers what is asked next.
async fn first_refused(house: &mut House) -> Asked {
    house.play(skills_changed());
    let asked = house.asked("skills/list").await;
    let (pause, again) = refused(house, &asked).await;
    assert_eq!(pause, 5);
    again
}

// proves S5.32: a Codex that was slow once is asked again, by the clock of the loop
#[tokio::test(start_paused = true)]
async fn what_codex_did_not_answer_is_asked_again_after_5_s_and_ever_more_slowly() {
    let mut house = House::new().await;
    let mut asked = house.asked("skills/list").await;
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let (pause, again) = refused(&mut house, &asked).await;
        assert_eq!(again.params, asked.params);
        assert!(matches!(
            house.view().await.skills.codex,
            CodexSkills::Failed { .. }
        ));
        pauses.push(pause);
        asked = again;
    }
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60]);
    // It answers: nobody asks any more.
    let listed = list(&asked, true);
    house.answer(&asked, listed).await;
    assert!(house.asked_within(LATE).await.is_none());
    assert_eq!(house.view().await.skills.codex, CodexSkills::Fresh);
    // The next failure is a first one.
    let asked = first_refused(&mut house).await;
    // Asked for another reason while it waits: that question takes its place, and only one timer counts.
    house.refuse(&asked).await;
    assert!(house.asked_within(Duration::from_secs(2)).await.is_none());
    let asked = first_refused(&mut house).await;
    // Without a Codex that could answer nobody wakes for it.
    house.refuse(&asked).await;
    assert!(house.asked_within(Duration::from_secs(2)).await.is_none());
    house.play(Event::Agent(AgentEvent::Ended {
        generation: 1,
        retry_in_ms: 1,
        code: "ended",
        message: String::new(),
        expected: false,
    }));
    assert!(house.asked_within(LATE).await.is_none());
    assert_eq!(house.view().await.skills.codex, CodexSkills::Unknown);
}
