//! The rules of the dialog. Proves S0.14 in part: an answer counts only for the card on display.

use super::{Dialog, LOOK_FIRST, Refused, SAYS_ENDED};
use crate::controller::CLIENT;
use drawbridge_testkit::fake_host::quiet;
use drawbridge_wire::control::{
    ApprovalKind, ApprovalState, ApprovalView, Choice, HostView, Part, ThreadView,
};
use drawbridge_wire::{AnswerSource, Decision, NetworkAction, NetworkRule, WhoMayAnswer};
use serde_json::{Map, json};

fn approval(id: &str) -> ApprovalView {
    let choices = [Decision::Accept, Decision::Decline].map(|decision| Choice {
        label: decision.word().to_owned(),
        decision,
    });
    ApprovalView {
        id: id.into(),
        kind: ApprovalKind::Command,
        thread: Some("T".into()),
        turn: None,
        origin: "bus.example:443/editor".into(),
        cwd: None,
        headline: "Run a command".into(),
        body: format!("run {id}"),
        parts: vec![Part::Say {
            text: format!("run {id}"),
        }],
        form: None,
        digest: format!("digest of {id}"),
        choices: choices.into(),
        raised_at_ms: 1,
        deadline_ms: 2,
        state: ApprovalState::Open,
        outcome: None,
    }
}

fn host(approvals: Vec<ApprovalView>) -> HostView {
    HostView {
        threads: vec![ThreadView {
            id: "T".into(),
            title: Some("Fix\nit".into()),
            cwd: Some("/src/shop".into()),
            status: "active".into(),
            turn: None,
            wide: false,
            approval_policy: None,
            sandbox: None,
            origin: "local".into(),
        }],
        approvals,
        ..quiet("/d".as_ref())
    }
}

/// A dialog and its clock.
struct World {
    dialog: Dialog,
    host: HostView,
    now: u64,
    nonces: u32,
}

impl World {
    fn new(ids: &[&str]) -> Self {
        let mut world = Self {
            dialog: Dialog::default(),
            host: host(ids.iter().map(|id| approval(id)).collect()),
            now: 10_000,
            nonces: 0,
        };
        world.dialog.opened();
        world.follow();
        world
    }

    fn follow(&mut self) -> bool {
        let nonces = &mut self.nonces;
        self.dialog.follow(Some(&self.host), self.now, || {
            *nonces += 1;
            format!("n{nonces}")
        })
    }

    fn step(&mut self, by: i32) {
        let nonces = &mut self.nonces;
        self.dialog.step(Some(&self.host), by, self.now, || {
            *nonces += 1;
            format!("n{nonces}")
        });
    }

    fn shown(&self) -> (String, String, usize, usize) {
        let card = self.dialog.card(Some(&self.host)).expect("a card");
        (card.view.id, card.nonce, card.position, card.count)
    }

    fn answer(&mut self, id: &str, nonce: &str, decision: Decision) -> Result<Decision, Refused> {
        let digest = format!("digest of {id}");
        self.dialog.answer(id, &digest, nonce, decision, None, self.now)
    }
}

fn shown(id: &str, nonce: &str, position: usize, count: usize) -> (String, String, usize, usize) {
    (id.into(), nonce.into(), position, count)
}

#[test]
fn an_answer_counts_once_for_the_card_on_display_after_a_look() {
    let mut world = World::new(&["1-0", "1-1"]);
    assert_eq!(world.shown(), shown("1-0", "n1", 1, 2));
    world.now += LOOK_FIRST - 1;
    assert_eq!(world.answer("1-0", "n1", Decision::Accept), Err(Refused::TooSoon));
    world.now += 1;
    for (id, nonce, decision, refused) in [
        ("1-1", "n1", Decision::Accept, Refused::NotOnDisplay),
        ("1-0", "", Decision::Accept, Refused::WrongNonce),
        ("1-0", "n2", Decision::Accept, Refused::WrongNonce),
        ("1-0", "n1", Decision::AcceptForSession, Refused::NotOffered),
        ("1-0", "n1", Decision::Cancel, Refused::NotOffered),
    ] {
        assert_eq!(world.answer(id, nonce, decision), Err(refused), "{id} {nonce}");
    }
    let other = world
        .dialog
        .answer("1-0", "another", "n1", Decision::Accept, None, world.now);
    assert_eq!(other, Err(Refused::NotOnDisplay));
    assert_eq!(world.answer("1-0", "n1", Decision::Accept), Ok(Decision::Accept));
    assert_eq!(
        world.answer("1-0", "n1", Decision::Accept),
        Err(Refused::WrongNonce)
    );
}

