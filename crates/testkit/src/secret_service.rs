//! A private D-Bus session with a real GNOME Keyring, apart from the one of who runs the tests.
//!
//! The session's address reaches a program through its environment, so what is tested runs in a child: a
//! program of ours ([`Session::apply`] to its command), or the test itself once more
//! ([`Session::run_test`] and, in the child, [`Session::attached`]).

mod keeper;

use crate::Error;
use futures_util::StreamExt;
use keeper::Keeper;
use std::ffi::OsString;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zbus::zvariant::{ObjectPath, OwnedObjectPath};

/// Names the session's folder to a child, and marks every process of it.
const MARK: &str = "DRAWBRIDGE_TEST_SESSION";
/// How long a service may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often to look at what sends no signal.
const GLANCE: Duration = Duration::from_millis(10);

const SECRETS: &str = "org.freedesktop.secrets";
const SECRETS_PATH: &str = "/org/freedesktop/secrets";
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";
const SERVICE: &str = "org.freedesktop.Secret.Service";

/// A session: a bus, at first with nothing on it. Whatever it started ends when it is dropped.
#[derive(Debug)]
pub struct Session {
    folder: PathBuf,
    bus: Option<Child>,
    keyring: Mutex<Option<Keeper>>,
    silent: Mutex<Vec<Silent>>,
}

/// Holds the name of a service, and never answers.
#[derive(Debug)]
struct Silent {
    connection: Option<zbus::Connection>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// What a service that never answers does when it is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Nothing at all.
    Endless,
    /// It leaves the bus.
    None,
}

/// Keeps a connection until somebody calls it.
async fn vanish(connection: zbus::Connection) {
    let mut messages = zbus::MessageStream::from(&connection);
    while let Some(message) = messages.next().await {
        let called =
            message.is_ok_and(|message| message.header().message_type() == zbus::message::Type::MethodCall);
        if called {
            break;
        }
    }
    drop(messages);
    // If it does not close, it ends here as well.
    let _closed = connection.close().await;
}

impl Drop for Silent {
    fn drop(&mut self) {
        drop(self.connection.take());
        if let Some(runtime) = self.runtime.take() {
            // The only way that is allowed inside another runtime.
            runtime.shutdown_background();
        }
    }
}

