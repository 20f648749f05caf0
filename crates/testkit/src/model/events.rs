//! A step as the server-sent events that codex reads.

use super::step::Step;
use super::stream::{Beat, Ids, Stream};
use serde_json::{Value, json};
use std::time::Duration;

/// Everything that follows a request which is not refused. ([`Step::Fail`] never gets here: a refusal has
/// no stream.)
pub(super) fn beats(step: &Step, ids: &Ids) -> Vec<Beat> {
    let mut stream = Stream::begin(ids);
    match step {
        Step::Say(text) => stream.text(text.split(' ').map(|word| format!("{word} ")), Duration::ZERO),
        Step::Stream { deltas, pause } => stream.text((0..*deltas).map(|n| format!("tok{n} ")), *pause),
        Step::Sleep { pause, text } => {
            stream.flush();
            stream.beats.push(Beat::Wait(*pause));
            stream.text(std::iter::once(text.clone()), Duration::ZERO);
        }
        Step::Run(command) => stream.calls(&[stream.command(&json!({"cmd": command}))]),
        Step::RunSlow(command) => {
            stream.calls(&[stream.command(&json!({"cmd": command, "yield_time_ms": 1000}))]);
        }
        Step::Escalated(command) => {
            let arguments = json!({
                "cmd": command,
                "sandbox_permissions": "require_escalated",
                "justification": "The script asks for this command outside the sandbox.",
            });
            stream.calls(&[stream.command(&arguments)]);
        }
        Step::Parallel(commands) => {
            let calls: Vec<Value> = commands
                .iter()
                .map(|command| stream.command(&json!({"cmd": command})))
                .collect();
            stream.calls(&calls);
        }
        Step::Patch { path, content } => {
            let lines: String = content.split('\n').map(|line| format!("+{line}\n")).collect();
            stream.calls(&[stream.patch(&format!("*** Add File: {path}\n{lines}"))]);
        }
        Step::Update { path, old, new } => {
            stream.calls(&[stream.patch(&format!("*** Update File: {path}\n@@\n-{old}\n+{new}\n"))]);
        }
        Step::Delete(path) => stream.calls(&[stream.patch(&format!("*** Delete File: {path}\n"))]),
        Step::Call {
            namespace,
            name,
            arguments,
        } => {
            stream.calls(&[stream.function(namespace.as_deref(), name, arguments)]);
        }
        Step::Custom { name, input } => stream.calls(&[stream.custom(name, input)]),
        Step::Hang => stream.end_with(Beat::Hang),
        Step::Fail(_) => {}
        Step::FailStream(code) => {
            let error = json!({"code": code, "message": "the script says: fail"});
            stream.event(
                "response.failed",
                json!({"response": {"id": stream.id, "status": "failed", "error": error}}),
            );
        }
        Step::Drop => {
            stream.open_text();
            (0..3).for_each(|n| stream.delta(&format!("lost{n} ")));
            stream.end_with(Beat::Cut);
        }
    }
    stream.flush();
    stream.beats
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(beats: &[Beat]) -> Vec<Value> {
        let mut text = String::new();
        for beat in beats {
            if let Beat::Send(bytes) = beat {
                text.push_str(std::str::from_utf8(bytes).unwrap());
            }
        }
        let mut events = Vec::new();
        for event in text.split_terminator("\n\n") {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
            events.push(data);
        }
        events
    }

    fn kinds(events: &[Value]) -> Vec<&str> {
        events
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect()
    }

    #[test]
    fn a_text_is_a_complete_answer() {
        let events = events(&beats(&Step::Say("a\nb c".into()), &Ids::new()));
        let deltas: String = events
            .iter()
            .filter_map(|event| event["delta"].as_str())
            .collect();
        assert_eq!(deltas, "a\nb c ");
        assert_eq!(
            kinds(&events),
            [
                "response.created",
                "response.output_item.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_item.done",
                "response.completed",
            ]
        );
        assert_eq!(events[5]["response"]["output"][0]["content"][0]["text"], deltas);
        assert_eq!(events[0]["response"]["id"], events[5]["response"]["id"]);
    }

    #[test]
    fn parallel_calls_share_one_answer_and_no_id() {
        let events = events(&beats(&Step::Parallel(vec!["a".into(), "b".into()]), &Ids::new()));
        let output = events.last().unwrap()["response"]["output"].as_array().unwrap();
        assert_eq!(output.len(), 2);
        assert_ne!(output[0]["call_id"], output[1]["call_id"]);
        assert_eq!(output[1]["arguments"], r#"{"cmd":"b"}"#);
    }

    #[test]
    fn a_stream_pauses_after_each_delta_only_when_told() {
        let pause = Duration::from_millis(5);
        let slow = beats(&Step::Stream { deltas: 3, pause }, &Ids::new());
        assert_eq!(slow.iter().filter(|beat| **beat == Beat::Wait(pause)).count(), 3);
        let fast = beats(
            &Step::Stream {
                deltas: 1000,
                pause: Duration::ZERO,
            },
            &Ids::new(),
        );
        assert!(fast.len() < 20 && fast.iter().all(|beat| matches!(beat, Beat::Send(_))));
        assert_eq!(events(&fast).len(), 1004);
    }

    #[test]
    fn broken_answers_never_complete() {
        for (step, last) in [
            (Step::Hang, Some(Beat::Hang)),
            (Step::Drop, Some(Beat::Cut)),
            (Step::FailStream("x".into()), None),
        ] {
            let mut beats = beats(&step, &Ids::new());
            assert!(
                !kinds(&events(&beats)).contains(&"response.completed"),
                "{step:?}"
            );
            if last.is_some() {
                assert_eq!(beats.pop(), last);
            }
        }
    }
}
