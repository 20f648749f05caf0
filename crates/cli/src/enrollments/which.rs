//! Which enrollment a person means: by its id, or by a name that only one has.

use crate::connect::report::enroll_again;
use drawbridge_consent::visible_line;
use drawbridge_wire::buses::{LinkView, VaultCondition};
use drawbridge_wire::control::HostView;

/// Name of the vault's file that is no enrollment.
const CONFIRMED: &str = "confirmed";
/// Longer words are no slip of the pen.
const LONGEST: usize = 64;

/// Why it is not known which one is meant, or why it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WhichError {
    /// None of that id or name.
    #[error(
        "there is no enrollment `{}`{}; `drawbridge enrollments` lists them",
        visible_line(.said),
        .meant.as_ref().map(|meant| format!("; did you mean `{}`?", visible_line(meant))).unwrap_or_default()
    )]
    Unknown {
        /// What was typed.
        said: String,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// Several have that name.
    #[error("`{}` is the name of several; give the id of one: {}", visible_line(.said), .ids.join(", "))]
    Ambiguous {
        /// What was typed.
        said: String,
        /// Each that it may be.
        ids: Vec<String>,
    },
    /// The bus does not take this host any more.
    #[error(
        "{} does not take this host any more [{}]; {}",
        visible_line(.name), visible_line(.reason), enroll_again(.reason, .api)
    )]
    Disabled {
        /// What it is called.
        name: String,
        /// The bus's word.
        reason: String,
        /// Its address.
        api: String,
    },
    /// Nobody can read which there are.
    #[error("{message}")]
    VaultClosed {
        /// Why, as a code.
        code: String,
        /// Why, and what to do.
        message: String,
    },
}

impl WhichError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            WhichError::Unknown { .. } => "unknown_bus",
            WhichError::Ambiguous { .. } => "ambiguous_name",
            WhichError::Disabled { .. } => "enrollment_disabled",
            WhichError::VaultClosed { code, .. } => code,
        }
    }
}

/// The id that is meant.
pub(super) fn id(view: &HostView, said: &str) -> Result<String, WhichError> {
    // Also one whose file cannot be read, which is no bus of this run: it can be forgotten.
    let files = || view.vault.files.iter().map(|file| file.name.as_str());
    let files = || files().filter(|name| *name != CONFIRMED);
    let ids = || view.links.iter().map(|link| link.id.as_str()).chain(files());
    if ids().any(|id| id == said) {
        return Ok(said.to_owned());
    }
    let called = |link: &&LinkView| link.name == said || link.bus == said;
    let mut found = view.links.iter().filter(called).map(|link| link.id.clone());
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(first), Some(second)) => Err(WhichError::Ambiguous {
            said: said.to_owned(),
            ids: [first, second].into_iter().chain(found).collect(),
        }),
        (None, _) => Err(match &view.vault.state {
            VaultCondition::Failed { code, message } => WhichError::VaultClosed {
                code: code.clone(),
                message: message.clone(),
            },
            _ => WhichError::Unknown {
                said: said.to_owned(),
                meant: nearest(
                    said,
                    ids().chain(view.links.iter().map(|link| link.name.as_str())),
                ),
            },
        }),
    }
}

/// Refuses what only a new enrollment can switch on.
pub(super) fn usable(view: &HostView, id: &str) -> Result<(), WhichError> {
    let link = view.links.iter().find(|link| link.id == id);
    match link.and_then(|link| Some((link, link.disabled.as_ref()?))) {
        Some((link, disabled)) => Err(WhichError::Disabled {
            name: link.name.clone(),
            reason: disabled.reason.clone(),
            api: link.api.clone(),
        }),
        None => Ok(()),
    }
}

fn nearest<'a>(said: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    // Comparing is quadratic in the length.
    if said.is_empty() || said.len() > LONGEST {
        return None;
    }
    let said = said.to_lowercase();
    candidates
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&said, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}
