//! Asking a person about an approval: what is printed, and what a typed line means.

use crate::screen;
use drawbridge_consent::visible_line;
use drawbridge_wire::Decision;
use drawbridge_wire::control::{ApprovalView, Choice};
use serde_json::{Map, Value};

/// What a typed line means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// An answer.
    Answer(Decision),
    /// Nothing was typed. Never an answer.
    Nothing,
    /// Not one of the choices; the text says what is possible.
    Unclear(String),
}

/// The card as it is printed: a rule, where it comes from, the whole request, the numbered choices.
pub(crate) fn card(view: &ApprovalView, width: usize, now_ms: u64) -> String {
    let mut text = format!("\n{}\n", "─".repeat(width.min(72) / 2));
    text.push_str(&screen::wrap(&whole(view), width));
    let left = view.deadline_ms.saturating_sub(now_ms).div_ceil(1000);
    text.push_str(&format!(
        "Declined by itself in {}:{:02} if nobody answers.\n",
        left / 60,
        left % 60
    ));
    for (n, choice) in view.choices.iter().enumerate() {
        text.push_str(&screen::wrap(
            &format!("  {}  {}  {}", n + 1, typed(&choice.decision), choice.label),
            width,
        ));
    }
    text
}

/// The request without choices, as `approvals show` prints it.
pub(crate) fn whole(view: &ApprovalView) -> String {
    let origin = visible_line(&view.origin);
    format!(
        "Approval {} · asked by {origin}\n{}\n{}",
        view.id, view.headline, view.body
    )
}

/// The prompt under a card.
pub(crate) fn question(view: &ApprovalView) -> String {
    format!("Answer {} with a number or its word, then Enter: ", view.id)
}

/// The word a person types for a decision.
pub(crate) fn typed(decision: &Decision) -> String {
    match decision {
        Decision::Answers(_) => "answers ID=TEXT".to_owned(),
        Decision::ApplyNetworkRule(rule) => {
            format!("{}-host {}", rule.action.word(), visible_line(&rule.host))
        }
        other => other.word().replace('_', "-"),
    }
}

fn is_rule(choice: &Choice) -> bool {
    matches!(choice.decision, Decision::ApplyNetworkRule(_))
}

/// Reads a typed line. Only a whole word or number of a choice is an answer: a slip must not be one.
pub(crate) fn read(line: &str, choices: &[Choice]) -> Reading {
    let line = line.trim();
    if line.is_empty() {
        return Reading::Nothing;
    }
    let (first, rest) = line
        .split_once(char::is_whitespace)
        .map_or((line, ""), |(first, rest)| (first, rest.trim()));
    let word = first.to_lowercase().replace('_', "-");
    let chosen = match word.parse::<usize>() {
        Ok(number) => number.checked_sub(1).and_then(|n| choices.get(n)),
        Err(_) => choices
            .iter()
            .filter(|choice| !is_rule(choice))
            .find(|choice| choice.decision.word().replace('_', "-") == word),
    };
    // Several rules have one word; the host says which.
    let mut rules = choices.iter().filter(|choice| is_rule(choice));
    if let Some(rule) = rules.find(|choice| typed(&choice.decision) == line) {
        return Reading::Answer(rule.decision.clone());
    }
    match chosen.map(|choice| &choice.decision) {
        Some(Decision::Answers(_)) => match answers(rest) {
            Some(answers) => Reading::Answer(Decision::Answers(answers)),
            None => Reading::Unclear(format!(
                "Write `{first} ID=TEXT`, or `{first} {{\"ID\":\"TEXT\"}}` for more than one question."
            )),
        },
        Some(decision) if rest.is_empty() => Reading::Answer(decision.clone()),
        _ => {
            let words: Vec<String> = choices
                .iter()
                .enumerate()
                .map(|(n, choice)| format!("{} or {}", n + 1, typed(&choice.decision)))
                .collect();
            Reading::Unclear(format!("That is not an answer. Possible: {}.", words.join(", ")))
        }
    }
}

