//! Enrolling at a bus, changing what is kept of it, forgetting it.

use super::Hub;
use super::buses::MCP_NAME;
use super::twice::{Asking, twice};
use super::vault::{Slot, answer, busy};
use crate::event::{ControlReply, Event, Reply, VaultEvent};
use crate::hub::control::error;
use drawbridge_connector::ConnectorError;
use drawbridge_vault::{BusId, Enrollment, McpServer, VaultError, VaultHandle};
use drawbridge_wire::Secret;
use drawbridge_wire::buses::{BusSource, Enroll, McpSetting, Permission, SetEnrollment};
use drawbridge_wire::link::authority_of;
use drawbridge_wire::pipe::{Ask, AskAnswer};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest name of a bus, in characters.
const LONGEST_NAME: usize = 100;

/// Where a bus is, in all the forms that are needed.
pub(super) struct Place {
    pub(super) connect_url: String,
    enroll_url: String,
    mcp_url: String,
    origin: String,
    pub(super) at: String,
}

impl Place {
    pub(super) fn of(api: &str) -> Result<Self, ConnectorError> {
        let origin = drawbridge_connector::origin(api)?;
        Ok(Self {
            connect_url: drawbridge_connector::connect_url(api)?.to_string(),
            enroll_url: drawbridge_connector::api_url(api, &["api", "enroll"])?.to_string(),
            mcp_url: drawbridge_connector::mcp_url(api)?.to_string(),
            at: authority_of(&origin).to_owned(),
            origin,
        })
    }
}

impl Hub {
    /// Tries the token or trades the code, keeps what came of it, connects. Nothing is kept that does not
    /// count at the bus.
    pub(super) fn enroll(&mut self, params: Enroll, reply: Reply) {
        let (place, handle, what) = match self.may_enroll(&params) {
            Ok(enrolling) => enrolling,
            Err(said) => return answer(Some(reply), said),
        };
        self.enrolling = true;
        let (spawner, base) = (self.spawner.clone(), self.base.clone());
        let log = self.layout.log_file("asks");
        let others = self.others(&place.origin);
        let opener = self.opener(handle);
        let enrolled = async move {
            // The keyring first: a code that was traded and cannot be kept would be lost.
            let handle = opener.handle().await?;
            let asking = Asking {
                spawner: &spawner,
                base: &base,
                log: &log,
            };
            let bus = twice(&asking, &place, params.ca_file.as_ref(), others).await?;
            let found = crate::ask::ask(
                &spawner,
                &base,
                log,
                place.at.clone(),
                params.ca_file.clone(),
                what,
            )
            .await;
            let token = token_of(found, &params.by)?;
            Ok(keep(&handle, place, params, token, bus).await)
        };
        self.spawn(async move {
            let then = match enrolled.await {
                Ok(kept) => saved(kept, true, reply),
                Err(said) => {
                    answer(Some(reply), said);
                    None
                }
            };
            let then = match then {
                Some(Event::Vault(then)) => Some(Box::new(then)),
                _ => None,
            };
            Some(Event::Vault(VaultEvent::EnrollEnded(then)))
        });
    }

    /// Where the bus is, the vault as far as it is open, and what the bus is asked, if this can be an enrollment
    /// and none is under way.
    fn may_enroll(&self, params: &Enroll) -> Result<(Place, Option<VaultHandle>, Ask), ControlReply> {
        let place = Place::of(&params.api).map_err(|wrong| error(wrong.code(), &wrong.to_string()))?;
        if params.name.as_ref().is_some_and(|name| !good_name(name)) {
            return Err(bad_name());
        }
        good_mcp(&params.mcp)?;
        let handle = match &self.vault {
            Slot::Open(handle) => Some(handle.clone()),
            Slot::Opening => return Err(busy()),
            // A vault that failed may be in order by now, a locked keyring unlocked.
            Slot::None | Slot::Failed { .. } => None,
        };
        let what = match &params.by {
            Permission::Token(token) => Ask::Token {
                connect_url: place.connect_url.clone(),
                token: token.clone(),
            },
            Permission::Code(typed) => {
                let Some(code) = drawbridge_wire::enroll::normal_code(typed.reveal()) else {
                    let said = "a code is ten letters and digits; copy it again";
                    return Err(error("bad_code", said));
                };
                Ask::Trade {
                    enroll_url: place.enroll_url.clone(),
                    request: self.identity.trade(&code, &place.origin),
                }
            }
        };
        if self.enrolling {
            let said = "another enrollment is under way; try again when that has ended";
            return Err(error("enrolling", said));
        }
        Ok((place, handle, what))
    }

