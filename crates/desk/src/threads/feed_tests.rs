use super::*;
use serde_json::{Value, json};

fn item(id: &str, kind: &str, text: &str) -> ThreadItem {
    ThreadItem::of(json!({"id": id, "type": kind, "text": text})).unwrap()
}

fn turn(status: &str) -> TurnState {
    TurnState {
        id: "u".into(),
        status: status.into(),
    }
}

fn delta(id: &str, text: &str) -> Told {
    Told::Delta(id.into(), "agentMessage", text.into())
}

/// A feed in a window, with these items complete.
fn followed(items: Vec<ThreadItem>) -> Feed {
    let mut feed = Feed {
        followed: true,
        ..Feed::default()
    };
    feed.ask();
    feed.take(Taken {
        items,
        ..Taken::default()
    });
    feed
}

fn told(feed: &mut Feed) -> Value {
    let event = feed.event("T").map(|event| event.changes);
    serde_json::to_value(event).unwrap()
}

#[test]
fn deltas_of_a_frame_are_one_change_and_a_whole_item_takes_the_place_of_its_deltas() {
    let mut feed = followed(Vec::new());
    feed.hear(Told::Turn(turn("inProgress")), 1);
    feed.hear(Told::Running(item("m", "agentMessage", "")), 1);
    for piece in ["a", "b", "c"] {
        feed.hear(delta("m", piece), 1);
    }
    assert_eq!(
        told(&mut feed),
        json!([
            {"item": {"id": "m", "type": "agentMessage", "text": ""}},
            {"delta": {"itemId": "m", "text": "abc"}},
            {"turn": {"id": "u", "status": "inProgress"}},
        ])
    );
    assert_eq!(told(&mut feed), Value::Null, "everything once");
    feed.hear(delta("m", "d"), 1);
    feed.hear(Told::Complete(item("m", "agentMessage", "abcd")), 1);
    feed.hear(Told::Turn(turn("completed")), 1);
    assert_eq!(
        told(&mut feed),
        json!([
            {"item": {"id": "m", "type": "agentMessage", "text": "abcd"}},
            {"turn": {"id": "u", "status": "completed"}},
        ])
    );
    assert_eq!(feed.turn(), None);
}

#[test]
fn events_are_numbered_and_a_thread_says_which_it_contains() {
    let mut feed = followed(Vec::new());
    let number = |feed: &mut Feed, piece: &str| {
        feed.hear(delta("m", piece), 1);
        feed.event("T").unwrap().seq
    };
    assert_eq!((number(&mut feed, "a"), number(&mut feed, "b")), (1, 2));
    feed.hear(delta("m", "c"), 1);
    feed.ask();
    let whole = feed.take(Taken::default());
    assert_eq!(whole.seq, 2);
    assert_eq!(
        whole.items[0].text("text"),
        "abc",
        "what waited is in it, and told no more"
    );
    assert_eq!(told(&mut feed), Value::Null);
    assert_eq!(number(&mut feed, "d"), 3);
}

#[test]
fn what_happens_while_a_thread_is_asked_for_is_neither_lost_nor_told_twice() {
    let mut feed = Feed {
        followed: true,
        ..Feed::default()
    };
    feed.ask();
    feed.hear(Told::Turn(turn("inProgress")), 1);
    feed.hear(Told::Running(item("cmd", "commandExecution", "")), 1);
    feed.hear(Told::Complete(item("cmd", "commandExecution", "")), 1);
    feed.hear(Told::Complete(item("early", "agentMessage", "whole")), 1);
    feed.hear(Told::Running(item("now", "agentMessage", "")), 1);
    feed.hear(delta("now", "so far"), 1);
    let whole = feed.take(Taken {
        items: vec![
            item("old", "userMessage", "hi"),
            item("early", "agentMessage", "whole"),
        ],
        turn: Some(turn("completed")),
        ..Taken::default()
    });
    let ids: Vec<(&str, &str)> = whole
        .items
        .iter()
        .map(|item| (item.id(), item.text("text")))
        .collect();
    assert_eq!(
        ids,
        [("old", "hi"), ("early", "whole"), ("cmd", ""), ("now", "so far")]
    );
    assert_eq!(
        whole.turn,
        Some(turn("inProgress")),
        "the news is newer than the answer"
    );
    // News that was under way when the thread was taken, of an item that it has whole.
    feed.hear(Told::Running(item("early", "agentMessage", "")), 1);
    feed.hear(delta("early", "who"), 1);
    assert_eq!(told(&mut feed), Value::Null);
    feed.hear(delta("now", " and on"), 1);
    assert_eq!(
        told(&mut feed),
        json!([{"delta": {"itemId": "now", "text": " and on"}}])
    );
}

