//! What a notification says of a thread.

use super::types::{ThreadItem, TurnState};
use drawbridge_codex_wire::Envelope;
use serde_json::Value;

/// Something that was told of one thread.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// An item began, or is different while it runs.
    Running(ThreadItem),
    /// An item came to its end.
    Complete(ThreadItem),
    /// More text of an item: id, type of such items, text.
    Delta(String, &'static str, String),
    /// New content of a file change that runs.
    Patch(String, Value),
    /// A turn began or ended.
    Turn(TurnState),
    /// Tokens used.
    Tokens(u64),
    /// A line of the app-server's own.
    Notice(&'static str, String),
    /// The thread is in memory in another way than before: what failed may work now.
    Status,
    /// The app-server let go of the thread.
    Closed,
}

/// The member of an item that a delta adds to.
pub(super) fn growing(kind: &str) -> &'static str {
    match kind {
        "commandExecution" => "aggregatedOutput",
        "reasoning" => "streamed",
        _ => "text",
    }
}

/// Which thread, and what; none for what no window shows and for what is not understood.
pub(super) fn read(method: &str, raw: &str) -> Option<(String, Told)> {
    if !is_shown(method) {
        return None;
    }
    let envelope = Envelope::parse(raw).ok()?;
    let mut params: Value = serde_json::from_str(envelope.params?.get()).ok()?;
    let thread = params.get("threadId")?.as_str()?.to_owned();
    Some((thread, told(method, &mut params)?))
}

fn is_shown(method: &str) -> bool {
    method.starts_with("item/")
        || matches!(
            method,
            "turn/started"
                | "turn/completed"
                | "turn/plan/updated"
                | "thread/tokenUsage/updated"
                | "thread/status/changed"
                | "thread/closed"
                | "thread/deleted"
                | "error"
                | "warning"
        )
}

fn told(method: &str, params: &mut Value) -> Option<Told> {
    let text = |key: &str| params.get(key).and_then(Value::as_str).map(str::to_owned);
    let delta = |kind| Some(Told::Delta(text("itemId")?, kind, text("delta")?));
    match method {
        "item/started" => ThreadItem::of(params.get_mut("item")?.take()).map(Told::Running),
        "item/completed" => ThreadItem::of(params.get_mut("item")?.take()).map(Told::Complete),
        "item/agentMessage/delta" => delta("agentMessage"),
        "item/plan/delta" => delta("plan"),
        "item/commandExecution/outputDelta" => delta("commandExecution"),
        "item/reasoning/textDelta" | "item/reasoning/summaryTextDelta" => delta("reasoning"),
        "item/reasoning/summaryPartAdded" => {
            // Parts are told apart by an empty line; there is none before the first.
            let first = params.get("summaryIndex").and_then(Value::as_i64) == Some(0);
            let apart = if first { "" } else { "\n\n" };
            Some(Told::Delta(text("itemId")?, "reasoning", apart.to_owned()))
        }
        "item/fileChange/patchUpdated" => {
            Some(Told::Patch(text("itemId")?, params.get_mut("changes")?.take()))
        }
        "turn/started" | "turn/completed" => TurnState::of(params.get("turn")?).map(Told::Turn),
        "turn/plan/updated" => Some(Told::Complete(plan(params)?)),
        "thread/tokenUsage/updated" => params
            .pointer("/tokenUsage/total/totalTokens")?
            .as_u64()
            .map(Told::Tokens),
        "thread/status/changed" => Some(Told::Status),
        "thread/closed" | "thread/deleted" => Some(Told::Closed),
        "error" => {
            let message = params.pointer("/error/message").and_then(Value::as_str)?;
            Some(Told::Notice("error", message.to_owned()))
        }
        "warning" => Some(Told::Notice("notice", text("message")?)),
        _ => None,
    }
}

