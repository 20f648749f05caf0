//! The connector and the link it keeps.

use super::Hub;
use crate::event::{ControlReply, LinkEvent};
use crate::link::HostStatus;
use drawbridge_wire::control::{AppServerState, Change};
use drawbridge_wire::pipe::{FromConnector, LinkState, ToConnector};

impl Hub {
    pub(super) fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Started { pid } => {
                tracing::info!(pid, "connector started");
                self.report_status();
            }
            LinkEvent::Said(FromConnector::Sign { nonce }) => {
                if let Some(link) = &self.link {
                    let signature = self.identity.sign(&nonce, link.origin());
                    link.send(ToConnector::Signature { nonce, signature });
                }
            }
            LinkEvent::Said(FromConnector::Link { state }) => self.link_is(state),
            // Only a connector that was asked answers; this one keeps a link.
            LinkEvent::Said(FromConnector::Answer { .. }) => {
                tracing::warn!("the connector answered a question nobody asked");
            }
            LinkEvent::Said(FromConnector::TunnelOpened { tunnel, client, role }) => {
                tracing::info!(tunnel, client, %role, "tunnel opened");
            }
            LinkEvent::Said(FromConnector::TunnelClosed { tunnel, reason }) => {
                tracing::info!(tunnel, reason = reason.word(), "tunnel closed");
            }
            LinkEvent::Ended { message } => {
                if self
                    .link_view
                    .as_ref()
                    .is_some_and(|v| v.wanted && !matches!(v.link, LinkState::Failed { .. }))
                {
                    self.link_is(LinkState::Waiting {
                        retry_in_ms: 1000,
                        code: "connector_ended".to_owned(),
                        message,
                    });
                }
            }
        }
    }

    fn link_is(&mut self, state: LinkState) {
        if let Some(view) = &mut self.link_view {
            // What a connector still says while it ends is of no interest.
            if !view.wanted && state != LinkState::Disconnected {
                return;
            }
            view.link = state;
            let view = view.clone();
            self.changed(Change::Link(view));
        }
    }

    pub(super) fn set_wanted(&mut self, wanted: bool) -> ControlReply {
        let (Some(link), Some(view)) = (&self.link, &mut self.link_view) else {
            return ControlReply::Error {
                code: "bad_request",
                message: "no bus is configured; start with `drawbridge connect --api URL`".to_owned(),
            };
        };
        let given_up = matches!(view.link, LinkState::Failed { .. } | LinkState::Disconnected);
        if view.wanted == wanted && !(wanted && given_up) {
            return ControlReply::Done;
        }
        view.wanted = wanted;
        view.link = if wanted {
            LinkState::Connecting { attempt: 1 }
        } else {
            LinkState::Disconnected
        };
        link.want(wanted);
        let view = view.clone();
        self.changed(Change::Link(view));
        ControlReply::Done
    }

    /// Tells the bus how the host is.
    pub(super) fn report_status(&self) {
        if let Some(link) = &self.link {
            link.status(HostStatus {
                app_server_ready: self.app_server.state == AppServerState::Ready,
                active_threads: u32::try_from(self.threads.active_count()).unwrap_or(u32::MAX),
                open_approvals: u32::try_from(self.approvals.open_count()).unwrap_or(u32::MAX),
            });
        }
    }
}
