//! The vault: opened when there is one, made by the first enrollment. Every use of it is a task, because
//! the keyring may take its time or wait for a person.

use super::{Hub, now_ms};
use crate::event::{ControlReply, Event, OpenVault, Reply, VaultEvent};
use crate::hub::control::error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drawbridge_audit::Entry;
use drawbridge_vault::{BusId, Condition, Disabled, KeySource, Notice, VaultError, VaultHandle, VaultState};
use drawbridge_wire::buses::{BusSource, DisabledView, NoticeView, VaultCondition, VaultFileView, VaultView};
use drawbridge_wire::control::{Change, Exported, Import, Imported};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// How long what is being saved may take when the host ends.
const CLOSES: Duration = Duration::from_secs(8);

/// Years have four digits.
const LAST_SECOND: u64 = 253_402_300_799;

/// How far the vault is.
pub(super) enum Slot {
    /// There is none yet.
    None,
    Opening,
    Open(VaultHandle),
    Failed {
        code: &'static str,
        message: String,
    },
}

impl Hub {
    /// Opens the vault if there is one. Without one no keyring is asked for anything.
    pub(super) fn begin_with_vault(&mut self) {
        if self.layout.vault_dir().is_dir() {
            self.open_vault(None);
        } else {
            self.tokens_are_known();
        }
    }

    pub(super) fn open_vault(&mut self, reply: Option<Reply>) {
        if let Slot::Open(_) | Slot::Opening = self.vault {
            answer(
                reply,
                match self.vault {
                    Slot::Opening => busy(),
                    _ => ControlReply::Done,
                },
            );
            return;
        }
        self.vault = Slot::Opening;
        self.vault_changed();
        let (dir, key) = (self.layout.vault_dir(), self.vault_key.clone());
        self.spawn(async move {
            let result = open(&dir, &key).await;
            Some(Event::Vault(VaultEvent::Opened { result, reply }))
        });
    }

    /// Reads every file anew and tells what is found. A vault that is not open is told as it is.
    pub(super) fn check_vault(&mut self, reply: Reply) {
        let Slot::Open(handle) = &self.vault else {
            return answer(Some(reply), ControlReply::Vault(Box::new(self.vault_view())));
        };
        let handle = handle.clone();
        let before = self.config.confirmed().clone();
        self.spawn(async move {
            match handle.reread().await {
                Ok(()) => Some(Event::Vault(VaultEvent::Checked {
                    before,
                    confirmed: super::config::confirmed_in(&handle).await,
                    reply,
                })),
                Err(wrong) => {
                    answer(Some(reply), error(wrong.code(), &wrong.to_string()));
                    None
                }
            }
        });
    }

    /// Waits, bounded, until what is being saved is saved.
    pub(super) async fn close_vault(&mut self) {
        let Slot::Open(handle) = std::mem::replace(&mut self.vault, Slot::None) else {
            return;
        };
        if !matches!(tokio::time::timeout(CLOSES, handle.close()).await, Ok(Ok(()))) {
            tracing::warn!("the vault is still in use; a change of it may be lost");
        }
    }

    pub(super) fn reset_vault(&mut self, reply: Reply) {
        if let Slot::Open(_) | Slot::Opening = self.vault {
            let open = "the vault is open: nothing is lost; forget single enrollments instead";
            answer(Some(reply), error("vault_open", open));
            return;
        }
        self.vault = Slot::Opening;
        self.vault_changed();
        let (dir, key) = (self.layout.vault_dir(), self.vault_key.clone());
        self.spawn(async move {
            let result = match VaultHandle::reset(&dir, &key).await {
                Ok(handle) => contents(handle).await,
                Err(error) => Err(error),
            };
            let reply = Some(reply);
            Some(Event::Vault(VaultEvent::Opened { result, reply }))
        });
    }

