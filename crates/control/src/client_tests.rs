//! Frames, whatever is in them.

use super::*;
use drawbridge_wire::control::Change;
use proptest::prelude::*;
use serde_json::json;

fn rejected(frame: &Value) -> (String, String) {
    match parse(&frame.to_string()) {
        Ok(Incoming::Answer(_, Err(ControlError::Rejected { code, message }))) => (code, message),
        Ok(_) => panic!("{frame} is no rejection"),
        Err(error) => panic!("{frame}: {error}"),
    }
}

#[test]
fn an_answer_is_a_result_or_an_error_with_its_code() {
    let Ok(Incoming::Answer(7, Ok(result))) = parse(r#"{"id":7,"result":{"a":1}}"#) else {
        panic!("an answer");
    };
    assert_eq!(result, json!({"a": 1}));
    let Ok(Incoming::Answer(8, Ok(Value::Null))) = parse(r#"{"id":8}"#) else {
        panic!("an answer that says nothing is one");
    };
    let error = json!({"code": -32000, "message": "words", "data": {"code": "changed"}});
    assert_eq!(
        rejected(&json!({"id": 1, "error": error})),
        ("changed".into(), "words".into())
    );
    assert_eq!(
        rejected(&json!({"id": 1, "result": 5, "error": {"message": "words"}})),
        ("unknown".into(), "words".into()),
        "an error counts"
    );
}

#[test]
fn a_change_is_read_strictly() {
    let gone = json!({"method": "delta", "params": {"seq": 3, "change": {"thread_closed": {"id": "T"}}}});
    let Ok(Incoming::Change(delta)) = parse(&gone.to_string()) else {
        panic!("a change");
    };
    assert_eq!(
        (delta.seq, delta.change),
        (3, Change::ThreadClosed { id: "T".into() })
    );
    for frame in [
        json!({"method": "delta", "params": {"seq": 3, "change": {"thread_closed": {"id": "T", "x": 1}}}}),
        json!({"method": "delta", "params": {"seq": -1, "change": {"thread_closed": {"id": "T"}}}}),
        json!({"method": "unheard/of", "params": {}}),
        json!({"id": 1, "method": "delta"}),
        json!({"id": -1, "result": 1}),
        json!({"id": "1", "result": 1}),
        json!({}),
        json!([1]),
        json!("x"),
    ] {
        let error = parse(&frame.to_string())
            .err()
            .map(|error| error.code().to_owned());
        assert_eq!(error.as_deref(), Some("not_understood"), "{frame}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = parse(&text);
        let _ = refusal(text.as_bytes());
    }

    #[test]
    fn any_frame_of_these_members_is_read_or_refused(
        id in prop_oneof![Just(json!(null)), any::<u64>().prop_map(|n| json!(n)), any::<String>().prop_map(|s| json!(s))],
        method in prop_oneof![Just(json!(null)), Just(json!("delta")), any::<String>().prop_map(|s| json!(s))],
        seq in any::<i64>(),
        what in "[a-z_]{0,14}",
        error in any::<bool>(),
    ) {
        let params = json!({"seq": seq, "change": {what.as_str(): {"id": what}}});
        let mut frame = json!({"id": id, "method": method, "params": params, "result": 1});
        if error {
            frame["error"] = json!({"message": what, "data": {"code": what}});
        }
        match parse(&frame.to_string()) {
            Ok(Incoming::Answer(number, _)) => prop_assert_eq!(json!(number), id),
            Ok(Incoming::Change(delta)) => prop_assert_eq!(i64::try_from(delta.seq).ok(), Some(seq)),
            Err(error) => prop_assert_eq!(error.code(), "not_understood"),
        }
    }

    #[test]
    fn what_a_host_that_refuses_says_is_shown_harmlessly(message in any::<String>(), code in any::<String>()) {
        let body = json!({"error": {"message": message, "code": code}}).to_string();
        let said = refusal(body.as_bytes());
        prop_assert!(said.is_some_and(|said| !said.chars().any(char::is_control)));
    }
}
