//! Putting a host together.

use crate::HostError;
use crate::agent::{self, AgentHandle, AgentPlan};
use crate::ask::ConnectorBase;
use crate::config::{Configuration, Confirmed, Layers, Noticing, Reader, guarded, guarded_all_the_same};
use crate::doors::{self, Doors};
use crate::event::{EVENT_QUEUE, Event};
use crate::hub::config::something_may_be_confirmed;
use crate::hub::{Hub, Parts, now_ms};
use crate::identity::Identity;
use crate::layout::Layout;
use crate::policy::{self, Policy};
use crate::room::Limits;
use drawbridge_audit::{Audit, Entry};
use drawbridge_config::{Name, Origin, Security};
use drawbridge_process::{Ledger, Reaper, Spawner, become_subreaper, new_nonce, scrub_environment, sweep};
use drawbridge_skills::Places;
use drawbridge_vault::KeySource;
use drawbridge_wire::pipe::{HostReady, HostSetup, VaultKey};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

const SWEEP_GRACE: Duration = Duration::from_secs(1);
const SWEEP_FORCE: Duration = Duration::from_secs(3);

/// What a host is started with.
pub struct HostOptions {
    /// Data directory; made when missing.
    pub data_dir: PathBuf,
    /// Everything else.
    pub setup: HostSetup,
    /// The slim binary, which also is the connector.
    pub executable: PathBuf,
    /// Sets how much is written to the log, as `log.level` of the configuration says it.
    pub log_level: Box<dyn Fn(&str) + Send>,
    /// Told once, when the sockets accept connections.
    pub ready: Box<dyn FnOnce(HostReady) + Send>,
}

/// Runs a host until it is stopped or its last lease is gone.
///
/// # Errors
/// When it cannot start; the text says what to do.
pub async fn run(options: HostOptions) -> Result<(), HostError> {
    let HostOptions {
        data_dir,
        setup,
        executable,
        log_level,
        ready,
    } = options;
    let layout = Arc::new(Layout::claim(&data_dir)?);
    let mut environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let (events, queue) = mpsc::channel(EVENT_QUEUE);
    let noticing = Noticing::begin(setup.config.as_deref(), events.clone());
    let layers = Layers::open(&setup, layout.root(), &environment);
    let (settings, problems) = layers.settings();
    let values = settings.values();
    log_level(values.text(Name::LogLevel).unwrap_or_default());
    let identity = Identity::load(
        &layout.identity_file(),
        values.text(Name::HostId),
        values.text(Name::HostName),
    )?;
    if let (Origin::File { .. }, Some(home)) = (
        settings.origin(Name::CodexHome),
        layers.path(&settings, Name::CodexHome),
    ) {
        // The variable would have won; set but empty it counts as not set.
        environment.retain(|(name, _)| name != "CODEX_HOME");
        environment.push(("CODEX_HOME".into(), home.into()));
    }
    let path = environment
        .iter()
        .find(|(name, _)| name == "PATH")
        .map(|(_, value)| value.clone());
    let program = layers.path(&settings, Name::CodexBin);
    let binary = match setup.visit {
        true => None,
        false => Some(
            drawbridge_codex::locate(program.as_deref(), path.as_deref())
                .map_err(|error| HostError::from(error).with_missing(&problems))?,
        ),
    };
    let codex_home = match drawbridge_codex::codex_home(&environment) {
        Ok(home) => home,
        Err(error) if setup.visit => guarded_all_the_same(error, layout.root()),
        Err(error) => return Err(HostError::from(error).with_missing(&problems)),
    };
    let cwd = working_directory(layers.path(&settings, Name::HostCwd))?;
    let started_in = working_directory(setup.cwd.clone())?;
    let host = values
        .app_server_host()
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    if !host.is_loopback() {
        return Err(HostError::NotLoopback(host));
    }
    let port = values.app_server_port().unwrap_or(0);
    let bus = setup.bus.map(|bus| layers.bus(bus, &settings));
    let guarded = guarded(layers.home(), &codex_home, layout.root());
    let home = layers.home().map(Path::to_owned);
    let reader = Reader {
        layers,
        cwd: cwd.clone(),
        guarded,
    };
    reader.refuse_given_roots(&settings, bus.is_some())?;
    let config = Configuration::new(
        reader.read(),
        // Until the vault is open nobody knows what was.
        if something_may_be_confirmed(&layout.vault_dir()) {
            Confirmed::Unreadable
        } else {
            Confirmed::Nothing
        },
        policy::roots(&[started_in], &reader.guarded).unwrap_or_default(),
        bus.is_some(),
        noticing.trouble.clone(),
    );
    noticing.read_with(reader);
    let places = Places {
        codex_home: codex_home.clone(),
        home,
        ..Places::default()
    };
    let policy = Arc::new(make_policy(config.in_force(), &cwd, &places));
    let mut audit =
        Audit::open(&layout.audit_file()).map_err(|error| HostError::Record(error.to_string()))?;
    let ledger = Ledger::new(&layout.ledger_file());
    let nonce = begin_children(&ledger, &mut audit).await?;
    let _reaper =
        Reaper::start().inspect_err(|error| tracing::warn!(%error, "adopted processes are not reaped"));
    let spawner = Arc::new(Spawner::start().map_err(|error| HostError::Spawner(error.to_string()))?);

    let child_environment = scrub_environment(environment);
    let base = ConnectorBase {
        executable,
        env: child_environment.clone(),
        cwd: layout.root().to_owned(),
        nonce: nonce.clone(),
    };
    let (tokens, tokens_known) = watch::channel(None);
    let agent = match binary {
        Some(binary) => {
            let plan = AgentPlan {
                binary,
                cwd: cwd.clone(),
                host,
                port,
                codex_home,
                env: child_environment,
                nonce: nonce.clone(),
                log_file: layout.log_file("app-server"),
                tokens: tokens_known,
            };
            agent::start(plan, spawner.clone(), events.clone())
        }
        None => AgentHandle::none(),
    };
    let moves = watch::Sender::new(0);
    let known = watch::Sender::new(Arc::default());
    let policies = watch::Sender::new(policy.clone());
    let limits = Limits::default();
    let doors = Doors::new(
        policies.subscribe(),
        events.clone(),
        agent.watch(),
        known.subscribe(),
        limits,
        moves.subscribe(),
    );
    let serving = doors::open(&layout, &doors)?;
    ready(HostReady::Ready {
        control_socket: layout.control_socket(),
        pid: std::process::id(),
    });
    watch_signals(&events);

    let parts = Parts {
        layout: layout.clone(),
        identity,
        policy,
        policies,
        config,
        log_level,
        audit,
        agent,
        bus,
        base,
        spawner,
        vault_key: key_source(setup.vault_key),
        events,
        moves,
        known,
        tokens,
        limits,
        places,
        service: setup.service,
        visit: setup.visit,
    };
    Box::pin(Hub::new(parts)?.run(queue)).await;
    for task in serving {
        task.abort();
    }
    end_children(&ledger, &nonce).await;
    Ok(())
}