#[test]
fn a_card_that_changes_wants_another_look() {
    let mut world = World::new(&["1-0"]);
    world.now += LOOK_FIRST;
    world.host.approvals[0].digest = "digest of 1-0".into();
    world.host.approvals[0].parts = vec![Part::Say { text: "other".into() }];
    assert!(world.follow());
    assert_eq!(world.shown(), shown("1-0", "n2", 1, 1));
    assert_eq!(
        world.answer("1-0", "n1", Decision::Accept),
        Err(Refused::WrongNonce)
    );
    assert_eq!(world.answer("1-0", "n2", Decision::Accept), Err(Refused::TooSoon));
    world.now += LOOK_FIRST;
    assert_eq!(
        world.answer("1-0", "n2", Decision::Decline),
        Ok(Decision::Decline)
    );
    assert!(!world.follow(), "nothing changed since");
}

#[test]
fn another_one_that_waits_changes_nothing_on_the_card() {
    let mut world = World::new(&["1-0"]);
    world.now += LOOK_FIRST;
    world.host.approvals.push(approval("1-1"));
    assert!(!world.follow());
    assert_eq!(world.shown(), shown("1-0", "n1", 1, 2));
    assert_eq!(world.answer("1-0", "n1", Decision::Accept), Ok(Decision::Accept));
}

#[test]
fn turning_to_another_card_makes_a_new_nonce_and_goes_round() {
    let mut world = World::new(&["1-0", "1-1", "1-2"]);
    world.now += LOOK_FIRST;
    world.step(1);
    assert_eq!(world.shown(), shown("1-1", "n2", 2, 3));
    assert_eq!(world.answer("1-1", "n2", Decision::Accept), Err(Refused::TooSoon));
    world.step(-1);
    world.step(-1);
    assert_eq!(world.shown(), shown("1-2", "n4", 3, 3));
    world.step(1);
    assert_eq!(world.shown(), shown("1-0", "n5", 1, 3));
    world.step(i32::MAX);
    world.step(i32::MIN);
}

#[test]
fn answered_elsewhere_it_says_so_for_a_while_and_then_goes_on() {
    let mut world = World::new(&["1-0", "1-1"]);
    world.now += LOOK_FIRST;
    let by = AnswerSource::Remote {
        bus: "b".into(),
        client: "phone".into(),
    };
    world.host.approvals[0].state = ApprovalState::Applied {
        by,
        decision: Decision::Accept,
    };
    assert!(world.follow());
    assert_eq!(world.shown(), shown("1-0", "n1", 0, 1));
    assert_eq!(world.answer("1-0", "n1", Decision::Decline), Err(Refused::Over));
    let leaves = world.dialog.leaves_at().unwrap();
    assert_eq!(leaves, world.now + SAYS_ENDED);
    world.now = leaves - 1;
    assert!(!world.follow());
    world.now = leaves;
    assert!(world.follow());
    assert_eq!(world.shown(), shown("1-1", "n2", 1, 1));
}

#[test]
fn answered_here_the_next_one_comes_at_once() {
    let mut world = World::new(&["1-0", "1-1"]);
    let by = AnswerSource::Control {
        client: CLIENT.into(),
    };
    world.host.approvals[0].state = ApprovalState::Sent {
        by,
        decision: Decision::Accept,
    };
    assert!(world.follow());
    assert_eq!(world.shown(), shown("1-1", "n2", 1, 1));
}

#[test]
fn without_a_host_the_card_is_lost_and_without_a_window_nothing_is_on_display() {
    let mut world = World::new(&["1-0"]);
    world.now += LOOK_FIRST;
    assert!(world.dialog.follow(None, world.now, String::new));
    let card = world.dialog.card(None).unwrap();
    assert_eq!(card.view.state, ApprovalState::Lost);
    assert_eq!(world.answer("1-0", "n1", Decision::Accept), Err(Refused::Over));
    world.now += SAYS_ENDED;
    assert!(world.dialog.follow(None, world.now, String::new));
    assert_eq!(world.dialog.card(None), None);

    let mut world = World::new(&["1-0"]);
    world.now += LOOK_FIRST;
    world.dialog.closed();
    assert!(!world.follow());
    assert_eq!(
        world.answer("1-0", "n1", Decision::Accept),
        Err(Refused::NotOnDisplay)
    );
}