    /// An enrollment is on disk; now it is used.
    pub(super) fn saved(&mut self, enrollment: Enrollment, anew: bool) {
        let id = enrollment.id.as_str().to_owned();
        if anew {
            self.record_enrollment(&id, "enrolled");
            let origin = drawbridge_connector::origin(&enrollment.api_origin).unwrap_or_default();
            // A person who enrolls means what is enrolled, not flags of an earlier start.
            let old: Vec<String> = self
                .buses
                .iter()
                .filter(|bus| bus.view.id == id || bus.origin == origin)
                .map(|bus| bus.view.id.clone())
                .collect();
            for id in old {
                self.remove_bus(&id);
            }
            return self.add_enrolled(enrollment);
        }
        let Some(bus) = self.bus_mut(&id) else { return };
        bus.view.name = enrollment.name;
        if let (Some(mcp), Some(kept)) = (&mut bus.view.mcp, enrollment.mcp) {
            mcp.name = kept.name;
            mcp.url = kept.url;
            mcp.has_token = kept.token.is_some();
            bus.mcp_token = kept.token;
        }
        self.publish_buses();
        self.bus_changed(&id);
        if !self.visit {
            self.look_at_mcp(&id);
        }
    }

    pub(super) fn set_enrollment(&mut self, params: SetEnrollment, reply: Reply) {
        if params.name.as_ref().is_some_and(|name| !good_name(name)) {
            return answer(Some(reply), bad_name());
        }
        if let Err(said) = good_mcp(&params.mcp) {
            return answer(Some(reply), said);
        }
        let (handle, id, mcp_url) = match self.kept(&params.bus) {
            Ok(kept) => kept,
            Err(said) => return answer(Some(reply), said),
        };
        self.spawn(async move {
            let changed = async {
                let mut kept = handle.get(id).await?;
                if let Some(name) = params.name {
                    kept.name = name;
                }
                kept.mcp = Some(changed_mcp(kept.mcp.take(), params.mcp, &mcp_url));
                handle.put(kept.clone()).await?;
                Ok(kept)
            };
            saved(changed.await, false, reply)
        });
    }

    pub(super) fn forget(&mut self, bus: &str, reply: Reply) {
        // Also one whose file cannot be read, which is no bus of this run.
        let (handle, id) = match (self.vault_handle(), BusId::new(bus)) {
            (Ok(handle), Ok(id)) => (handle, id),
            (Err(said), _) => return answer(Some(reply), said),
            (_, Err(wrong)) => return answer(Some(reply), error(wrong.code(), &wrong.to_string())),
        };
        self.spawn(async move {
            match handle.remove(id.clone()).await {
                Ok(()) => Some(Event::Vault(VaultEvent::Forgotten { id, reply })),
                Err(wrong) => {
                    answer(Some(reply), error(wrong.code(), &wrong.to_string()));
                    None
                }
            }
        });
    }

    /// The vault's handle, the id and the default MCP address of an enrolled bus.
    fn kept(&self, bus: &str) -> Result<(VaultHandle, BusId, String), ControlReply> {
        let unknown = || {
            error(
                "unknown_bus",
                "there is no such enrollment; `drawbridge enrollments` lists them",
            )
        };
        let found = self.bus(bus).ok_or_else(unknown)?;
        if found.view.source == BusSource::Flags {
            return Err(error(
                "not_enrolled",
                "this bus was named by flags and is kept nowhere; enroll it with `drawbridge enroll`",
            ));
        }
        let id = BusId::new(bus).map_err(|_| unknown())?;
        let mcp_url = Place::of(&found.view.api).map_err(|_| unknown())?.mcp_url;
        Ok((self.vault_handle()?, id, mcp_url))
    }
}

/// The token that counts at the bus, by what the bus said to the one or the code that was given.
fn token_of(found: AskAnswer, by: &Permission) -> Result<Secret, ControlReply> {
    match (found, by) {
        (AskAnswer::Traded { token }, _) => Ok(token),
        (AskAnswer::Good, Permission::Token(token)) => Ok(token.clone()),
        (AskAnswer::Bad { code, message }, _) => Err(error(&code, &message)),
        (AskAnswer::Good | AskAnswer::Bus { .. }, _) => {
            let said = "the bus took the code and gave no token; ask it for a new code";
            Err(error("bad_answer", said))
        }
    }
}

