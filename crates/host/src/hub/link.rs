//! What connectors say, and the links they keep.

use super::vault::answer;
use super::{Hub, now_ms};
use crate::event::{ControlReply, LinkEvent, Reply};
use crate::hub::control::error;
use crate::link::HostStatus;
use drawbridge_wire::buses::BusSource;
use drawbridge_wire::control::{AppServerState, Change};
use drawbridge_wire::pipe::{FromConnector, LinkState, ToConnector};

/// Code of a link whose connector ended unasked.
pub(super) const ENDED: &str = "connector_ended";
/// Codes of links that end an enrollment: the bus does not take this host any more.
const ENDS_ENROLLMENT: [&str; 2] = ["revoked", "unauthorized"];

impl Hub {
    pub(super) fn on_link(&mut self, id: &str, number: u64, event: LinkEvent) {
        // An earlier link to this bus says its last words while the next one is dialled.
        let Some(bus) = self.bus_mut(id).filter(|bus| bus.number == number) else {
            return;
        };
        match event {
            LinkEvent::Started { pid } => {
                tracing::info!(bus = id, pid, "connector started");
                bus.lives.started();
                self.report_status();
                self.report_skills();
            }
            LinkEvent::Said(FromConnector::Sign { nonce }) => {
                let origin = bus.handle.origin().to_owned();
                let signature = self.identity.sign(&nonce, &origin);
                if let Some(bus) = self.bus(id) {
                    bus.handle.send(ToConnector::Signature { nonce, signature });
                }
            }
            LinkEvent::Said(FromConnector::Link { state }) => self.link_is(id, state),
            // Only a connector that was asked answers; this one keeps a link.
            LinkEvent::Said(FromConnector::Answer { .. }) => {
                tracing::warn!(bus = id, "the connector answered a question nobody asked");
            }
            LinkEvent::Said(FromConnector::TunnelOpened { tunnel, client, role }) => {
                tracing::debug!(bus = id, tunnel, client, %role, "tunnel opened");
            }
            LinkEvent::Said(FromConnector::TunnelClosed { tunnel, reason }) => {
                tracing::debug!(bus = id, tunnel, reason = reason.word(), "tunnel closed");
            }
            LinkEvent::Ended { message } => {
                bus.lives.ended(&message);
                if bus.view.wanted && !matches!(bus.view.link, LinkState::Failed { .. }) {
                    let state = LinkState::Waiting {
                        retry_in_ms: 1000,
                        code: ENDED.to_owned(),
                        message,
                    };
                    self.link_is(id, state);
                }
            }
        }
    }

    fn link_is(&mut self, id: &str, state: LinkState) {
        let Some(bus) = self.bus_mut(id) else { return };
        // What a connector still says while it ends is of no interest.
        if !bus.view.wanted && (state != LinkState::Disconnected || bus.view.disabled.is_some()) {
            return;
        }
        let now = now_ms();
        let connected = |state: &LinkState| matches!(state, LinkState::Connected { .. });
        if connected(&state) {
            bus.view.pong_at_ms = Some(now);
        }
        let came = connected(&state) && !connected(&bus.view.link);
        if std::mem::discriminant(&bus.view.link) != std::mem::discriminant(&state) {
            bus.view.since_ms = now;
        }
        let ends = match &state {
            LinkState::Failed { code, .. } => ENDS_ENROLLMENT.iter().find(|end| *end == code),
            _ => None,
        };
        bus.view.link = state;
        let kept = bus.view.source == BusSource::Vault;
        self.bus_changed(id);
        if let (Some(reason), true) = (ends, kept) {
            self.disable(id, reason);
        }
        if came {
            self.check_mcp_if_unknown(id);
        }
    }

    /// Connects or disconnects one bus, or all. One that is disabled is tried again only when it is named.
    /// Answers once that is kept; the links follow at once.
    pub(super) fn set_wanted(&mut self, which: Option<&str>, wanted: bool, reply: Reply) {
        match self.meant(which) {
            Ok(mut ids) => {
                if let (Some(id), true) = (which, wanted)
                    && let Some(said) = self.on_elsewhere(id)
                {
                    return answer(Some(reply), said);
                }
                ids.retain(|id| {
                    let free = !wanted || self.on_elsewhere(id).is_none();
                    if free {
                        self.want(id, wanted);
                    }
                    free
                });
                self.keep_wishes(&ids, wanted, reply);
            }
            Err(wrong) => answer(Some(reply), wrong),
        }
    }

    fn meant(&self, which: Option<&str>) -> Result<Vec<String>, ControlReply> {
        if let Some(id) = which {
            return match self.bus(id) {
                Some(_) => Ok(vec![id.to_owned()]),
                None => Err(error(
                    "unknown_bus",
                    "there is no such bus; `drawbridge enrollments` lists them",
                )),
            };
        }
        let usable = |bus: &&super::buses::Bus| bus.view.disabled.is_none();
        let ids: Vec<String> = self
            .buses
            .iter()
            .filter(usable)
            .map(|bus| bus.view.id.clone())
            .collect();
        match (ids.is_empty(), self.buses.is_empty()) {
            (false, _) => Ok(ids),
            (true, false) => Err(error(
                "all_disabled",
                "no bus takes this host any more; `drawbridge enrollments` says how to enroll it again",
            )),
            (true, true) => Err(error(
                "no_bus",
                "no bus is configured; enroll this host with `drawbridge enroll --api URL`",
            )),
        }
    }

    fn want(&mut self, id: &str, wanted: bool) {
        let first = self.first_state(wanted);
        let Some(bus) = self.bus_mut(id) else { return };
        let given_up = matches!(bus.view.link, LinkState::Failed { .. } | LinkState::Disconnected);
        if bus.view.wanted == wanted && !(wanted && given_up) {
            return;
        }
        bus.view.wanted = wanted;
        bus.view.since_ms = now_ms();
        bus.view.disabled = None;
        bus.view.link = first;
        bus.handle.want(wanted);
        self.bus_changed(id);
    }

    /// Tells the buses how the host is.
    pub(super) fn report_status(&self) {
        let status = HostStatus {
            app_server_ready: self.app_server.state == AppServerState::Ready,
            active_threads: u32::try_from(self.threads.active_count()).unwrap_or(u32::MAX),
            open_approvals: u32::try_from(self.approvals.open_count()).unwrap_or(u32::MAX),
        };
        for bus in &self.buses {
            bus.handle.status(status);
        }
    }

    pub(super) fn bus_changed(&mut self, id: &str) {
        if let Some(bus) = self.bus(id) {
            let view = Box::new(bus.view.clone());
            self.changed(Change::Link(view));
        }
    }
}
