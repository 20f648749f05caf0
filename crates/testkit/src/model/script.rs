//! The words of a prompt that make a script.

use super::step::Step;
use crate::Error;
use std::time::Duration;

/// The steps in a prompt, line by line; all other lines are prose.
///
/// # Errors
/// [`Error::Script`] for a line that begins with one of the words and does not go on as it must.
pub fn parse_script(prompt: &str) -> Result<Vec<Step>, Error> {
    prompt
        .lines()
        .filter_map(|line| parse_line(line.trim()).transpose())
        .collect()
}

fn parse_line(line: &str) -> Result<Option<Step>, Error> {
    let end = line.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let wrong = |why| Error::Script {
        line: line.to_owned(),
        why,
    };
    if let Some(rest) = rest.strip_prefix(':') {
        return with_colon(word, rest.trim()).map_err(wrong);
    }
    // These stand alone or before one value. `HANGING` and `FAIL-safe` are prose.
    if rest.is_empty() || rest.starts_with(' ') {
        return bare(word, rest.trim()).map_err(wrong);
    }
    Ok(None)
}

fn bare(word: &str, rest: &str) -> Result<Option<Step>, &'static str> {
    Ok(Some(match word {
        "HANG" => Step::Hang,
        "DROP" => Step::Drop,
        "FAIL" if rest.is_empty() => Step::Fail(500),
        "FAIL" => match rest.parse() {
            Ok(status @ 400..=599) => Step::Fail(status),
            _ => return Err("FAIL takes an HTTP status from 400 to 599"),
        },
        "FAILSSE" => Step::FailStream(if rest.is_empty() { "server_error" } else { rest }.to_owned()),
        _ => return Ok(None),
    }))
}

fn with_colon(word: &str, rest: &str) -> Result<Option<Step>, &'static str> {
    let text = || rest.to_owned();
    let command = || {
        if rest.is_empty() {
            Err("a command is missing")
        } else {
            Ok(rest.to_owned())
        }
    };
    Ok(Some(match word {
        "SAY" => Step::Say(text()),
        "STREAM" => stream(rest)?,
        "RUN" => Step::Run(command()?),
        "RUNSLOW" => Step::RunSlow(command()?),
        "ESC" => Step::Escalated(command()?),
        "TWO" => {
            let commands: Vec<String> = rest
                .split(";;")
                .map(|command| command.trim().to_owned())
                .collect();
            if commands.len() < 2 || commands.iter().any(String::is_empty) {
                return Err("TWO takes commands with `;;` between them");
            }
            Step::Parallel(commands)
        }
        "PATCH" => {
            let (path, content) = rest.split_once('|').ok_or("PATCH takes `path|content`")?;
            Step::Patch {
                path: path.to_owned(),
                content: content.replace("\\n", "\n"),
            }
        }
        "UPDATE" => {
            let mut parts = rest.splitn(3, '|').map(str::to_owned);
            match (parts.next(), parts.next(), parts.next()) {
                (Some(path), Some(old), Some(new)) => Step::Update { path, old, new },
                _ => return Err("UPDATE takes `path|old|new`"),
            }
        }
        "DELETE" if rest.is_empty() => return Err("DELETE takes a path"),
        "DELETE" => Step::Delete(text()),
        "CALL" => call(None, rest)?,
        "CALLNS" => {
            let (namespace, call_text) = rest
                .split_once(' ')
                .ok_or("CALLNS takes `namespace name {json}`")?;
            call(Some(namespace.to_owned()), call_text.trim())?
        }
        "CUSTOM" => {
            let (name, input) = rest.split_once(' ').ok_or("CUSTOM takes `name text`")?;
            Step::Custom {
                name: name.to_owned(),
                input: input.to_owned(),
            }
        }
        "SLEEP" => {
            let (seconds, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let seconds: f64 = seconds.parse().map_err(|_| "SLEEP takes `seconds text`")?;
            let pause = Duration::try_from_secs_f64(seconds).map_err(|_| "SLEEP takes `seconds text`")?;
            Step::Sleep {
                pause,
                text: text.to_owned(),
            }
        }
        other => return bare(other, rest),
    }))
}

fn stream(rest: &str) -> Result<Step, &'static str> {
    const FORM: &str = "STREAM takes `N` or `N milliseconds`";
    let mut parts = rest.split_whitespace();
    let deltas = parts.next().and_then(|n| n.parse().ok()).ok_or(FORM)?;
    let pause = match parts.next() {
        None => Duration::ZERO,
        Some(ms) => Duration::from_millis(ms.parse().map_err(|_| FORM)?),
    };
    Ok(Step::Stream { deltas, pause })
}