/// The steps of a turn as one item, which each update replaces.
fn plan(params: &Value) -> Option<ThreadItem> {
    let turn = params.get("turnId")?.as_str()?;
    let steps = params.get("plan")?.as_array()?;
    let lines: Vec<String> = steps
        .iter()
        .filter_map(|step| {
            let mark = match step.get("status").and_then(Value::as_str) {
                Some("completed") => "[x]",
                Some("inProgress") => "[>]",
                _ => "[ ]",
            };
            Some(format!("{mark} {}", step.get("step")?.as_str()?))
        })
        .collect();
    let text = Value::from(lines.join("\n"));
    Some(ThreadItem::made(&format!("plan:{turn}"), "plan", "text", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(method: &str, mut params: Value) -> Option<Told> {
        params["threadId"] = json!("T");
        let frame = json!({"method": method, "params": params});
        let (thread, told) = read(method, &frame.to_string())?;
        assert_eq!(thread, "T");
        Some(told)
    }

    fn delta(kind: &'static str, text: &str) -> Option<Told> {
        Some(Told::Delta("i".into(), kind, text.into()))
    }

    #[test]
    fn every_kind_of_news_is_read() {
        let item = json!({"id": "i", "type": "anything", "more": [1]});
        let whole = ThreadItem::of(item.clone()).unwrap();
        let piece = json!({"itemId": "i", "delta": "d"});
        for (method, params, wanted) in [
            (
                "item/started",
                json!({"item": item}),
                Some(Told::Running(whole.clone())),
            ),
            (
                "item/completed",
                json!({"item": item}),
                Some(Told::Complete(whole)),
            ),
            (
                "item/agentMessage/delta",
                piece.clone(),
                delta("agentMessage", "d"),
            ),
            ("item/plan/delta", piece.clone(), delta("plan", "d")),
            (
                "item/commandExecution/outputDelta",
                piece.clone(),
                delta("commandExecution", "d"),
            ),
            ("item/reasoning/textDelta", piece.clone(), delta("reasoning", "d")),
            (
                "item/reasoning/summaryTextDelta",
                piece.clone(),
                delta("reasoning", "d"),
            ),
            (
                "item/reasoning/summaryPartAdded",
                json!({"itemId": "i", "summaryIndex": 0}),
                delta("reasoning", ""),
            ),
            (
                "item/reasoning/summaryPartAdded",
                json!({"itemId": "i", "summaryIndex": 1}),
                delta("reasoning", "\n\n"),
            ),
            (
                "item/fileChange/patchUpdated",
                json!({"itemId": "i", "changes": [2]}),
                Some(Told::Patch("i".into(), json!([2]))),
            ),
            (
                "turn/completed",
                json!({"turn": {"id": "u", "status": "failed"}}),
                Some(Told::Turn(TurnState {
                    id: "u".into(),
                    status: "failed".into(),
                })),
            ),
            (
                "thread/tokenUsage/updated",
                json!({"tokenUsage": {"total": {"totalTokens": 7}}}),
                Some(Told::Tokens(7)),
            ),
            (
                "error",
                json!({"error": {"message": "m"}}),
                Some(Told::Notice("error", "m".into())),
            ),
            (
                "warning",
                json!({"message": "m"}),
                Some(Told::Notice("notice", "m".into())),
            ),
            ("thread/status/changed", json!({}), Some(Told::Status)),
            ("thread/closed", json!({}), Some(Told::Closed)),
            (
                "turn/plan/updated",
                json!({"turnId": "u", "plan": [{"step": "a", "status": "completed"}, {"step": "b"}]}),
                Some(Told::Complete(ThreadItem::made(
                    "plan:u",
                    "plan",
                    "text",
                    json!("[x] a\n[ ] b"),
                ))),
            ),
            ("item/unheardOf/news", piece.clone(), None),
            ("account/updated", json!({}), None),
        ] {
            assert_eq!(one(method, params.clone()), wanted, "{method} {params}");
        }
    }

    #[test]
    fn what_has_another_form_is_nothing() {
        for params in [
            json!({}),
            json!([]),
            json!({"threadId": 1, "item": {"id": "i", "type": "t"}}),
            json!({"threadId": "T", "item": {"id": 1, "type": "t"}}),
            json!({"threadId": "T", "item": {"id": "i"}}),
            json!({"threadId": "T", "item": "i"}),
        ] {
            let frame = json!({"method": "item/started", "params": params}).to_string();
            assert_eq!(read("item/started", &frame), None, "{frame}");
        }
        for raw in ["", "{", "[]", "{\"method\":\"item/started\"}", "\u{0}"] {
            assert_eq!(read("item/started", raw), None);
        }
    }
}
