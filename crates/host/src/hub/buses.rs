//! The buses of this host, wherever it knows them from.

use super::processes::Lives;
use super::{Hub, now_ms};
use crate::HostError;
use crate::link::{self, LinkHandle, LinkPlan};
use crate::room::{KnownBus, KnownBuses, Room};
use drawbridge_connector::ConnectorError;
use drawbridge_vault::{BusId, Enrollment};
use drawbridge_wire::Secret;
use drawbridge_wire::buses::{BusSource, DisabledView, LinkView, McpCheck, McpView};
use drawbridge_wire::control::Change;
use drawbridge_wire::link::authority_of;
use drawbridge_wire::pipe::{BusSetup, LinkState};
use std::path::PathBuf;
use std::sync::Arc;

/// Name of an MCP server that nobody named (S1.13).
pub(super) const MCP_NAME: &str = "codex-agents";

/// A bus.
pub(super) struct Bus {
    pub view: LinkView,
    /// See [`LinkPlan::number`].
    pub number: u64,
    /// The last look at its MCP server, the only one whose answer is of interest.
    pub look: u64,
    pub handle: LinkHandle,
    /// Of its connector.
    pub lives: Lives,
    pub origin: String,
    /// What it calls itself, as far as it is remembered.
    pub own_name: Option<String>,
    pub ca_file: Option<PathBuf>,
    /// Token of its MCP server.
    pub mcp_token: Option<Secret>,
    room: Room,
}

/// What a bus is made from.
struct Told {
    id: String,
    name: Option<String>,
    api: String,
    source: BusSource,
    token: Secret,
    own_name: Option<String>,
    ca_file: Option<PathBuf>,
    mcp_name: Option<String>,
    mcp_url: Option<String>,
    mcp_token: Option<Secret>,
    wanted: bool,
    disabled: Option<DisabledView>,
}

impl Hub {
    pub(super) fn bus(&self, id: &str) -> Option<&Bus> {
        self.buses.iter().find(|bus| bus.view.id == id)
    }

    pub(super) fn bus_mut(&mut self, id: &str) -> Option<&mut Bus> {
        self.buses.iter_mut().find(|bus| bus.view.id == id)
    }

    /// The bus that flags named.
    pub(super) fn add_flagged(&mut self, bus: BusSetup) -> Result<(), HostError> {
        let wrong = |error: ConnectorError| HostError::Bus(error.to_string());
        let api = bus.api.unwrap_or_default();
        let origin = drawbridge_connector::origin(&api).map_err(wrong)?;
        let told = Told {
            id: BusId::from_origin(&origin).as_str().to_owned(),
            name: None,
            api,
            source: BusSource::Flags,
            token: bus.token,
            own_name: None,
            ca_file: bus.ca_file,
            mcp_name: bus.mcp_name,
            mcp_url: bus.mcp_url,
            mcp_token: bus.mcp_token,
            wanted: true,
            disabled: None,
        };
        let bus = self.make(told).map_err(wrong)?;
        self.buses.insert(0, bus);
        self.publish_buses();
        Ok(())
    }

    /// A bus the vault keeps. One with the same address that flags named stays as it is for this run.
    pub(super) fn add_enrolled(&mut self, kept: Enrollment) {
        let id = kept.id.as_str().to_owned();
        let mcp = kept.mcp;
        let told = Told {
            id: id.clone(),
            name: Some(kept.name),
            api: kept.api_origin,
            source: BusSource::Vault,
            token: kept.token,
            own_name: kept.bus,
            ca_file: kept.ca_file,
            mcp_name: mcp.as_ref().map(|mcp| mcp.name.clone()),
            mcp_url: mcp.as_ref().map(|mcp| mcp.url.clone()),
            mcp_token: mcp.and_then(|mcp| mcp.token),
            wanted: kept.on && kept.disabled.is_none(),
            disabled: kept.disabled.map(|disabled| DisabledView {
                reason: disabled.reason,
                at_ms: disabled.at.map(|secs| secs.saturating_mul(1000)),
            }),
        };
        let same =
            |bus: &Bus| drawbridge_connector::origin(&told.api).is_ok_and(|origin| origin == bus.origin);
        if self
            .buses
            .iter()
            .any(|bus| bus.view.source == BusSource::Flags && same(bus))
        {
            tracing::info!(
                bus = id,
                "named by flags; what is enrolled there is not used in this run"
            );
            return;
        }
        match self.make(told) {
            Ok(bus) => self.buses.push(bus),
            Err(error) => {
                tracing::error!(bus = id, %error, "an enrollment cannot be used; forget it and enroll again");
                return;
            }
        }
        self.publish_buses();
        self.bus_changed(&id);
    }