fn call(namespace: Option<String>, rest: &str) -> Result<Step, &'static str> {
    let (name, json) = rest.split_once(' ').unwrap_or((rest, "{}"));
    if name.is_empty() {
        return Err("the name of a tool is missing");
    }
    let arguments = serde_json::from_str(json).map_err(|_| "the arguments of the tool are no JSON")?;
    Ok(Step::Call {
        namespace,
        name: name.to_owned(),
        arguments,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(line: &str) -> Step {
        let mut steps = parse_script(line).unwrap();
        assert_eq!(steps.len(), 1, "{line}");
        steps.remove(0)
    }

    #[test]
    fn every_word_makes_its_step() {
        let cases = [
            ("SAY: two  words", Step::Say("two  words".into())),
            (
                "STREAM: 300",
                Step::Stream {
                    deltas: 300,
                    pause: Duration::ZERO,
                },
            ),
            (
                "STREAM: 3 20",
                Step::Stream {
                    deltas: 3,
                    pause: Duration::from_millis(20),
                },
            ),
            ("RUN: echo 'a: b'", Step::Run("echo 'a: b'".into())),
            ("RUNSLOW: sleep 60", Step::RunSlow("sleep 60".into())),
            ("ESC: touch x", Step::Escalated("touch x".into())),
            ("TWO: a b ;; c", Step::Parallel(vec!["a b".into(), "c".into()])),
            (
                "PATCH: d/f|one\\ntwo|2",
                Step::Patch {
                    path: "d/f".into(),
                    content: "one\ntwo|2".into(),
                },
            ),
            (
                "UPDATE: f|old|new|er",
                Step::Update {
                    path: "f".into(),
                    old: "old".into(),
                    new: "new|er".into(),
                },
            ),
            ("DELETE: f", Step::Delete("f".into())),
            (
                "CALL: t {\"a\": 1}",
                Step::Call {
                    namespace: None,
                    name: "t".into(),
                    arguments: json!({"a": 1}),
                },
            ),
            (
                "CALL: t",
                Step::Call {
                    namespace: None,
                    name: "t".into(),
                    arguments: json!({}),
                },
            ),
            (
                "CALLNS: mcp__x echo {\"s\": \"y z\"}",
                Step::Call {
                    namespace: Some("mcp__x".into()),
                    name: "echo".into(),
                    arguments: json!({"s": "y z"}),
                },
            ),
            (
                "CUSTOM: t free text",
                Step::Custom {
                    name: "t".into(),
                    input: "free text".into(),
                },
            ),
            ("HANG", Step::Hang),
            ("FAIL", Step::Fail(500)),
            ("FAIL 429", Step::Fail(429)),
            ("FAIL: 401", Step::Fail(401)),
            ("FAILSSE", Step::FailStream("server_error".into())),
            (
                "FAILSSE rate_limit_exceeded",
                Step::FailStream("rate_limit_exceeded".into()),
            ),
            ("DROP", Step::Drop),
            (
                "SLEEP: 0.5 good morning",
                Step::Sleep {
                    pause: Duration::from_millis(500),
                    text: "good morning".into(),
                },
            ),
        ];
        for (line, step) in cases {
            assert_eq!(one(line), step, "{line}");
        }
    }

    #[test]
    fn steps_keep_their_order_and_prose_is_no_step() {
        let prompt = "Please do this:\n  RUN: ls\nthen it is DONE: yes\nNOTE: nothing\nHANGING about\nFAIL-safe\n\n\tSAY: bye \n";
        assert_eq!(
            parse_script(prompt).unwrap(),
            [Step::Run("ls".into()), Step::Say("bye".into())]
        );
        assert_eq!(parse_script("say: lower case").unwrap(), []);
    }

    #[test]
    fn a_broken_step_is_named_and_not_taken_for_prose() {
        let broken = [
            "STREAM: many",
            "STREAM: 3 x",
            "RUN:",
            "ESC: ",
            "TWO: one",
            "TWO: a ;; ",
            "PATCH: f",
            "UPDATE: f|a",
            "DELETE:",
            "CALL:",
            "CALL: t {",
            "CALLNS: ns",
            "CUSTOM: t",
            "SLEEP: x",
            "SLEEP: -1",
            "FAIL 200",
            "FAIL x",
        ];
        for line in broken {
            let error = parse_script(&format!("prose\n{line}")).unwrap_err();
            assert_eq!(error.code(), "script", "{line}");
            assert!(error.to_string().contains(line.trim()), "{error}");
        }
    }

    #[test]
    fn parallel_commands_wait_for_all_their_outputs() {
        assert_eq!(one("TWO: a ;; b ;; c").outputs(), 3);
        assert_eq!(one("RUN: a").outputs(), 1);
    }
}
