//! One bus under two addresses. A bus keeps one link for each host, so that two enrollments there would take
//! it from each other; it is found out before a token is kept or a code is traded.

use super::Hub;
use super::enroll::Place;
use crate::ask::ConnectorBase;
use crate::event::ControlReply;
use crate::hub::control::error;
use drawbridge_process::Spawner;
use drawbridge_wire::buses::BusSource;
use drawbridge_wire::pipe::{Ask, AskAnswer};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Longest for all other buses together. One that does not answer has no link to lose now.
const OTHERS: Duration = Duration::from_secs(5);

/// How something is asked of a bus.
pub(super) struct Asking<'a> {
    pub(super) spawner: &'a Arc<Spawner>,
    pub(super) base: &'a ConnectorBase,
    pub(super) log: &'a PathBuf,
}

/// A bus that is used under another address.
pub(super) struct Other {
    id: String,
    name: String,
    api: String,
    source: BusSource,
    ca_file: Option<PathBuf>,
}

impl Hub {
    /// Buses at other addresses. Those that are off or that do not take this host are left alone.
    pub(super) fn others(&self, origin: &str) -> Vec<Other> {
        self.buses
            .iter()
            .filter(|bus| bus.origin != origin && bus.view.wanted && bus.view.disabled.is_none())
            .map(|bus| Other {
                id: bus.view.id.clone(),
                name: bus.view.name.clone(),
                api: bus.view.api.clone(),
                source: bus.view.source,
                ca_file: bus.ca_file.clone(),
            })
            .collect()
    }
}

/// Why a bus cannot be enrolled at this address: it is used under another, or it does not answer at all.
pub(super) async fn twice(
    asking: &Asking<'_>,
    place: &Place,
    ca_file: Option<&PathBuf>,
    others: Vec<Other>,
) -> Option<ControlReply> {
    if others.is_empty() {
        return None;
    }
    let id = match asking.which(place, ca_file.cloned()).await.ok()? {
        AskAnswer::Bus { id } => id?,
        // Another question would come to the same, after as long a wait.
        AskAnswer::Bad { code, message } => return Some(error(&code, &message)),
        _ => return None,
    };
    let deadline = Instant::now() + OTHERS;
    // Each in a task of its own: one that takes too long still ends its connector.
    let asked: Vec<_> = others
        .into_iter()
        .filter_map(|other| {
            let place = Place::of(&other.api).ok()?;
            Some((asking.which(&place, other.ca_file.clone()), other))
        })
        .collect();
    for (answer, other) in asked {
        if let Ok(Ok(AskAnswer::Bus { id: Some(found) })) = timeout_at(deadline, answer).await
            && found == id
        {
            return Some(same(&other));
        }
    }
    None
}

impl Asking<'_> {
    fn which(&self, place: &Place, ca_file: Option<PathBuf>) -> tokio::task::JoinHandle<AskAnswer> {
        let (spawner, base, log) = (self.spawner.clone(), self.base.clone(), self.log.clone());
        let at = place.at.clone();
        let what = Ask::Bus {
            connect_url: place.connect_url.clone(),
        };
        tokio::spawn(async move { crate::ask::ask(&spawner, &base, log, at, ca_file, what).await })
    }
}

fn same(other: &Other) -> ControlReply {
    let (name, api) = (
        drawbridge_consent::visible_line(&other.name),
        drawbridge_consent::visible_line(&other.api),
    );
    let what_to_do = match other.source {
        BusSource::Vault => format!(
            "use that enrollment, or let go of it first with `drawbridge forget {}`",
            other.id
        ),
        BusSource::Flags => {
            "the flags of the host that runs name it; enroll it at that address, or stop that host \
                             first with `drawbridge stop`"
                .to_owned()
        }
    };
    error(
        "already_enrolled",
        &format!(
            "this is the bus that this computer knows as {name} under {api}. It keeps one link for each computer, so \
             that two addresses would take it from each other; nothing was changed: {what_to_do}"
        ),
    )
}
