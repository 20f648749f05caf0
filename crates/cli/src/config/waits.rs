//! After a key was set: whether it counts, or waits for a person.

use super::{now, show};
use crate::place::Place;
use crate::{CliError, screen};
use drawbridge_config::{InForce, Name, Problem, Security, Store, pair_of_words, words};
use drawbridge_consent::visible_line;
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_wire::control::HostView;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// Longest until the host has read the file again.
const READS: Duration = Duration::from_secs(3);

/// What a host makes of the new value.
enum Found {
    Counts,
    Waits(String),
}

/// Says what no remote client gets of a security setting, and that it waits, or may have to. The file is written by now, whatever a host says.
pub(super) async fn tell(place: &Place, file: &Path, key: &str) {
    if let Err(error) = find_out(place, file, key).await {
        screen::note_line(&format!("whether {key} waits could not be asked: {error}"));
    }
}

async fn find_out(place: &Place, file: &Path, key: &str) -> Result<(), CliError> {
    let Some(name) = Name::of_path(key).filter(|name| name.key().guarded) else {
        return Ok(());
    };
    let store = Store::look(file, &place.data_dir, now());
    let state = store.state();
    let shown = file.display().to_string();
    let (found, wanted) = show::resolved(&state.in_force, &shown, &place.data_dir, |_| None);
    if name == Name::Roots && state.from == InForce::File {
        let bad_root = |problem: &&Problem| problem.code == "bad_root";
        found.problems.iter().filter(bad_root).for_each(super::tell_one);
    }
    // Where the host works is not known here: without a list of folders any is what is wanted.
    let says_where = name != Name::Roots || found.settings.values().paths(Name::Roots).is_some();
    let wanted = says_where.then(|| words(&wanted, name, false));
    let mut client = match ControlClient::connect(&place.data_dir, "drawbridge config set", false).await {
        Ok(client) => client,
        Err(ControlError::NotRunning(_)) => {
            if !is_narrowest(name, wanted.as_deref()) {
                screen::note_line(&format!(
                    "no host runs; if this goes past what was last confirmed for {key}, it waits for `drawbridge \
                     config accept`"
                ));
            }
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let mut view = client.snapshot().await?;
    if view.config.as_ref().is_none_or(|config| config.file != file) {
        return Ok(());
    }
    let following = async {
        loop {
            if let Some(found) = look(&view, name, wanted.as_deref()) {
                return Ok::<_, CliError>(found);
            }
            let delta = client.next().await?;
            drawbridge_control::apply(&mut view, delta.seq, &delta.change);
        }
    };
    match timeout(READS, following).await {
        Ok(Ok(Found::Counts)) => {}
        Ok(Ok(Found::Waits(in_force))) => screen::note_line(&format!(
            "{key} waits: in force is {} until `drawbridge config accept` confirms it",
            visible_line(&in_force)
        )),
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            screen::note_line(
                "`drawbridge config show` says whether it waits for `drawbridge config accept`",
            );
        }
    }
    Ok(())
}

fn look(view: &HostView, name: Name, wanted: Option<&str>) -> Option<Found> {
    let config = view.config.as_ref()?;
    let waits = config.waiting.iter().find(|wider| wider.key == name.key().path);
    match (waits, wanted) {
        (Some(wider), None) => Some(Found::Waits(wider.from.clone())),
        (Some(wider), Some(wanted)) if wider.to == wanted => Some(Found::Waits(wider.from.clone())),
        (None, Some(wanted)) => {
            let policy = &view.policy;
            let in_force = Security {
                role: policy.role,
                answer: policy.answer,
                roots: policy.roots.clone(),
                ceilings: policy
                    .ceilings
                    .iter()
                    .filter_map(|pair| pair_of_words(pair))
                    .collect(),
            };
            (words(&in_force, name, false) == wanted).then_some(Found::Counts)
        }
        _ => None,
    }
}

fn is_narrowest(name: Name, wanted: Option<&str>) -> bool {
    matches!(
        (name, wanted),
        (Name::Role, Some("viewer")) | (Name::Answer, Some("local")) | (Name::Ceilings, Some("nothing"))
    )
}