#[test]
fn an_answer_the_host_did_not_take_may_be_given_again_after_a_look() {
    let mut world = World::new(&["1-0"]);
    world.now += LOOK_FIRST;
    world.answer("1-0", "n1", Decision::Accept).unwrap();
    world.dialog.not_taken("1-0", world.now, "again".into());
    assert_eq!(
        world.answer("1-0", "n1", Decision::Accept),
        Err(Refused::WrongNonce)
    );
    assert_eq!(
        world.answer("1-0", "again", Decision::Accept),
        Err(Refused::TooSoon)
    );
    world.now += LOOK_FIRST;
    assert_eq!(
        world.answer("1-0", "again", Decision::Accept),
        Ok(Decision::Accept)
    );
}

#[test]
fn a_rule_for_another_host_than_the_one_on_display_is_not_offered() {
    let rule = |host: &str| {
        let (action, host) = (NetworkAction::Allow, host.to_owned());
        Decision::ApplyNetworkRule(NetworkRule { action, host })
    };
    let mut world = World::new(&["1-0"]);
    world.host.approvals[0].choices[0].decision = rule("a.example");
    world.follow();
    world.now += LOOK_FIRST;
    let nonce = world.shown().1;
    assert_eq!(
        world.answer("1-0", &nonce, rule("b.example")),
        Err(Refused::NotOffered)
    );
    assert_eq!(
        world.answer("1-0", &nonce, rule("a.example")),
        Ok(rule("a.example"))
    );
}

#[test]
fn replies_fill_an_empty_answer() {
    let mut world = World::new(&["1-0"]);
    world.host.approvals[0].choices[0].decision = Decision::Answers(Map::new());
    world.follow();
    world.now += LOOK_FIRST;
    let replies: Map<_, _> = json!({"q": ["a"]}).as_object().unwrap().clone();
    let nonce = world.shown().1;
    let answer = world.dialog.answer(
        "1-0",
        "digest of 1-0",
        &nonce,
        Decision::Answers(Map::new()),
        Some(replies.clone()),
        world.now,
    );
    assert_eq!(answer, Ok(Decision::Answers(replies)));
}

#[test]
fn the_card_says_who_asks_and_carries_its_parts_once() {
    let world = World::new(&["1-0"]);
    let card = world.dialog.card(Some(&world.host)).unwrap();
    assert_eq!(card.parts, approval("1-0").parts);
    assert!(card.view.parts.is_empty());
    assert_eq!(card.asks.bus.as_deref(), Some("bus.example:443"));
    assert_eq!(card.asks.client.as_deref(), Some("editor"));
    assert_eq!(card.asks.folder.as_deref(), Some("/src/shop"));
    let title = card.asks.thread_title.unwrap();
    assert!(title.starts_with("Fix") && !title.contains('\n'), "{title:?}");
}

#[test]
fn where_only_remotes_answer_nothing_is_asked_here() {
    let mut world = World::new(&[]);
    world.host.policy.answer = WhoMayAnswer::Remote;
    world.host.approvals.push(approval("1-0"));
    assert!(!world.follow());
    assert_eq!(world.dialog.card(Some(&world.host)), None);
}

/// The clock of a computer may be set, also far back, while a card stands.
#[test]
fn a_clock_that_is_set_back_keeps_nobody_from_answering() {
    let mut world = World::new(&["1-0"]);
    world.now = 1_000;
    assert_eq!(
        world.answer("1-0", "n1", Decision::Decline),
        Err(Refused::TooSoon)
    );
    world.now += LOOK_FIRST;
    assert_eq!(
        world.answer("1-0", "n1", Decision::Decline),
        Ok(Decision::Decline)
    );
}

#[test]
fn a_clock_that_is_set_back_keeps_no_card_that_is_over() {
    let mut world = World::new(&["1-0", "1-1"]);
    world.host.approvals[0].state = ApprovalState::Superseded;
    world.follow();
    world.now = 1_000;
    world.follow();
    assert!(
        world
            .dialog
            .leaves_at()
            .is_some_and(|at| at <= world.now + SAYS_ENDED)
    );
    world.now += SAYS_ENDED;
    world.follow();
    assert_eq!(world.shown().0, "1-1");
}

#[test]
fn without_randomness_no_answer_counts() {
    let mut dialog = Dialog::default();
    dialog.opened();
    dialog.follow(Some(&host(vec![approval("1-0")])), 10_000, String::new);
    let answer = dialog.answer("1-0", "digest of 1-0", "", Decision::Accept, None, 20_000);
    assert_eq!(answer, Err(Refused::WrongNonce));
}