    /// Takes a bus away; its connector ends by itself.
    pub(super) fn remove_bus(&mut self, id: &str) {
        let Some(at) = self.buses.iter().position(|bus| bus.view.id == id) else {
            return;
        };
        let bus = self.buses.remove(at);
        tokio::spawn(async move { bus.handle.stop().await });
        self.publish_buses();
        self.changed(Change::LinkGone { id: id.to_owned() });
    }

    fn make(&mut self, told: Told) -> Result<Bus, ConnectorError> {
        let number = self.next_number();
        let connect_url = drawbridge_connector::connect_url(&told.api)?;
        let origin = drawbridge_connector::origin(&told.api)?;
        let mcp_url = match told.mcp_url {
            Some(url) => url,
            None => drawbridge_connector::mcp_url(&told.api)?.to_string(),
        };
        let name = authority_of(&origin).to_owned();
        let log = match told.source {
            BusSource::Flags => "connector".to_owned(),
            BusSource::Vault => format!("connector-{}", told.id),
        };
        let plan = LinkPlan {
            number,
            base: self.base.clone(),
            log_file: self.layout.log_file(&log),
            id: told.id.clone(),
            bus: name.clone(),
            origin: origin.clone(),
            connect_url: connect_url.to_string(),
            token: told.token,
            ca_file: told.ca_file.clone(),
            tunnel_socket: self.layout.tunnel_socket(),
            host_id: self.identity.id.clone(),
            host_name: self.identity.name.clone(),
            public_key: self.identity.public_key(),
        };
        let mcp_token = told.mcp_token.filter(|token| !token.is_empty());
        let view = LinkView {
            id: told.id,
            name: told.name.unwrap_or_else(|| name.clone()),
            bus: name,
            api: told.api,
            source: told.source,
            wanted: told.wanted,
            link: self.first_state(told.wanted),
            since_ms: now_ms(),
            pong_at_ms: None,
            disabled: told.disabled,
            mcp: Some(McpView {
                name: told.mcp_name.unwrap_or_else(|| MCP_NAME.to_owned()),
                url: mcp_url,
                has_token: mcp_token.is_some(),
                check: McpCheck::Unchecked,
                after_restart: false,
            }),
            ca_file: told.ca_file.clone(),
        };
        // The app-server comes first; the link is dialled once it answers.
        let handle = link::start(
            plan,
            told.wanted,
            self.spawner.clone(),
            self.events.clone(),
            self.agent.watch(),
        );
        Ok(Bus {
            view,
            number,
            look: 0,
            handle,
            lives: Lives::default(),
            origin,
            own_name: told.own_name,
            ca_file: told.ca_file,
            mcp_token,
            room: Room::new(self.limits.one_bus),
        })
    }

    /// What a link is before its connector has said anything.
    pub(super) fn first_state(&self, wanted: bool) -> LinkState {
        if !wanted || self.visit {
            LinkState::Disconnected
        } else if self.agent.status().endpoint.is_some() {
            LinkState::Connecting { attempt: 1 }
        } else {
            // Nothing is dialled before the app-server answers (S1.05).
            LinkState::Waiting {
                retry_in_ms: 0,
                code: "agent_starting".to_owned(),
                message: "waits until codex answers; `drawbridge status` says why if that takes long"
                    .to_owned(),
            }
        }
    }

    /// Tells doors and app-server what there is now.
    pub(super) fn publish_buses(&mut self) {
        self.offer_tokens();
        let buses = self.buses.iter().map(|bus| KnownBus {
            name: bus.view.bus.clone(),
            connector: bus.handle.pid(),
            room: bus.room.clone(),
            mcp: self.server_of(bus),
        });
        let known = KnownBuses {
            buses: buses.collect(),
        };
        self.known.send_replace(Arc::new(known));
    }
}
