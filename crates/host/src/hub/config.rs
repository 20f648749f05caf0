//! The configuration while the host runs: what changes at once, what waits for a person, and who loses a
//! connection by it.

use super::vault::{Slot, answer};
use super::{Client, Hub, now_ms};
use crate::config::{Confirmed, Kept, Reading, pairs_in_words};
use crate::event::{Caller, ControlReply, Event, Reply, ToConnection, VaultEvent};
use crate::hub::control::error;
use drawbridge_audit::Entry;
use drawbridge_config::Security;
use drawbridge_vault::{VaultError, VaultHandle};
use drawbridge_wire::buses::ConfigView;
use drawbridge_wire::control::{Change, PolicyView};
use drawbridge_wire::link::TunnelEnd;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Whether something may have been confirmed, as far as can be told without opening the vault: an enrollment
/// can say so too, where the confirmed settings are gone.
pub(crate) fn something_may_be_confirmed(vault: &Path) -> bool {
    let ours = |name: &str| name.ends_with(".age") || name.ends_with(".age.bak");
    vault.is_dir()
        && std::fs::read_dir(vault).map_or(true, |mut entries| {
            entries.any(|entry| entry.map_or(true, |entry| entry.file_name().to_str().is_some_and(ours)))
        })
}

/// What an open vault says was confirmed.
pub(super) async fn confirmed_in(handle: &VaultHandle) -> Confirmed {
    match handle.confirmed().await {
        Ok(None) => Confirmed::Nothing,
        Ok(Some(kept)) => Confirmed::Kept(kept.settings),
        Err(error) => {
            tracing::error!(code = error.code(), %error, "the confirmed settings cannot be read");
            Confirmed::Unreadable
        }
    }
}

impl Hub {
    /// The file was read again.
    pub(super) fn on_config(&mut self, reading: Reading) {
        self.config.read(reading);
        self.config_changed("file");
        self.keep_what_is_narrower();
    }

    /// The vault was opened.
    pub(super) fn learn_confirmed(&mut self, confirmed: Confirmed) {
        self.config.confirm(confirmed);
        self.config_changed("confirmed");
        self.keep_what_is_narrower();
    }

    /// The vault's files were read again. `before` is what was confirmed when that began: what a person has
    /// confirmed since is newer than what was read.
    pub(super) fn found_confirmed(&mut self, before: &Confirmed, found: Confirmed) {
        let known = self.config.confirmed();
        if known == before && *known != found {
            self.learn_confirmed(found);
        }
    }

    /// Keeps as confirmed what the file narrows and nobody ever confirmed. Only in a vault that is open:
    /// none is made for this, and no keyring asked.
    fn keep_what_is_narrower(&self) {
        let narrower = self.config.narrower_than_confirmed();
        let Slot::Open(handle) = &self.vault else { return };
        if narrower.is_empty() {
            return;
        }
        let handle = handle.clone();
        self.spawn(async move {
            match add(&handle, narrower).await {
                Ok(added) => Some(Event::Vault(VaultEvent::Narrowed { added })),
                Err(error) => {
                    tracing::error!(code = error.code(), %error, "what the file narrows is not kept as confirmed");
                    Some(Event::Vault(VaultEvent::Changed))
                }
            }
        });
    }

    /// That is on the disk. What is in force stays what it was.
    pub(super) fn narrower_is_kept(&mut self, added: Kept) {
        for (key, value) in &added {
            self.record_confirmed(key, value, "first start");
        }
        self.config.confirm_further(added);
        self.config_changed("first start");
    }

    fn record_confirmed(&mut self, key: &str, value: &serde_json::Value, by: &str) {
        self.record(&Entry::PolicySet {
            setting: format!("confirmed {key}"),
            value: value.to_string(),
            by: by.to_owned(),
        });
    }

    pub(super) fn offer_config(&self) -> ControlReply {
        match self.vault {
            Slot::Opening => super::vault::busy(),
            _ => ControlReply::Offer(self.config.offer()),
        }
    }

    /// Puts in force what the configuration says now, and tells.
    pub(super) fn config_changed(&mut self, by: &str) {
        (self.log_level)(self.config.log_level());
        let security = self.config.in_force().clone();
        self.set_policy(&security, by);
        if let Some(view) = self.config_view() {
            self.changed(Change::Config(Box::new(view)));
        }
    }

    pub(super) fn config_view(&self) -> Option<ConfigView> {
        self.config.view(matches!(self.vault, Slot::Opening))
    }

    pub(super) fn policy_view(&self) -> PolicyView {
        PolicyView {
            answer: self.policy.answer,
            role: self.policy.role,
            roots: self.policy.roots.clone(),
            ceilings: pairs_in_words(&self.policy.ceilings),
        }
    }

    fn set_policy(&mut self, security: &Security, by: &str) {
        let old = self.policy.security();
        if old == *security {
            return;
        }
        let new = Arc::new(self.policy.with(security));
        let narrower = new.edition != self.policy.edition;
        self.policy = new.clone();
        self.policies.send_replace(new);
        self.record_policy(Some(&old), by);
        if narrower {
            self.close_outdated();
        }
        self.show_to_new_approvers(&old);
        self.approver_came();
        let view = self.policy_view();
        self.changed(Change::Policy(view));
    }