impl Session {
    /// Starts a bus of its own in `folder` (short: there will be sockets in it) that starts no services by
    /// itself.
    ///
    /// # Errors
    /// When there is no `dbus-daemon` or it does not start.
    pub fn start(folder: &Path) -> Result<Self, Error> {
        for name in ["home", "run"] {
            let path = folder.join(name);
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|error| Error::io(format!("making {}", path.display()), error))?;
        }
        let config = folder.join("bus.conf");
        std::fs::write(&config, bus_config(&folder.join("run/bus")))
            .map_err(|error| Error::io(format!("writing {}", config.display()), error))?;
        let mut session = Self {
            folder: folder.to_owned(),
            bus: None,
            keyring: Mutex::new(None),
            silent: Mutex::default(),
        };
        let mut command = Command::new("dbus-daemon");
        command
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        session.apply(&mut command);
        let mut bus = command.spawn().map_err(|error| missing("dbus-daemon", error))?;
        let said = bus.stdout.take();
        session.bus = Some(bus);
        let mut address = String::new();
        if let Some(said) = said {
            // It says its address when it listens, and closes the pipe when it cannot.
            BufReader::new(said)
                .read_line(&mut address)
                .map_err(|error| Error::io("reading the address of the bus", error))?;
        }
        if address.trim().is_empty() {
            return Err(Error::Closed {
                what: "dbus-daemon".into(),
            });
        }
        Ok(session)
    }

    /// In a child of [`Session::run_test`]: the session it runs in. `None` elsewhere.
    #[must_use]
    pub fn attached() -> Option<Self> {
        std::env::var_os(MARK).map(|folder| Self {
            folder: folder.into(),
            bus: None,
            keyring: Mutex::new(None),
            silent: Mutex::default(),
        })
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a command into the session: its bus, home and runtime directory, and no screen.
    pub fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        put_into(&self.folder, command)
    }

    /// What [`Session::apply`] sets.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        environment(&self.folder)
    }

    /// Runs the ignored test `name` of this test program in a child that is in the session. What it prints
    /// goes where ours goes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run_test(&self, name: &str) -> Result<ExitStatus, Error> {
        let program = std::env::current_exe().map_err(|error| Error::io("finding this program", error))?;
        let mut command = Command::new(program);
        command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        self.apply(&mut command)
            .status()
            .map_err(|error| Error::io("starting the test once more", error))
    }

    /// Starts GNOME Keyring. With a password, its login collection is made if it is not there, and is
    /// unlocked; without one, it stays locked if it is there, and there is none if it is not. One with a
    /// password that ends by itself is started again with the same, until it is stopped.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_keyring(&self, password: Option<&str>) -> Result<(), Error> {
        self.stop_keyring()?;
        *lock(&self.keyring) = Some(Keeper::start(&self.folder, password)?);
        let unlocked = password.is_some();
        self.with_bus("gnome-keyring to come up", async move |bus| {
            let names = zbus::fdo::DBusProxy::new(&bus).await?;
            while !names.name_has_owner(SECRETS.try_into()?).await? {
                tokio::time::sleep(GLANCE).await;
            }
            while unlocked && locked(&bus).await.unwrap_or(true) {
                tokio::time::sleep(GLANCE).await;
            }
            Ok(())
        })
    }

    /// Stops GNOME Keyring, if it runs, and waits until it has gone from the bus.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop_keyring(&self) -> Result<(), Error> {
        let Some(keyring) = lock(&self.keyring).take() else {
            return Ok(());
        };
        drop(keyring);
        self.keyring_gone()
    }

    /// Kills GNOME Keyring as a crash would, and returns in the moment in which it has gone from the bus. One
    /// that was started with a password comes back by itself.
    ///
    /// # Errors
    /// When it does not run.
    pub fn crash_keyring(&self) -> Result<(), Error> {
        match lock(&self.keyring).as_ref() {
            Some(keyring) => keyring.kill(|| self.keyring_gone()),
            None => Err(Error::Closed {
                what: "gnome-keyring-daemon".into(),
            }),
        }
    }

    /// Waits until no keyring is on the bus.
    ///
    /// # Errors
    /// When there still is one after a long time.
    pub fn keyring_gone(&self) -> Result<(), Error> {
        self.with_bus("the keyring to go", async |bus| {
            let names = zbus::fdo::DBusProxy::new(&bus).await?;
            while names.name_has_owner(SECRETS.try_into()?).await? {
                tokio::time::sleep(GLANCE).await;
            }
            Ok(())
        })
    }

    /// Locks the login collection.
    ///
    /// # Errors
    /// When it is not locked afterwards.
    pub fn lock(&self) -> Result<(), Error> {
        self.with_bus("the collection to be locked", async |bus| {
            let login = vec![ObjectPath::try_from(LOGIN)?];
            bus.call_method(Some(SECRETS), SECRETS_PATH, Some(SERVICE), "Lock", &(login))
                .await?;
            while !locked(&bus).await? {
                tokio::time::sleep(GLANCE).await;
            }
            Ok(())
        })
    }

    /// Unlocks the login collection as a login does, without a prompt.
    ///
    /// # Errors
    /// When the password is wrong.
    pub fn unlock(&self, password: &str) -> Result<(), Error> {
        let io = |error| Error::io("unlocking gnome-keyring", error);
        let mut control = UnixStream::connect(self.folder.join("run/keyring/control")).map_err(io)?;
        control.set_read_timeout(Some(PATIENCE)).map_err(io)?;
        // One byte that carries the credentials; then lengths as 32 bits, big end first: the whole, the
        // operation (1 is to unlock), and the password after its own length.
        let password = password.as_bytes();
        let length = u32::try_from(password.len()).unwrap_or(u32::MAX);
        let mut message = Vec::new();
        for number in [length.saturating_add(12), 1, length] {
            message.extend(number.to_be_bytes());
        }
        message.extend(password);
        control.write_all(&[0]).map_err(io)?;
        control.write_all(&message).map_err(io)?;
        let mut answer = [0; 8];
        control.read_exact(&mut answer).map_err(io)?;
        if answer == [0, 0, 0, 8, 0, 0, 0, 0] {
            Ok(())
        } else {
            Err(Error::Closed {
                what: "the collection (its password is another)".into(),
            })
        }
    }

    /// From now on prompts are shown nowhere and never answered, as when nobody is at the screen.
    ///
    /// # Errors
    /// When somebody else already shows prompts.
    pub fn silent_prompter(&self) -> Result<(), Error> {
        self.silent("org.gnome.keyring.SystemPrompter", Patience::Endless)
    }

    /// From now on there is a keyring that never answers anything.
    ///
    /// # Errors
    /// When there is another one.
    pub fn silent_keyring(&self) -> Result<(), Error> {
        self.silent(SECRETS, Patience::Endless)
    }

    /// From now on there is a keyring that goes away at the first call, and does not come back.
    ///
    /// # Errors
    /// When there is another one.
    pub fn vanishing_keyring(&self) -> Result<(), Error> {
        self.silent(SECRETS, Patience::None)
    }

    fn silent(&self, name: &'static str, patience: Patience) -> Result<(), Error> {
        let address = self.address();
        let silent = off_the_runtime(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .map_err(|error| Error::io("starting a runtime", error))?;
            // A connection without objects leaves every call to it without an answer.
            let connection = runtime.block_on(async {
                zbus::connection::Builder::address(address.as_str())?
                    .name(name)?
                    .build()
                    .await
            });
            let mut connection = Some(connection.map_err(bus_error)?);
            if patience == Patience::None
                && let Some(connection) = connection.take()
            {
                runtime.spawn(vanish(connection));
            }
            Ok(Silent {
                connection,
                runtime: Some(runtime),
            })
        })?;
        lock(&self.silent).push(silent);
        Ok(())
    }

    /// Makes the collection that lives in memory only the default one, or the login collection again.
    ///
    /// # Errors
    /// When the keyring refuses.
    pub fn default_is_volatile(&self, volatile: bool) -> Result<(), Error> {
        self.with_bus("the default collection to change", async move |bus| {
            let path = if volatile {
                "/org/freedesktop/secrets/collection/session"
            } else {
                LOGIN
            };
            let arguments = ("default", OwnedObjectPath::try_from(path)?);
            bus.call_method(Some(SECRETS), SECRETS_PATH, Some(SERVICE), "SetAlias", &arguments)
                .await?;
            Ok(())
        })
    }

    /// Processes that still have the session in their environment, other than the bus itself.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn leftovers(&self) -> Result<Vec<u32>, Error> {
        let mark = format!("{MARK}={}", self.folder.display());
        let processes =
            std::fs::read_dir("/proc").map_err(|error| Error::io("listing the processes", error))?;
        let bus = self.bus.as_ref().map(Child::id);
        let found = processes
            .flatten()
            .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok())
            .filter(|id| Some(*id) != bus && *id != std::process::id())
            .filter(|id| {
                // What has gone meanwhile is not left over.
                let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
                environment
                    .split(|byte| *byte == 0)
                    .any(|entry| entry == mark.as_bytes())
            });
        Ok(found.collect())
    }

    fn address(&self) -> String {
        address(&self.folder)
    }

    /// Does something on the bus, with a deadline, whatever runtime we are called in.
    fn with_bus<F>(&self, what: &str, body: impl FnOnce(zbus::Connection) -> F + Send) -> Result<(), Error>
    where
        F: Future<Output = zbus::Result<()>>,
    {
        let address = self.address();
        off_the_runtime(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| Error::io("starting a runtime", error))?;
            let speak = async {
                let bus = zbus::connection::Builder::address(address.as_str())?
                    .build()
                    .await?;
                body(bus).await
            };
            let done = runtime.block_on(async { tokio::time::timeout(PATIENCE, speak).await });
            match done {
                Ok(done) => done.map_err(bus_error),
                Err(_) => Err(Error::timeout(what, PATIENCE)),
            }
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        lock(&self.silent).clear();
        drop(lock(&self.keyring).take());
        if let Some(bus) = &mut self.bus {
            end(bus);
        }
    }
}