/// `ID=TEXT`, or a JSON object.
fn answers(text: &str) -> Option<Map<String, Value>> {
    if text.starts_with('{') {
        return serde_json::from_str::<Map<String, Value>>(text)
            .ok()
            .filter(|answers| !answers.is_empty());
    }
    let (id, answer) = text.split_once('=')?;
    (!id.is_empty()).then(|| Map::from_iter([(id.trim().to_owned(), Value::from(answer.trim()))]))
}

#[cfg(test)]
mod tests {
    use super::{Reading, read};
    use drawbridge_wire::control::Choice;
    use drawbridge_wire::{Decision, NetworkAction, NetworkRule};
    use serde_json::{Map, json};

    fn choices() -> Vec<Choice> {
        [
            Decision::Accept,
            Decision::AcceptForSession,
            Decision::Answers(Map::new()),
            Decision::Decline,
            Decision::Cancel,
        ]
        .into_iter()
        .map(|decision| Choice {
            label: decision.word().to_owned(),
            decision,
        })
        .collect()
    }

    #[test]
    fn whole_words_and_numbers_answer() {
        for (line, decision) in [
            ("1", Decision::Accept),
            ("  accept \n", Decision::Accept),
            ("ACCEPT", Decision::Accept),
            ("accept-for-session", Decision::AcceptForSession),
            ("accept_for_session", Decision::AcceptForSession),
            ("4", Decision::Decline),
            ("cancel", Decision::Cancel),
        ] {
            assert_eq!(read(line, &choices()), Reading::Answer(decision), "{line}");
        }
    }

    #[test]
    fn a_network_rule_is_chosen_by_its_host() {
        let rule = |action, host: &str| {
            let host = host.to_owned();
            Decision::ApplyNetworkRule(NetworkRule { action, host })
        };
        let mut offered = choices();
        for decision in [
            rule(NetworkAction::Allow, "a.example"),
            rule(NetworkAction::Deny, "a.example"),
        ] {
            let label = String::new();
            offered.push(Choice { decision, label });
        }
        for (line, decision) in [
            ("allow-host a.example", rule(NetworkAction::Allow, "a.example")),
            (" deny-host a.example\n", rule(NetworkAction::Deny, "a.example")),
            ("7", rule(NetworkAction::Deny, "a.example")),
        ] {
            assert_eq!(read(line, &offered), Reading::Answer(decision), "{line}");
        }
        for line in [
            "allow-host",
            "allow-host b.example",
            "apply-network-rule",
            "6 a.example",
        ] {
            assert!(matches!(read(line, &offered), Reading::Unclear(_)), "{line}");
        }
    }

    #[test]
    fn enter_alone_never_answers() {
        for line in ["", "\n", "   ", "\t\r\n"] {
            assert_eq!(read(line, &choices()), Reading::Nothing, "{line:?}");
        }
    }

    #[test]
    fn slips_are_no_answers() {
        for line in [
            "y",
            "yes",
            "a",
            "acc",
            "accept it",
            "0",
            "6",
            "11",
            "-1",
            "accept-with-amendment",
            "1 2",
            "\u{1b}[A",
        ] {
            assert!(matches!(read(line, &choices()), Reading::Unclear(_)), "{line:?}");
        }
        assert!(matches!(read("accept", &choices()[3..]), Reading::Unclear(_)));
    }

    #[test]
    fn questions_are_answered_by_id() {
        let answer =
            |value: serde_json::Value| Reading::Answer(Decision::Answers(value.as_object().unwrap().clone()));
        assert_eq!(
            read("answers color=Dark blue", &choices()),
            answer(json!({"color": "Dark blue"}))
        );
        assert_eq!(
            read("3 {\"a\": \"x\", \"b\": [\"y\"]}", &choices()),
            answer(json!({"a": "x", "b": ["y"]}))
        );
        for line in ["answers", "answers x", "3 =x", "3 {}", "3 {"] {
            assert!(matches!(read(line, &choices()), Reading::Unclear(_)), "{line}");
        }
    }
}
