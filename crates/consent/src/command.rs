//! A command the agent wants to run.

use crate::page::{Page, quoted};
use crate::permissions;
use crate::shell;
use drawbridge_wire::{NetworkAction, NetworkRule};
use serde_json::Value;

pub(crate) fn render(page: &mut Page<'_>) {
    // What the app-server parsed out of the command for display adds nothing to the command itself.
    let command_known = page.params().get("command").is_some_and(Value::is_string);
    if command_known {
        page.value("commandActions");
    }
    let kind = page.text("kind").unwrap_or("command");
    let network = page.value("networkApprovalContext");
    let command = page.text("command");
    let ours = match kind {
        "command" if command.is_none() && network.is_some() => "Reach the network",
        "command" => "Run a command",
        "writeStdin" => "Type into a running terminal",
        "humanCommand" => "A checkpoint that needs a person",
        _ => "Run something this version does not know",
    };
    page.headline(ours, command.unwrap_or_default());
    match command {
        Some(command) => {
            let label = if kind == "writeStdin" {
                "Typed into the terminal"
            } else {
                "Command"
            };
            page.section(label, command);
            if kind == "command" {
                page.notes(shell::notes(command));
            }
        }
        None if network.is_some() => {}
        None => page.say("Command: not given by the agent. What would run is not known."),
    }
    if !matches!(kind, "command" | "writeStdin" | "humanCommand") {
        page.fact("Kind of request, unknown to this version", kind);
    }
    if let Some(cwd) = page.text("cwd") {
        page.fact("Working directory", cwd);
    }
    if let Some(environment) = page.text("environmentId").filter(|id| *id != "local") {
        page.fact("Environment", environment);
    }
    if let Some(network) = network {
        render_network(page, network);
    }
    if let Some(extra) = page.value("additionalPermissions") {
        permissions::render_profile(page, "Wants beyond the sandbox", extra);
    }
    page.claim();
    render_rules(page);
}

fn render_network(page: &mut Page<'_>, network: &Value) {
    let member = |key: &str| network.get(key).and_then(Value::as_str);
    match (
        member("host"),
        member("protocol"),
        network.as_object().map_or(0, serde_json::Map::len),
    ) {
        (Some(host), Some(protocol), 2) => {
            page.fact("Network host", host);
            page.fact("Network protocol", protocol);
        }
        _ => page.json("Network", network),
    }
}

/// Lasting rules that the app-server proposes, and those that its offers carry: these are what an answer that
/// says so binds to.
fn render_rules(page: &mut Page<'_>) {
    let proposed = page.value("proposedExecpolicyAmendment");
    if let Some(rule) = proposed {
        render_rule(page, "Proposed lasting rule (only if you choose it)", rule);
    }
    let offers = page.params().get("availableDecisions").and_then(Value::as_array);
    for offer in offers.into_iter().flatten() {
        render_offer(page, offer, proposed);
    }
    if let Some(rules) = page.value("proposedNetworkPolicyAmendments") {
        page.json("Proposed lasting network rules (only if you choose them)", rules);
    }
}

/// What is offered beyond a bare word. What has another form than we know is shown as it came.
fn render_offer(page: &mut Page<'_>, offer: &Value, proposed: Option<&Value>) {
    const RULE: &str = "Offered lasting rule (only if you choose it)";
    const NETWORK: &str = "Offered lasting network rule (only if you choose it)";
    let known = ["accept", "acceptForSession", "decline", "cancel"];
    if offer.as_str().is_some_and(|word| known.contains(&word)) {
        return;
    }
    let exec =
        only(offer, "acceptWithExecpolicyAmendment").and_then(|rule| only(rule, "execpolicy_amendment"));
    match (NetworkRule::offered(offer), exec) {
        (Some(NetworkRule { action, host }), _) => {
            let does = match action {
                NetworkAction::Allow => "always allow",
                NetworkAction::Deny => "never allow",
            };
            page.fact(&format!("{NETWORK}: {does} connections to"), &host);
        }
        (None, Some(rule)) if Some(rule) == proposed => {}
        (None, Some(rule)) => render_rule(page, RULE, rule),
        _ => page.json(
            "Offered in a form this version does not know, so it cannot be chosen",
            offer,
        ),
    }
}

/// The member of an object that has no other.
fn only<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.get(name)
}

fn render_rule(page: &mut Page<'_>, label: &str, rule: &Value) {
    let words: Option<Vec<String>> = rule
        .as_array()
        .and_then(|words| words.iter().map(|word| word.as_str().map(quoted)).collect());
    match words {
        Some(words) => page.ready(
            &format!("{label}: every command that begins with these words"),
            &words.join(" "),
        ),
        None => page.json(label, rule),
    }
}
