//! MCP servers of buses: which token is in the app-server's environment under which name, and whether
//! the servers answer.

use super::buses::Bus;
use super::{Hub, now_ms};
use crate::agent::Tokens;
use crate::event::{ControlReply, Event};
use crate::hub::control::error;
use crate::policy::McpServer;
use drawbridge_wire::Secret;
use drawbridge_wire::buses::{BusSource, McpCheck};
use drawbridge_wire::link::authority_of;
use drawbridge_wire::pipe::{Ask, AskAnswer};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Variable of the first bus's token in the app-server's environment; others have the bus's id added.
const MCP_TOKEN_VARIABLE: &str = "FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN";
/// How a connector says that an MCP server wants a token and none is set.
const NO_TOKEN: &str = "mcp_no_token";
/// How many earlier offers are remembered: an app-server that is just starting uses one of them.
const REMEMBERED: usize = 8;

/// Which tokens the next app-server gets, and which the running one has.
pub(super) struct Offers {
    out: watch::Sender<Option<Tokens>>,
    /// By stamp: bus id, variable, token.
    made: BTreeMap<u64, Vec<(String, String, Secret)>>,
    last: u64,
    /// What runs now.
    running: Vec<(String, String, Secret)>,
    /// Nothing is offered before it is known what the vault has.
    open: bool,
}

impl Offers {
    pub(super) fn new(out: watch::Sender<Option<Tokens>>) -> Self {
        Self {
            out,
            made: BTreeMap::new(),
            last: 0,
            running: Vec::new(),
            open: false,
        }
    }
}

impl Hub {
    /// From now on the app-server may start.
    pub(super) fn tokens_are_known(&mut self) {
        if !self.offers.open {
            self.offers.open = true;
            self.publish_buses();
        }
    }

    /// Makes a new offer if the tokens changed, and marks what the running app-server does not have.
    pub(super) fn offer_tokens(&mut self) {
        let mut offer = Vec::new();
        for (at, bus) in self.buses.iter().enumerate() {
            if let Some(token) = &bus.mcp_token {
                let variable = match at {
                    0 => MCP_TOKEN_VARIABLE.to_owned(),
                    _ => format!("{MCP_TOKEN_VARIABLE}_{}", suffix(&bus.view.id)),
                };
                offer.push((bus.view.id.clone(), variable, token.clone()));
            }
        }
        let offers = &mut self.offers;
        if offers.open && offers.made.get(&offers.last) != Some(&offer) {
            offers.last += 1;
            let variables = offer
                .iter()
                .map(|(_, variable, token)| (variable.clone(), token.clone()))
                .collect();
            offers.made.insert(offers.last, offer);
            while offers.made.len() > REMEMBERED {
                offers.made.pop_first();
            }
            offers.out.send_replace(Some(Tokens {
                stamp: offers.last,
                variables,
            }));
        }
        let running = &self.offers.running;
        let mut changed = Vec::new();
        let started = self.observer.is_some();
        for bus in &mut self.buses {
            let has = bus.mcp_token.is_none()
                || running
                    .iter()
                    .any(|(id, _, token)| *id == bus.view.id && Some(token) == bus.mcp_token.as_ref());
            if let Some(mcp) = &mut bus.view.mcp
                && mcp.after_restart != (started && !has)
            {
                mcp.after_restart = started && !has;
                changed.push(bus.view.id.clone());
            }
        }
        for id in changed {
            self.bus_changed(&id);
        }
    }

    /// An app-server answers that was started with this offer.
    pub(super) fn tokens_in_use(&mut self, stamp: u64) {
        self.offers.running = self.offers.made.get(&stamp).cloned().unwrap_or_default();
        self.publish_buses();
    }

    /// What threads through a bus get: without a token while the app-server does not have it.
    pub(super) fn server_of(&self, bus: &Bus) -> Option<McpServer> {
        let mcp = bus.view.mcp.as_ref()?;
        let running = self.offers.running.iter().find(|(id, ..)| *id == bus.view.id);
        Some(McpServer {
            name: mcp.name.clone(),
            url: mcp.url.clone(),
            token_variable: bus
                .mcp_token
                .as_ref()
                .and(running)
                .map(|(_, variable, _)| variable.clone()),
        })
    }

