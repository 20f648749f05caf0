//! Where the key of the vault is, and what is when it is not to be had.

use super::{connected, written};
use crate::site::{Bus, Codex, Key, PASSWORD, Site, at};
use crate::world::SOON;
use drawbridge_wire::buses::VaultCondition;
use drawbridge_wire::control::{AppServerState, HostView};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// How long a keyring may take, and what a loaded computer may add.
const DEADLINE: Duration = Duration::from_secs(5);
const MARGIN: Duration = Duration::from_secs(3);

fn failed(view: &HostView, code: &str) -> bool {
    matches!(&view.vault.state, VaultCondition::Failed { code: found, .. } if found == code)
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Without a keyring a key file does, when it is named and nobody else can read it.
// proves S5.43
#[tokio::test]
async fn a_key_file_serves_where_there_is_no_keyring() {
    let site = Site::new(Key::File, Codex::Fake).await;
    let bus = Bus::start(&site, "headless").await;
    site.enroll(&bus, None, &[]).await;
    let key = site.scratch.path().join("key");
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let connect = site.connect(&[], &[]).await;
    let view = site.connected(&bus).await;
    assert_eq!(view.vault.key, "key_file");
    site.stop(connect).await;
    assert_eq!(written(&site.data, &bus.connect_token), None);

    mode(&key, 0o640);
    let said = site.cli(&["vault", "status"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stdout.contains("[key_file_mode]") && said.stdout.contains("chmod 600"),
        "{said:?}"
    );
    let api = bus.api();
    site.say("x\n", &["enroll", "--api", &api, "--token-stdin"])
        .await
        .failed(1, "key_file_mode");
    let connect = site.connect(&[], &[]).await;
    let view = site.until(|view| failed(view, "key_file_mode")).await;
    assert_eq!(view.links, []);
    mode(&key, 0o600);
    site.cli(&["vault", "open"]).await.well();
    site.connected(&bus).await;
    site.stop(connect).await;
}

/// Two buses, one enrolled and one told of by flags, and a keyring that gives nothing: the host stands, the
/// bus of the flags is used, and the vault can be opened later.
async fn a_host_without_its_keyring(code: &str, away: impl FnOnce(&Site), back: impl FnOnce(&Site)) {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let enrolled = Bus::start(&site, "kept").await;
    let flagged = Bus::start(&site, "flags").await;
    site.enroll(&enrolled, None, &[]).await;
    away(&site);
    let began = Instant::now();
    let token = [("FORGE_CODEX_CONNECTOR_TOKEN", flagged.connect_token.as_str())];
    let connect = site.connect(&["--api", &flagged.api()], &token).await;
    // The longest time the host took to answer, until the keyring's deadline was over.
    let mut slowest = Duration::ZERO;
    let view = loop {
        let asked = Instant::now();
        let view = site.view().await.expect("the host answers");
        slowest = slowest.max(asked.elapsed());
        if failed(&view, code) {
            break view;
        }
        assert!(
            matches!(view.vault.state, VaultCondition::Opening),
            "{:?}",
            view.vault
        );
        assert!(began.elapsed() < DEADLINE + MARGIN, "{:?}", view.vault);
    };
    assert!(
        began.elapsed() < DEADLINE + MARGIN && slowest < MARGIN,
        "{:?}, {slowest:?}",
        began.elapsed()
    );
    assert!(at(&view, &enrolled).is_none());
    let view = site.connected(&flagged).await;
    assert_eq!(view.app_server.state, AppServerState::Ready);
    let status = site.cli(&["status"]).await.well();
    assert!(status.contains(&format!("[{code}]")), "{status}");
    site.cli(&["vault", "open"]).await.failed(1, code);
    back(&site);
    // The attempt that waits for the prompt sees it within a moment; until then it is in the way.
    while site.cli(&["vault", "open"]).await.code != Some(0) {
        assert!(began.elapsed() < SOON, "{:?}", site.view().await);
    }
    let view = site.connected(&enrolled).await;
    assert!(connected(&view, &flagged).is_some());
    site.stop(connect).await;
}

/// Nobody answers the prompt that a locked keyring shows.
// proves S0.07, S5.42
#[tokio::test]
async fn a_locked_keyring_holds_up_nothing_else() {
    a_host_without_its_keyring(
        "keyring_locked",
        |site| {
            site.keyring().lock().unwrap();
            site.keyring().silent_prompter().unwrap();
        },
        |site| site.keyring().unlock(PASSWORD).unwrap(),
    )
    .await;
}

// proves S0.07, S5.42
#[tokio::test]
async fn a_keyring_that_is_not_there_holds_up_nothing_else() {
    a_host_without_its_keyring(
        "keyring_absent",
        |site| site.keyring().stop_keyring().unwrap(),
        |site| site.keyring().start_keyring(Some(PASSWORD)).unwrap(),
    )
    .await;
}

/// Who never had a keyring is told so when something is to be kept, and nothing is kept elsewhere.
#[tokio::test]
async fn without_a_keyring_nothing_is_enrolled_and_the_way_out_is_named() {
    let site = Site::new(Key::Nowhere, Codex::Fake).await;
    let bus = Bus::start(&site, "bare").await;
    let began = Instant::now();
    let api = bus.api();
    let stdin = format!("{}\n", bus.connect_token);
    let said = site
        .say(&stdin, &["enroll", "--api", &api, "--token-stdin"])
        .await
        .failed(1, "keyring_absent");
    assert!(said.contains("--key-file"), "{said}");
    assert!(began.elapsed() < DEADLINE + MARGIN);
    assert_eq!(site.kept(), [""; 0]);
    assert_eq!(written(site.scratch.path(), &bus.connect_token), None);
}

/// A new key, and another computer with another key: the enrollments go along, encrypted all the way.
// proves S5.40
#[tokio::test]
async fn a_vault_gets_a_new_key_and_goes_to_another_computer() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let bus = Bus::start(&site, "moves").await;
    let id = site.enroll(&bus, Some("canary-mcp-moves"), &[]).await.id;
    let file = site.vault(&format!("{id}.age"));
    let before = std::fs::read(&file).unwrap();
    site.cli(&["vault", "rotate"]).await.well();
    assert_ne!(std::fs::read(&file).unwrap(), before);
    let connect = site.connect(&[], &[]).await;
    site.connected(&bus).await;

    let there = Site::new(Key::File, Codex::Fake).await;
    let identity = age::x25519::Identity::generate();
    let identity_file = there.scratch.path().join("identity");
    let text = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
    std::fs::write(&identity_file, text).unwrap();
    let export = there.scratch.path().join("export.age");
    let to = identity.to_public().to_string();
    let export_to = ["vault", "export", "--to", &to, export.to_str().unwrap()];
    site.cli(&export_to).await.well();
    site.cli(&export_to).await.failed(1, "file");
    site.cli(&["vault", "export", "--to", "age1wrong", "x.age"])
        .await
        .failed(1, "bad_recipient");
    assert_eq!(
        std::fs::metadata(&export).unwrap().permissions().mode() & 0o777,
        0o600
    );
    site.stop(connect).await;

    let (export, identity) = (export.to_str().unwrap(), identity_file.to_str().unwrap());
    let import = ["vault", "import", export, "--identity", identity];
    let said = there.cli(&import).await.well();
    assert!(said.contains(&format!("new here: {id}")), "{said}");
    let connect = there.connect(&[], &[]).await;
    let view = there.connected(&bus).await;
    assert!(at(&view, &bus).unwrap().mcp.as_ref().unwrap().has_token);
    let said = there.cli(&import).await.well();
    assert!(said.contains("left as they were"), "{said}");
    // What replaces an enrollment is used at once: here the switch that was off is on again.
    there.cli(&["enrollments", "off", &id]).await.well();
    there
        .until(|view| at(view, &bus).is_some_and(|link| !link.wanted))
        .await;
    let said = there.cli(&[&import[..], &["--replace"]].concat()).await.well();
    assert!(said.contains(&format!("replaced: {id}")), "{said}");
    there.connected(&bus).await;
    there.stop(connect).await;
    for token in [bus.connect_token.as_str(), "canary-mcp-moves"] {
        for place in [site.scratch.path(), there.scratch.path()] {
            assert_eq!(
                written_but_for_the_bus(place, token),
                None,
                "it is nowhere in plain text"
            );
        }
    }
}

fn written_but_for_the_bus(place: &Path, token: &str) -> Option<std::path::PathBuf> {
    written(place, token).filter(|path| !path.to_string_lossy().contains("bus-"))
}

/// A key that is lost is named, and with a reset one begins anew; the old files are put aside.
#[tokio::test]
async fn after_the_key_is_lost_a_reset_begins_anew() {
    let site = Site::new(Key::File, Codex::Fake).await;
    let bus = Bus::start(&site, "lost").await;
    site.enroll(&bus, None, &[]).await;
    std::fs::remove_file(site.scratch.path().join("key")).unwrap();
    let connect = site.connect(&[], &[]).await;
    site.until(|view| failed(view, "key_lost")).await;
    let status = site.cli(&["vault", "status"]).await;
    assert!(
        status.code == Some(1) && status.stdout.contains("vault reset"),
        "{status:?}"
    );
    let api = bus.api();
    let stdin = format!("{}\n", bus.connect_token);
    let enroll = ["enroll", "--api", &api, "--token-stdin"];
    site.say(&stdin, &enroll).await.failed(1, "key_lost");
    site.cli(&["vault", "reset"]).await.well();
    assert_eq!(site.kept(), [""; 0]);
    assert!(site.vault("lost-1").is_dir(), "the old files are there");
    site.cli(&["vault", "reset"]).await.failed(1, "vault_open");
    site.say(&stdin, &enroll).await.well();
    site.connected(&bus).await;
    site.stop(connect).await;
    let connect = site.connect(&[], &[]).await;
    site.connected(&bus).await;
    site.stop(connect).await;
}

/// What was confirmed and is lost with the key does not come back wider: neither by the reset nor by a start.
// proves S5.47
#[tokio::test]
async fn a_reset_confirms_nothing() {
    let site = Site::new(Key::File, Codex::Fake).await;
    let bus = Bus::start(&site, "narrow").await;
    site.configure("[security]\nrole = \"viewer\"\n");
    site.enroll(&bus, None, &[]).await;
    site.cli(&["config", "unset", "security.role"]).await.well();
    std::fs::remove_file(site.scratch.path().join("key")).unwrap();
    let reset = site.cli(&["vault", "reset"]).await;
    assert!(
        reset.code == Some(0)
            && reset
                .stderr
                .contains("until `drawbridge config accept` confirms it anew"),
        "{reset:?}"
    );
    site.enroll(&bus, None, &[]).await;
    for _ in 0..2 {
        let connect = site.connect(&[], &[]).await;
        let view = site.connected(&bus).await;
        assert_eq!(view.policy.role, drawbridge_wire::Role::Viewer);
        assert!(view.policy.roots.is_empty(), "{:?}", view.policy);
        site.stop(connect).await;
    }
    let said = site.cli(&["config", "accept", "--yes"]).await.well();
    assert!(
        said.contains("security.role: in force is viewer; operator waits until you confirm it"),
        "{said}"
    );
    let connect = site.connect(&[], &[]).await;
    site.until(|view| view.policy.role == drawbridge_wire::Role::Operator)
        .await;
    site.stop(connect).await;
}