fn address(folder: &Path) -> String {
    format!("unix:path={}", folder.join("run/bus").display())
}

fn environment(folder: &Path) -> Vec<(&'static str, OsString)> {
    vec![
        ("DBUS_SESSION_BUS_ADDRESS", address(folder).into()),
        ("HOME", folder.join("home").into()),
        ("XDG_RUNTIME_DIR", folder.join("run").into()),
        (MARK, folder.into()),
    ]
}

fn put_into<'a>(folder: &Path, command: &'a mut Command) -> &'a mut Command {
    for name in [
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "GNOME_KEYRING_CONTROL",
        "XDG_DATA_HOME",
    ] {
        command.env_remove(name);
    }
    command.envs(environment(folder))
}

async fn locked(bus: &zbus::Connection) -> zbus::Result<bool> {
    let answer = bus
        .call_method(
            Some(SECRETS),
            LOGIN,
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &("org.freedesktop.Secret.Collection", "Locked"),
        )
        .await?;
    let value: zbus::zvariant::OwnedValue = answer.body().deserialize()?;
    Ok(bool::try_from(value)?)
}

fn bus_config(socket: &Path) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
        socket.display()
    )
}

/// zbus and a second runtime do not like to be inside one.
fn off_the_runtime<T: Send>(body: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    std::thread::scope(|scope| {
        scope.spawn(body).join().unwrap_or_else(|_| {
            Err(Error::Closed {
                what: "the thread that speaks to the bus".into(),
            })
        })
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bus_error(error: zbus::Error) -> Error {
    Error::io("speaking on the bus", std::io::Error::other(error))
}

fn missing(program: &str, error: std::io::Error) -> Error {
    Error::io(
        format!("starting {program} (`cargo xtask setup` installs it)"),
        error,
    )
}

/// Asks it to end, and makes it end.
fn end(child: &mut Child) {
    let asked = Command::new("kill")
        .arg(child.id().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let begin = Instant::now();
    while asked.as_ref().is_ok_and(ExitStatus::success) && begin.elapsed() < Duration::from_secs(2) {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        std::thread::sleep(GLANCE);
    }
    let _killed = child.kill();
    let _reaped = child.wait();
}