    /// Records what differs from before, or everything.
    pub(super) fn record_policy(&mut self, before: Option<&Security>, by: &str) {
        let now = words(&self.policy.security());
        let before = before.map(words);
        for (at, (setting, value)) in now.into_iter().enumerate() {
            if before.as_ref().is_some_and(|before| before[at].1 == value) {
                continue;
            }
            self.record(&Entry::PolicySet {
                setting: setting.to_owned(),
                value,
                by: by.to_owned(),
            });
        }
    }

    /// Ends every remote connection that began when more was allowed. What it asks until it has ended is
    /// refused.
    pub(super) fn close_outdated(&mut self) {
        for client in self.clients.values_mut() {
            client.close_if_before(self.policy.edition);
        }
    }

    /// Confirms what waits, if it is what the person saw.
    pub(super) fn accept_config(&mut self, digest: &str, reply: Reply) {
        if let Slot::Opening = self.vault {
            return answer(Some(reply), super::vault::busy());
        }
        let said = match self.config.offer().digest {
            None => Some(error(
                "nothing_waits",
                "what is in force is what was confirmed; there is nothing to confirm",
            )),
            Some(now) if now != digest => Some(error(
                "changed",
                "the settings are others than those that were shown; look at them again",
            )),
            Some(_) => None,
        };
        if let Some(said) = said {
            return answer(Some(reply), said);
        }
        let open = match &self.vault {
            Slot::Open(handle) => Some(handle.clone()),
            Slot::None => None,
            _ => match self.vault_handle() {
                Err(said) => return answer(Some(reply), said),
                Ok(handle) => Some(handle),
            },
        };
        let kept = self.config.accepted();
        let unreadable = self.config.is_unreadable();
        let opener = self.opener(open);
        self.spawn(async move {
            let handle = match opener.handle().await {
                Ok(handle) => handle,
                Err(said) => {
                    answer(Some(reply), said);
                    return None;
                }
            };
            match save(&handle, kept.clone(), unreadable).await {
                Ok(()) => Some(Event::Vault(VaultEvent::Confirmed { kept, reply })),
                Err(wrong) => {
                    answer(Some(reply), error(wrong.code(), &wrong.to_string()));
                    Some(Event::Vault(VaultEvent::Changed))
                }
            }
        });
    }

    /// What was confirmed is on the disk; now it counts.
    pub(super) fn config_accepted(&mut self, kept: Kept, reply: Reply) {
        let before = self.config.kept().cloned().unwrap_or_default();
        for (key, value) in &kept {
            if before.get(key) != Some(value) {
                self.record_confirmed(key, value, "local");
            }
        }
        self.config.confirm(Confirmed::Kept(kept));
        self.config_changed("local");
        answer(Some(reply), ControlReply::Done);
    }
}

/// Settings that cannot be read are put away only here, where a person has just seen every one of them.
async fn save(handle: &VaultHandle, settings: Kept, unreadable: bool) -> Result<(), VaultError> {
    if unreadable {
        handle.forget_confirmed().await?;
    }
    let at = now_ms() / 1000;
    handle.confirm(drawbridge_vault::Confirmed { settings, at }).await
}

/// Adds what is not kept yet, and says what that was.
async fn add(handle: &VaultHandle, settings: Kept) -> Result<Kept, VaultError> {
    let mut kept = handle
        .confirmed()
        .await?
        .map_or_else(Kept::new, |kept| kept.settings);
    let mut added = settings;
    added.retain(|key, _| !kept.contains_key(key));
    kept.extend(added.clone());
    save(handle, kept, false).await?;
    Ok(added)
}

impl Client {
    /// Ends a remote connection that keeps a policy of before.
    pub(super) fn close_if_before(&mut self, edition: u64) {
        if self.closing || !self.caller.is_remote() || self.edition >= edition {
            return;
        }
        self.closing = true;
        let close = ToConnection::Close(TunnelEnd::PolicyChanged);
        if self.outbox.try_send(close).is_err() {
            // It has not taken what waits for it; without a sender it ends all the same.
            self.outbox = mpsc::channel(1).0;
        }
    }

    /// The role of a remote whose connection counts.
    pub(super) fn remote_role(&self) -> Option<drawbridge_wire::Role> {
        match &self.caller {
            Caller::Remote { role, .. } if !self.closing => Some(*role),
            _ => None,
        }
    }
}

fn words(security: &Security) -> [(&'static str, String); 4] {
    let roots: Vec<_> = security.roots.iter().map(|r| r.display().to_string()).collect();
    [
        ("answer", security.answer.to_string()),
        ("role", security.role.to_string()),
        ("roots", roots.join(":")),
        ("ceilings", pairs_in_words(&security.ceilings).join(", ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::something_may_be_confirmed;

    // proves S5.47
    #[test]
    fn any_file_of_the_vault_may_say_that_something_was_confirmed() {
        let scratch = drawbridge_testkit::home::scratch_dir("may").unwrap();
        let vault = scratch.path().join("vault");
        assert!(!something_may_be_confirmed(&vault));
        std::fs::create_dir(&vault).unwrap();
        std::fs::write(vault.join("vault.lock"), "").unwrap();
        assert!(!something_may_be_confirmed(&vault));
        for name in ["confirmed.age", "confirmed.age.bak", "bus.age", "bus.age.bak"] {
            std::fs::write(vault.join(name), "").unwrap();
            assert!(something_may_be_confirmed(&vault), "{name}");
            std::fs::remove_file(vault.join(name)).unwrap();
        }
    }
}