    /// What threads get that came through this bus; local ones: the first bus's.
    pub(super) fn mcp_through(&self, bus: Option<&str>) -> Option<McpServer> {
        let found = match bus {
            Some(name) => self.buses.iter().find(|bus| bus.view.bus == name),
            None => self.buses.first(),
        };
        found.and_then(|bus| self.server_of(bus))
    }

    /// Looks whether the MCP server of a bus, or of all, answers.
    pub(super) fn check_mcp(&mut self, which: Option<&str>) -> ControlReply {
        let ids: Vec<String> = self
            .buses
            .iter()
            .map(|bus| bus.view.id.clone())
            .filter(|id| which.is_none_or(|which| which == id))
            .collect();
        if ids.is_empty() {
            return error(
                "unknown_bus",
                "there is no such bus; `drawbridge enrollments` lists them",
            );
        }
        for id in ids {
            self.look_at_mcp(&id);
        }
        ControlReply::Done
    }

    pub(super) fn check_mcp_if_unknown(&mut self, id: &str) {
        let known = |check: &McpCheck| matches!(check, McpCheck::Good { .. } | McpCheck::Checking);
        let mcp = self.bus(id).and_then(|bus| bus.view.mcp.as_ref());
        if mcp.is_some_and(|mcp| !known(&mcp.check)) {
            self.look_at_mcp(id);
        }
    }

    pub(super) fn look_at_mcp(&mut self, id: &str) {
        let look = self.next_number();
        let Some(bus) = self.bus_mut(id) else { return };
        let (token, ca_file) = (bus.mcp_token.clone(), bus.ca_file.clone());
        let Some(mcp) = &mut bus.view.mcp else { return };
        bus.look = look;
        mcp.check = McpCheck::Checking;
        let url = mcp.url.clone();
        let at = authority_of(&url).to_owned();
        let (bus, spawner, base) = (id.to_owned(), self.spawner.clone(), self.base.clone());
        let log = self.layout.log_file("asks");
        self.spawn(async move {
            let what = Ask::Mcp { url, token };
            let answer = crate::ask::ask(&spawner, &base, log, at, ca_file, what).await;
            Some(Event::McpChecked { bus, look, answer })
        });
        self.bus_changed(id);
    }

    pub(super) fn mcp_checked(&mut self, id: &str, look: u64, answer: AskAnswer) {
        // An answer about an address or a token that is another by now is of no interest.
        let Some(bus) = self.bus_mut(id).filter(|bus| bus.look == look) else {
            return;
        };
        let source = bus.view.source;
        let Some(mcp) = bus.view.mcp.as_mut() else { return };
        mcp.check = match answer {
            AskAnswer::Bad { code, message } => McpCheck::Bad {
                message: match code == NO_TOKEN {
                    true => with_command(&message, id, source),
                    false => message,
                },
                code,
            },
            AskAnswer::Bus { .. } => McpCheck::Bad {
                code: "bad_answer".to_owned(),
                message: "the connector answered something else; try again".to_owned(),
            },
            AskAnswer::Good | AskAnswer::Traded { .. } => McpCheck::Good { at_ms: now_ms() },
        };
        self.bus_changed(id);
    }
}

/// What a connector found, with what sets a token for this bus: it does not know how the bus is called here.
fn with_command(found: &str, id: &str, source: BusSource) -> String {
    let found = found.split_once("; ").map_or(found, |(found, _)| found);
    let command = match source {
        BusSource::Vault => format!("set one with `drawbridge enrollments set {id} --mcp-token-stdin`"),
        BusSource::Flags => {
            "give one with FORGE_CODEX_CONNECTOR_MCP_TOKEN when you start `drawbridge connect`".to_owned()
        }
    };
    format!("{found}; {command}")
}

/// A bus's id as part of a variable's name.
fn suffix(id: &str) -> String {
    id.to_ascii_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_token_is_said_with_the_command_that_sets_it() {
        let found = "the MCP server at h wants a token and none is set; set one";
        let said = with_command(found, "bus-1", BusSource::Vault);
        assert_eq!(
            said,
            "the MCP server at h wants a token and none is set; set one with `drawbridge enrollments set bus-1 \
             --mcp-token-stdin`"
        );
        let said = with_command(found, "bus-1", BusSource::Flags);
        assert!(
            said.contains("none is set; give one with FORGE_CODEX_CONNECTOR_MCP_TOKEN"),
            "{said}"
        );
    }
}