    pub(super) fn on_vault(&mut self, event: VaultEvent) {
        match event {
            VaultEvent::Opened { result, reply } => {
                let said = match result {
                    Ok(open) => {
                        self.vault = Slot::Open(open.handle);
                        let confirmed = open.confirmed;
                        let mut enrollments = open.enrollments;
                        enrollments.sort_by_key(|kept| kept.made_at);
                        for kept in enrollments {
                            if open.replaced.contains(&kept.id) {
                                self.remove_bus(kept.id.as_str());
                            }
                            if self.bus(kept.id.as_str()).is_none() {
                                self.add_enrolled(kept);
                            }
                        }
                        // Before the app-server has its tokens, and so before any remote is let in.
                        self.learn_confirmed(confirmed);
                        ControlReply::Done
                    }
                    Err(wrong) => {
                        tracing::warn!(code = wrong.code(), error = %wrong, "the vault is closed");
                        self.vault = Slot::Failed {
                            code: wrong.code(),
                            message: wrong.to_string(),
                        };
                        self.config_changed("vault");
                        error(wrong.code(), &wrong.to_string())
                    }
                };
                self.tokens_are_known();
                self.vault_changed();
                answer(reply, said);
            }
            VaultEvent::Saved {
                enrollment,
                anew,
                reply,
            } => {
                let id = enrollment.id.as_str().to_owned();
                self.saved(*enrollment, anew);
                self.vault_changed();
                let view = self.bus(&id).map(|bus| Box::new(bus.view.clone()));
                answer(
                    reply,
                    view.map_or_else(
                        || {
                            error(
                                "not_used",
                                "it is kept; flags name the same bus, which count for this run",
                            )
                        },
                        ControlReply::Link,
                    ),
                );
            }
            VaultEvent::EnrollEnded(then) => {
                self.enrolling = false;
                if let Some(then) = then {
                    self.on_vault(*then);
                }
            }
            VaultEvent::Forgotten { id, reply } => {
                self.remove_bus(id.as_str());
                self.record_enrollment(id.as_str(), "forgotten");
                self.vault_changed();
                answer(Some(reply), ControlReply::Done);
            }
            VaultEvent::Confirmed { kept, reply } => {
                self.config_accepted(kept, reply);
                self.vault_changed();
            }
            VaultEvent::Narrowed { added } => {
                self.narrower_is_kept(added);
                self.vault_changed();
            }
            VaultEvent::Checked {
                before,
                confirmed,
                reply,
            } => {
                self.found_confirmed(&before, confirmed);
                self.vault_changed();
                answer(Some(reply), ControlReply::Vault(Box::new(self.vault_view())));
            }
            VaultEvent::Changed => self.vault_changed(),
        }
    }

    /// For a task that uses the vault and makes or opens it where it is not open. `open` is the handle of
    /// one that is.
    pub(super) fn opener(&mut self, open: Option<VaultHandle>) -> Opener {
        if open.is_none() {
            self.vault = Slot::Opening;
            self.vault_changed();
        }
        Opener {
            open,
            dir: self.layout.vault_dir(),
            key: self.vault_key.clone(),
            events: self.events.clone(),
        }
    }

    /// The open vault, or why there is none.
    pub(super) fn vault_handle(&self) -> Result<VaultHandle, ControlReply> {
        match &self.vault {
            Slot::Open(handle) => Ok(handle.clone()),
            Slot::Opening => Err(busy()),
            Slot::None => Err(error(
                "no_vault",
                "there is no vault yet; `drawbridge enroll` makes it",
            )),
            Slot::Failed { code, message } => Err(error(code, message)),
        }
    }

    /// Remembers which buses are wanted, and answers when that is kept. A bus that flags named is wanted for
    /// this run only. What was wanted before is written all the same if that could not be kept.
    pub(super) fn keep_wishes(&self, ids: &[String], wanted: bool, reply: Reply) {
        let kept = ids.iter().filter(|id| self.is_kept(id));
        let ids: Vec<BusId> = kept.filter_map(|id| BusId::new(id).ok()).collect();
        if ids.is_empty() {
            return answer(Some(reply), ControlReply::Done);
        }
        let handle = match self.vault_handle() {
            Ok(handle) => handle,
            Err(wrong) => return answer(Some(reply), wrong),
        };
        self.spawn(async move {
            let mut said = ControlReply::Done;
            for id in ids {
                if let Err(wrong) = keep_wish(&handle, id.clone(), wanted).await {
                    tracing::error!(code = wrong.code(), error = %wrong, "a wish was not saved");
                    said = error(wrong.code(), &not_kept(&wrong, id.as_str(), wanted));
                }
            }
            answer(Some(reply), said);
            Some(Event::Vault(VaultEvent::Changed))
        });
    }

    fn is_kept(&self, id: &str) -> bool {
        self.bus(id)
            .is_some_and(|bus| bus.view.source == BusSource::Vault)
    }

    /// The bus does not take this host any more: it is not asked again until a person says so.
    pub(super) fn disable(&mut self, id: &str, reason: &'static str) {
        let now = now_ms();
        if let Some(bus) = self.bus_mut(id) {
            bus.view.wanted = false;
            bus.view.disabled = Some(DisabledView {
                reason: reason.to_owned(),
                at_ms: Some(now),
            });
            bus.handle.want(false);
        }
        self.bus_changed(id);
        self.record_enrollment(id, reason);
        self.change_kept(id, move |kept| {
            kept.disabled = Some(Disabled {
                reason: reason.to_owned(),
                at: Some(now / 1000),
            });
        });
    }

