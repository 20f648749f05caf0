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
    own_name: Option<String>,
    /// Whether it is switched on, and so is asked anew.
    on: bool,
}

impl Hub {
    /// Buses at other addresses but those that do not take this host any more. One that is off is not asked;
    /// what it said once counts.
    pub(super) fn others(&self, origin: &str) -> Vec<Other> {
        self.buses
            .iter()
            .filter(|bus| bus.origin != origin && bus.view.disabled.is_none())
            .map(|bus| Other {
                id: bus.view.id.clone(),
                name: bus.view.name.clone(),
                api: bus.view.api.clone(),
                source: bus.view.source,
                ca_file: bus.ca_file.clone(),
                own_name: bus.own_name.clone(),
                on: bus.view.wanted,
            })
            .collect()
    }

    /// Why a bus cannot be switched on: it is on already, under another address.
    pub(super) fn on_elsewhere(&self, id: &str) -> Option<ControlReply> {
        let bus = self.bus(id)?;
        let own = bus.own_name.as_ref()?;
        let same = |other: &&super::buses::Bus| {
            other.origin != bus.origin && other.view.wanted && other.own_name.as_ref() == Some(own)
        };
        let other = self.buses.iter().find(same)?;
        let said = format!(
            "this is the bus that is on as {} under {}. It keeps one link for each computer, so that two addresses \
             would take it from each other; nothing was changed: switch that one off first with `drawbridge \
             enrollments off {}`",
            drawbridge_consent::visible_line(&other.view.name),
            drawbridge_consent::visible_line(&other.view.api),
            other.view.id
        );
        Some(error("already_on", &said))
    }
}

/// What the bus at this address calls itself; or why it cannot be enrolled there: it is used under another
/// address, or it does not answer at all.
pub(super) async fn twice(
    asking: &Asking<'_>,
    place: &Place,
    ca_file: Option<&PathBuf>,
    others: Vec<Other>,
) -> Result<Option<String>, ControlReply> {
    let id = match asking.which(place, ca_file.cloned()).await {
        Ok(AskAnswer::Bus { id: Some(id) }) => id,
        // Another question would come to the same, after as long a wait.
        Ok(AskAnswer::Bad { code, message }) => return Err(error(&code, &message)),
        _ => return Ok(None),
    };
    let remembered = |other: &&Other| !other.on && other.own_name.as_ref() == Some(&id);
    if let Some(other) = others.iter().find(remembered) {
        return Err(same(other));
    }
    let deadline = Instant::now() + OTHERS;
    // Each in a task of its own: one that takes too long still ends its connector.
    let asked: Vec<_> = others
        .into_iter()
        .filter(|other| other.on)
        .filter_map(|other| {
            let place = Place::of(&other.api).ok()?;
            Some((asking.which(&place, other.ca_file.clone()), other))
        })
        .collect();
    for (answer, other) in asked {
        if let Ok(Ok(AskAnswer::Bus { id: Some(found) })) = timeout_at(deadline, answer).await
            && found == id
        {
            return Err(same(&other));
        }
    }
    Ok(Some(id))
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
