//! Which step a request asks for.

use super::script::parse_script;
use super::step::Step;
use crate::Error;
use serde_json::Value;

/// Longest part of a tool output that the closing words repeat.
const QUOTE: usize = 200;

/// What a request is answered with.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// A step of the script.
    Play(Step),
    /// The script is over, or there was none.
    Text(String),
}

/// Finds the step: the script of the last user message, counted on by the tool outputs after it.
pub(super) fn answer(body: &Value) -> Result<Answer, Error> {
    let plain;
    let input: &[Value] = match body.get("input") {
        Some(Value::Array(items)) => items,
        Some(text @ Value::String(_)) => {
            plain = [serde_json::json!({"type": "message", "role": "user", "content": text})];
            &plain
        }
        _ => &[],
    };
    // From the end, so that a broken line in an older prompt does not spoil this one.
    let mut after = 0;
    let mut steps = Vec::new();
    for (index, item) in input.iter().enumerate().rev() {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or("message");
        if kind != "message" || item.get("role").and_then(Value::as_str) != Some("user") {
            continue;
        }
        let text = text_of(item);
        // codex wraps what it says itself in tags, such as <environment_context>.
        let wrapped = text.trim_start().starts_with('<');
        if wrapped && parse_script(&text).map_or(true, |found| found.is_empty()) {
            continue;
        }
        (steps, after) = (parse_script(&text)?, index + 1);
        break;
    }
    let outputs: Vec<&Value> = input.iter().skip(after).filter_map(output_of).collect();
    let mut done = outputs.len();
    for step in steps {
        let Some(left) = done.checked_sub(step.outputs()) else {
            return Ok(Answer::Play(step));
        };
        done = left;
    }
    Ok(Answer::Text(match outputs.last() {
        Some(output) => format!(
            "finished: {}",
            text_of_output(output).chars().take(QUOTE).collect::<String>()
        ),
        None => "nothing scripted".to_owned(),
    }))
}

/// The outputs of tools in a request, oldest first, as text.
pub(super) fn tool_outputs(body: &Value) -> Vec<String> {
    let items = body.get("input").and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(output_of)
        .map(text_of_output)
        .collect()
}

fn output_of(item: &Value) -> Option<&Value> {
    let kind = item.get("type")?.as_str()?;
    if kind.ends_with("_output") {
        item.get("output")
    } else {
        None
    }
}

fn text_of_output(output: &Value) -> String {
    output.as_str().map_or_else(|| output.to_string(), str::to_owned)
}

fn text_of(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part.get("text")?.as_str())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(text: &str) -> Value {
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    }

    fn output(text: &str) -> Value {
        json!({"type": "function_call_output", "call_id": "c", "output": text})
    }

    fn run(command: &str) -> Answer {
        Answer::Play(Step::Run(command.into()))
    }

    fn answered(input: &[Value]) -> Answer {
        answer(&json!({"input": input})).unwrap()
    }

    #[test]
    fn tool_outputs_lead_through_the_script() {
        let prompt = user("TWO: a ;; b\nRUN: c\nSAY: end");
        let two = Answer::Play(Step::Parallel(vec!["a".into(), "b".into()]));
        assert_eq!(answered(std::slice::from_ref(&prompt)), two);
        assert_eq!(answered(&[prompt.clone(), output("1")]), two);
        assert_eq!(answered(&[prompt.clone(), output("1"), output("2")]), run("c"));
        let all = [prompt, output("1"), output("2"), output("3")];
        assert_eq!(answered(&all), Answer::Play(Step::Say("end".into())));
    }

    #[test]
    fn only_the_last_prompt_counts_and_wrappers_are_none() {
        let turns = [
            user("RUN: old"),
            output("x"),
            user("RUN: new"),
            user("<environment_context>\n</environment_context>"),
        ];
        assert_eq!(answered(&turns), run("new"));
        assert_eq!(
            answered(&[user("RUN: old"), user("thanks")]),
            Answer::Text("nothing scripted".into())
        );
    }

    #[test]
    fn after_the_last_step_the_last_output_is_quoted() {
        let long = "é".repeat(500);
        let end = answered(&[user("RUN: a"), output(&long)]);
        assert_eq!(end, Answer::Text(format!("finished: {}", "é".repeat(QUOTE))));
    }

    #[test]
    fn odd_bodies_do_not_break_it() {
        for body in [
            json!(null),
            json!({"input": 3}),
            json!({"input": [1, {"role": "user"}, {"type": "x_output"}]}),
        ] {
            assert_eq!(
                answer(&body).unwrap(),
                Answer::Text("nothing scripted".into()),
                "{body}"
            );
        }
        assert_eq!(answer(&json!({"input": "RUN: a"})).unwrap(), run("a"));
        assert!(answer(&json!({"input": "RUN:"})).is_err());
    }

    #[test]
    fn a_broken_script_spoils_its_own_turn_only() {
        assert!(answer(&json!({"input": [user("RUN: a"), user("RUN:")]})).is_err());
        assert_eq!(answered(&[user("RUN:"), user("RUN: a")]), run("a"));
    }

    #[test]
    fn outputs_are_listed_as_text() {
        let body = json!({"input": [user("x"), output("1"), {"type": "custom_tool_call_output", "output": [{"text": "2"}]}]});
        assert_eq!(
            tool_outputs(&body),
            ["1".to_owned(), "[{\"text\":\"2\"}]".to_owned()]
        );
    }
}