    fn change_kept(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut drawbridge_vault::Enrollment) + Send + 'static,
    ) {
        let (true, Ok(handle), Ok(id)) = (self.is_kept(id), self.vault_handle(), BusId::new(id)) else {
            return;
        };
        self.spawn(async move {
            let changed = async {
                let mut kept = handle.get(id).await?;
                change(&mut kept);
                handle.put(kept).await
            };
            if let Err(error) = changed.await {
                tracing::error!(code = error.code(), %error, "a change of an enrollment was not saved");
            }
            Some(Event::Vault(VaultEvent::Changed))
        });
    }

    pub(super) fn rotate_vault(&mut self, reply: Reply) {
        self.with_vault(reply, |handle| async move {
            handle.rotate().await?;
            Ok(ControlReply::Done)
        });
    }

    pub(super) fn export_vault(&mut self, recipient: String, reply: Reply) {
        self.with_vault(reply, |handle| async move {
            let file = STANDARD.encode(handle.export(recipient).await?);
            Ok(ControlReply::Exported(Exported { file }))
        });
    }

    /// Takes in an export; makes a vault for it if there is none.
    pub(super) fn import_vault(&mut self, import: Import, reply: Reply) {
        let Ok(file) = STANDARD.decode(import.file.as_bytes()) else {
            answer(Some(reply), error("bad_request", "`file` is not standard base64"));
            return;
        };
        if let Slot::Opening = self.vault {
            answer(Some(reply), busy());
            return;
        }
        let open = self.vault_handle().ok();
        let (dir, key, events) = (
            self.layout.vault_dir(),
            self.vault_key.clone(),
            self.events.clone(),
        );
        self.spawn(async move {
            let done = async {
                let handle = match open {
                    Some(handle) => handle,
                    None => VaultHandle::open(&dir, &key).await?,
                };
                let report = handle.import(file, import.identity, import.replace).await?;
                Ok::<_, VaultError>((contents(handle).await?, report))
            };
            let result = match done.await {
                Ok((mut open, report)) => {
                    open.replaced.clone_from(&report.replaced);
                    let words = |ids: Vec<BusId>| ids.iter().map(ToString::to_string).collect();
                    answer(
                        Some(reply),
                        ControlReply::Imported(Imported {
                            added: words(report.added),
                            replaced: words(report.replaced),
                            kept: words(report.kept),
                        }),
                    );
                    Ok(open)
                }
                Err(wrong) => {
                    answer(Some(reply), error(wrong.code(), &wrong.to_string()));
                    // A vault that was open still is.
                    let _ = events.send(Event::Vault(VaultEvent::Changed)).await;
                    return None;
                }
            };
            Some(Event::Vault(VaultEvent::Opened { result, reply: None }))
        });
    }

    fn with_vault<F: Future<Output = Result<ControlReply, VaultError>> + Send>(
        &mut self,
        reply: Reply,
        work: impl FnOnce(VaultHandle) -> F + Send + 'static,
    ) {
        let handle = match self.vault_handle() {
            Ok(handle) => handle,
            Err(wrong) => return answer(Some(reply), wrong),
        };
        self.spawn(async move {
            let said = work(handle)
                .await
                .unwrap_or_else(|wrong| error(wrong.code(), &wrong.to_string()));
            answer(Some(reply), said);
            Some(Event::Vault(VaultEvent::Changed))
        });
    }

    pub(super) fn record_enrollment(&mut self, bus: &str, what: &str) {
        self.record(&Entry::PolicySet {
            setting: format!("enrollment {bus}"),
            value: what.to_owned(),
            by: "local".to_owned(),
        });
    }

    fn vault_changed(&mut self) {
        let view = self.vault_view();
        self.changed(Change::Vault(view));
    }

    pub(super) fn vault_view(&self) -> VaultView {
        let (key, place) = key_words(&self.vault_key);
        let mut view = VaultView {
            state: VaultCondition::None,
            key,
            place,
            files: Vec::new(),
            notices: Vec::new(),
        };
        match &self.vault {
            Slot::None => {}
            Slot::Opening => view.state = VaultCondition::Opening,
            Slot::Failed { code, message } => {
                view.state = VaultCondition::Failed {
                    code: (*code).to_owned(),
                    message: message.clone(),
                };
            }
            Slot::Open(handle) => {
                view.state = VaultCondition::Open;
                let state: VaultState = handle.state().borrow().clone();
                view.place = state.key.place;
                view.files = state
                    .files
                    .into_iter()
                    .map(|file| file_view(file.name, file.condition))
                    .collect();
                view.notices = state.notices.iter().map(notice_view).collect();
            }
        }
        view
    }
}