/// Ends what a host that died left behind, and begins the record of this one; answers the mark of its children.
async fn begin_children(ledger: &Ledger, audit: &mut Audit) -> Result<String, HostError> {
    let mut record = |entry: &Entry| {
        if let Err(error) = audit.append(now_ms(), entry) {
            tracing::error!(%error, "the record cannot be written; check the disk");
        }
    };
    if let Err(error) = become_subreaper() {
        tracing::warn!(%error, "what an agent detaches will not come back to this host");
    }
    match ledger.end_leftovers(SWEEP_GRACE, SWEEP_FORCE).await {
        Ok(left) if left.dead_owners > 0 => record(&Entry::Swept {
            ended: u32::try_from(left.report.ended.len()).unwrap_or(u32::MAX),
            left: left.report.left,
        }),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "leftovers of an earlier run could not be looked for"),
    }
    let nonce = new_nonce().map_err(|error| HostError::Random(error.to_string()))?;
    if let Err(error) = ledger.record(&nonce) {
        tracing::warn!(%error, "the list of children cannot be written");
    }
    record(&Entry::HostStarted {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    Ok(nonce)
}

/// Ends every process of this host that is left.
async fn end_children(ledger: &Ledger, nonce: &str) {
    let report = sweep(nonce, SWEEP_GRACE, SWEEP_FORCE).await;
    if report.left.is_empty() {
        if let Err(error) = ledger.forget(nonce) {
            tracing::warn!(%error, "the list of children cannot be written");
        }
    } else {
        tracing::error!(left = ?report.left, "processes could not be ended");
    }
}

fn key_source(key: VaultKey) -> KeySource {
    match key {
        VaultKey::Keyring => KeySource::Keyring,
        VaultKey::File(path) => KeySource::KeyFile(path),
        VaultKey::Credential { directory, name } => KeySource::SystemdCredential { directory, name },
    }
}

fn working_directory(wanted: Option<PathBuf>) -> Result<PathBuf, HostError> {
    let wanted = match wanted {
        Some(wanted) => wanted,
        None => std::env::current_dir().map_err(HostError::files(std::path::Path::new(".")))?,
    };
    match wanted.canonicalize() {
        Ok(cwd) if cwd.is_dir() => Ok(cwd),
        _ => Err(HostError::Cwd(wanted)),
    }
}

fn make_policy(security: &Security, cwd: &Path, skills: &Places) -> Policy {
    Policy {
        edition: 0,
        answer: security.answer,
        role: security.role,
        roots: security.roots.clone(),
        ceilings: security.ceilings.clone(),
        cwd: cwd.to_owned(),
        skill_roots: crate::skills::nameable(skills),
        mcp: None,
    }
}

/// A polite signal stops the host in order.
fn watch_signals(events: &mpsc::Sender<Event>) {
    let events = events.clone();
    crate::system::on_signals(move |reason| {
        let events = events.clone();
        async move {
            // The loop may be stopping already.
            let _ = events.send(Event::Stop(reason)).await;
        }
    });
}