#[test]
fn the_agent_may_go_away_and_the_thread_comes_back_whole() {
    let mut feed = followed(vec![item("a", "userMessage", "hi")]);
    feed.hear(Told::Running(item("m", "agentMessage", "")), 1);
    feed.event("T");
    feed.lost();
    feed.away(Away::new("agent_restarted", "words"));
    assert_eq!(
        told(&mut feed),
        json!([{"away": {"code": "agent_restarted", "message": "words"}}])
    );
    feed.ask();
    feed.take_again(Taken {
        items: vec![item("a", "userMessage", "hi")],
        turn: Some(turn("interrupted")),
        ..Taken::default()
    });
    feed.hear(delta("n", "new"), 1);
    let changes = told(&mut feed);
    let reset = json!([{"id": "a", "type": "userMessage", "text": "hi"}]);
    assert_eq!(changes[0]["reset"]["items"], reset, "no message that broke off");
    assert_eq!(changes[1]["item"]["id"], "n");
}

#[test]
fn an_item_that_began_before_shows_what_comes_and_is_whole_in_the_end() {
    let mut feed = followed(Vec::new());
    feed.hear(Told::Delta("c".into(), "commandExecution", "tail ".into()), 1);
    feed.hear(Told::Delta("c".into(), "commandExecution", "more".into()), 1);
    assert_eq!(
        told(&mut feed),
        json!([
            {"item": {"id": "c", "type": "commandExecution", "aggregatedOutput": "tail "}},
            {"delta": {"itemId": "c", "text": "more"}},
        ])
    );
}

#[test]
fn what_a_file_change_becomes_and_what_the_agent_says_of_itself_is_told() {
    let mut feed = followed(Vec::new());
    let change = json!({"id": "f", "type": "fileChange", "changes": [1]});
    feed.hear(Told::Running(ThreadItem::of(change).unwrap()), 1);
    feed.hear(Told::Patch("f".into(), json!([1, 2])), 1);
    feed.hear(Told::Notice("error", "no quota".into()), 1);
    feed.hear(Told::Tokens(7), 1);
    assert_eq!(
        told(&mut feed),
        json!([
            {"item": {"id": "f", "type": "fileChange", "changes": [1, 2]}},
            {"item": {"id": "error:1", "type": "error", "message": "no quota"}},
            {"about": {"model": null, "branch": null, "tokens": 7}},
        ])
    );
}

/// The line to the windows' process has an end.
#[test]
fn what_a_window_takes_is_bounded_with_all_that_runs() {
    let mut feed = Feed {
        followed: true,
        ..Feed::default()
    };
    let piece = "\u{0}".repeat(1024 * 1024);
    for id in ["a", "b", "c", "d"] {
        let command = json!({"id": id, "type": "commandExecution"});
        feed.hear(Told::Running(ThreadItem::of(command).unwrap()), 1);
        for _ in 0..4 {
            feed.hear(
                Told::Delta(id.into(), "commandExecution", piece.clone()),
                piece.len(),
            );
        }
    }
    assert!(
        feed.bytes() >= 4 * 4 * 6 * 1024 * 1024,
        "as it is written: {}",
        feed.bytes()
    );
    let whole = feed.take(Taken::default());
    assert!(whole.earlier);
    assert_eq!(whole.items.last().unwrap().id(), "d");
    let line = serde_json::to_string(&whole).unwrap();
    assert!(line.len() <= 20 * 1024 * 1024, "{}", line.len());
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut feed = Feed::default();
    for n in 0..2 * MOST_RUNNING {
        feed.hear(Told::Running(item(&n.to_string(), "agentMessage", "")), 1);
    }
    assert_eq!(feed.running.len(), MOST_RUNNING);
    let piece = "\u{e4}".repeat(64 * 1024);
    for _ in 0..64 {
        feed.hear(delta("long", &piece), piece.len());
    }
    let long = feed.running.iter().find(|item| item.id() == "long").unwrap();
    assert!(long.text("text").len() <= MOST_TEXT);
    assert_eq!(feed.bytes(), 0, "without a window nothing waits");
    assert!(!feed.has_news());
}