/// What comes back as done was read back from the disk.
async fn keep_wish(handle: &VaultHandle, id: BusId, wanted: bool) -> Result<(), VaultError> {
    let mut kept = handle.get(id).await?;
    // Switching it off says nothing of what the bus said.
    let tried_again = wanted && kept.disabled.is_some();
    if kept.on == wanted && !tried_again {
        return Ok(());
    }
    kept.on = wanted;
    if wanted {
        kept.disabled = None;
    }
    handle.put(kept).await
}

fn not_kept(wrong: &VaultError, id: &str, wanted: bool) -> String {
    let now = if wanted { "on" } else { "off" };
    format!("`{id}` is {now} only until this host ends, because that was not saved: {wrong}")
}

/// A vault for a task that is about to use it: the open one, or one that the task opens.
pub(super) struct Opener {
    open: Option<VaultHandle>,
    dir: PathBuf,
    key: KeySource,
    events: mpsc::Sender<Event>,
}

impl Opener {
    /// The handle. What came of opening is told to the loop, and is the answer if there is no handle.
    pub(super) async fn handle(self) -> Result<VaultHandle, ControlReply> {
        if let Some(handle) = self.open {
            return Ok(handle);
        }
        let result = open(&self.dir, &self.key).await;
        let handle = match &result {
            Ok(open) => Ok(open.handle.clone()),
            Err(wrong) => Err(error(wrong.code(), &wrong.to_string())),
        };
        let event = Event::Vault(VaultEvent::Opened { result, reply: None });
        // The loop ends only with the host.
        let _ = self.events.send(event).await;
        handle
    }
}

async fn open(dir: &Path, key: &KeySource) -> Result<OpenVault, VaultError> {
    contents(VaultHandle::open(dir, key).await?).await
}

pub(super) async fn contents(handle: VaultHandle) -> Result<OpenVault, VaultError> {
    let enrollments = handle.list().await?;
    let confirmed = super::config::confirmed_in(&handle).await;
    Ok(OpenVault {
        handle,
        enrollments,
        confirmed,
        replaced: Vec::new(),
    })
}

pub(super) fn answer(reply: Option<Reply>, said: ControlReply) {
    if let Some(reply) = reply {
        // The asker may be gone.
        let _ = reply.send(said);
    }
}

pub(super) fn busy() -> ControlReply {
    error(
        "vault_busy",
        "the vault is being opened; look for a prompt of the keyring on the screen, then try again",
    )
}

fn key_words(key: &KeySource) -> (String, String) {
    match key {
        KeySource::Keyring => ("keyring".to_owned(), "the system's keyring".to_owned()),
        KeySource::KeyFile(path) => ("key_file".to_owned(), path.display().to_string()),
        KeySource::SystemdCredential { name, .. } => {
            ("systemd_credential".to_owned(), format!("the credential {name}"))
        }
    }
}

fn file_view(name: String, condition: Condition) -> VaultFileView {
    let (code, message) = match condition {
        Condition::Good => ("good".to_owned(), String::new()),
        Condition::Restored { why, saved_at } => (
            "restored".to_owned(),
            format!(
                "the file was not usable ({why}) and its good copy was put in its place; changes after {} are lost",
                in_utc(saved_at)
            ),
        ),
        Condition::Unreadable { code, message } => (code.to_owned(), message),
    };
    VaultFileView { name, code, message }
}

/// As a person reads it.
fn in_utc(seconds: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND));
    httpdate::fmt_http_date(time).replace("GMT", "UTC")
}

fn notice_view(notice: &Notice) -> NoticeView {
    let (code, message) = match notice {
        Notice::KeyMade => ("key_made", "a new key was made".to_owned()),
        Notice::KeyringVolatile => (
            "keyring_volatile",
            "the keyring forgets the key when you log out; make a lasting default keyring, or use --key-file".to_owned(),
        ),
        Notice::RotationFinished => (
            "rotation_finished",
            "a change of the key that was begun earlier is finished".to_owned(),
        ),
        Notice::RotationUnfinished => (
            "rotation_unfinished",
            "a change of the key waits for a file that cannot be read; both keys are kept. Forget that file's \
             enrollment to finish it"
                .to_owned(),
        ),
        Notice::OldKeyNotNeeded => (
            "old_key_not_needed",
            "the old key beside the new one is not needed any more; remove it where you keep the key".to_owned(),
        ),
        Notice::CopyNotWritten { file, why } => (
            "copy_not_written",
            format!("`{file}` was saved, its good copy was not ({why}); check the disk"),
        ),
        Notice::Swept { files } => (
            "swept",
            format!("remains of interrupted writes were removed ({files})"),
        ),
    };
    NoticeView {
        code: code.to_owned(),
        message,
    }
}
