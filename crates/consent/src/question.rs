//! Questions: of the agent to the user, and of an MCP server.

use crate::page::Page;
use serde_json::Value;

pub(crate) fn render_user_input(page: &mut Page<'_>) {
    let questions = page.value("questions");
    let list = questions
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let first = list
        .first()
        .and_then(|q| q.get("question"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    page.headline("The agent asks", first);
    match questions {
        Some(questions) if list.is_empty() => {
            page.json("Questions, in a form this version does not know", questions);
        }
        None => page.say("The request holds no question."),
        Some(_) => {
            for (n, question) in list.iter().enumerate() {
                render_one(page, n + 1, list.len(), question);
            }
        }
    }
    page.claim();
}

fn render_one(page: &mut Page<'_>, n: usize, of: usize, question: &Value) {
    let place = format!("Question {n} of {of}");
    let member = |key: &str| question.get(key).and_then(Value::as_str);
    let (Some(id), Some(text)) = (member("id"), member("question")) else {
        page.json(
            &format!("{place}, in a form this version does not know"),
            question,
        );
        return;
    };
    page.words(&place, text);
    page.fact(&format!("{place}: answer under this id"), id);
    let mut rest = question.clone();
    if let Some(rest) = rest.as_object_mut() {
        rest.remove("id");
        rest.remove("question");
        rest.retain(|_, value| !value.is_null());
        if rest.is_empty() {
            return;
        }
    }
    page.json(&format!("{place}: header, options and form"), &rest);
}

pub(crate) fn render_elicitation(page: &mut Page<'_>) {
    let server = page.text("serverName");
    let meta = page.value("_meta");
    let tool = meta
        .and_then(|meta| meta.get("tool_name"))
        .and_then(Value::as_str);
    let message = page.text("message");
    match tool {
        Some(tool) => page.headline("Run a tool of an MCP server", tool),
        None => page.headline("An MCP server asks", message.or(server).unwrap_or_default()),
    }
    if let Some(server) = server {
        page.fact("MCP server", server);
    }
    if let Some(tool) = tool {
        page.fact("Tool", tool);
        match meta.and_then(|meta| meta.get("tool_params")) {
            Some(params) => page.json("Called with", params),
            None => page.say("Called with: not given by the agent."),
        }
    }
    if let Some(message) = message {
        page.words("The server's message", message);
    }
    if let Some(url) = page.text("url") {
        page.fact("Asks to open this address", url);
    }
    if let Some(meta) = meta {
        let mut rest = meta.clone();
        if let (Some(rest), Some(_)) = (rest.as_object_mut(), tool) {
            rest.remove("tool_name");
            rest.remove("tool_params");
        }
        page.json("Sent along by the server", &rest);
    }
    page.claim();
}