/// Keeps an enrollment, in the place of an earlier one at the same bus.
async fn keep(
    handle: &VaultHandle,
    place: Place,
    params: Enroll,
    token: Secret,
    bus: Option<String>,
) -> Result<Enrollment, VaultError> {
    // What the vault says counts: it may have been closed until now.
    let all = handle.list().await?;
    let at_this = |kept: &&Enrollment| {
        drawbridge_connector::origin(&kept.api_origin).ok().as_ref() == Some(&place.origin)
    };
    let earlier = all.iter().find(at_this).cloned();
    let id = match &earlier {
        Some(kept) => kept.id.clone(),
        None => handle.free_id(place.origin.clone()).await?,
    };
    // The order of buses is that of their making, also of two that are made within a second.
    let newest = all.iter().map(|kept| kept.made_at).max();
    let made_at = match &earlier {
        Some(kept) => kept.made_at,
        None => now_secs().max(newest.map_or(0, |newest| newest.saturating_add(1))),
    };
    let earlier_mcp = earlier.as_ref().and_then(|kept| kept.mcp.clone());
    let enrollment = Enrollment {
        name: params
            .name
            .or_else(|| earlier.as_ref().map(|kept| kept.name.clone()))
            .unwrap_or(place.at),
        api_origin: params.api,
        host_id: None,
        token,
        on: true,
        disabled: None,
        mcp: Some(changed_mcp(earlier_mcp, params.mcp, &place.mcp_url)),
        bus,
        ca_file: params.ca_file,
        made_at,
        id,
    };
    handle.put(enrollment.clone()).await?;
    Ok(enrollment)
}

fn saved(result: Result<Enrollment, VaultError>, anew: bool, reply: Reply) -> Option<Event> {
    match result {
        Ok(enrollment) => Some(Event::Vault(VaultEvent::Saved {
            enrollment: Box::new(enrollment),
            anew,
            reply: Some(reply),
        })),
        Err(wrong) => {
            answer(Some(reply), error(wrong.code(), &wrong.to_string()));
            Some(Event::Vault(VaultEvent::Changed))
        }
    }
}

/// What is kept of an MCP server after a change.
fn changed_mcp(earlier: Option<McpServer>, change: McpSetting, default_url: &str) -> McpServer {
    let mut mcp = earlier.unwrap_or_else(|| McpServer {
        name: MCP_NAME.to_owned(),
        url: default_url.to_owned(),
        token: None,
    });
    if let Some(name) = change.name.filter(|name| !name.is_empty()) {
        mcp.name = name;
    }
    if let Some(url) = change.url.filter(|url| !url.is_empty()) {
        mcp.url = url;
    }
    if let Some(token) = change.token {
        mcp.token = Some(token).filter(|token| !token.is_empty());
    }
    mcp
}

/// A token will travel to that address, and codex takes no other names.
fn good_mcp(mcp: &McpSetting) -> Result<(), ControlReply> {
    let named = mcp.name.as_deref().unwrap_or_default();
    let sign = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if named.chars().count() > LONGEST_NAME || !named.chars().all(sign) {
        let said = "the name of an MCP server has letters, digits, `-` and `_` only";
        return Err(error("bad_mcp_name", said));
    }
    let url = mcp.url.as_deref().filter(|url| !url.is_empty());
    match url.map(drawbridge_connector::web_url).transpose() {
        Ok(_) => Ok(()),
        Err(wrong @ ConnectorError::InsecureUrl { .. }) => Err(error(wrong.code(), &wrong.to_string())),
        // Not repeated: it may carry a password.
        Err(wrong) => Err(error(
            wrong.code(),
            "the address of the MCP server cannot be used; give it as https://HOST[:PORT]/PATH, without a user \
             or password",
        )),
    }
}

fn good_name(name: &str) -> bool {
    let long = name.chars().count();
    (1..=LONGEST_NAME).contains(&long) && !name.chars().any(char::is_control)
}

fn bad_name() -> ControlReply {
    error("bad_name", "a name is one line of 1 to 100 characters")
}

fn now_secs() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
