//! What comes from the system's packages, on Linux.

use crate::error::Error;
use crate::run;
use std::process::Command;

/// A program of Linux that tests need, and the package it comes in.
struct Needed {
    program: &'static str,
    /// For the person who reads that it is missing.
    name: &'static str,
    package: &'static str,
    why: &'static str,
}

const BUBBLEWRAP: Needed = Needed {
    program: "bwrap",
    name: "bubblewrap (`bwrap`)",
    package: "bubblewrap",
    why: "Codex's sandbox needs it",
};
/// A real Secret Service, in a session bus of its own.
const KEYRING: [Needed; 2] = [
    Needed {
        program: "dbus-daemon",
        name: "`dbus-daemon`",
        package: "dbus",
        why: "the tests of the keyring need it",
    },
    Needed {
        program: "gnome-keyring-daemon",
        name: "`gnome-keyring-daemon`",
        package: "gnome-keyring",
        why: "the tests of the keyring need it",
    },
];

/// What the desktop app is built with, and what a desktop for its tests is made of.
struct Group {
    /// For the person who reads that it is missing.
    name: &'static str,
    packages: &'static [&'static str],
    there: fn() -> bool,
}

const BUILDING: Group = Group {
    name: "WebKitGTK and its headers",
    packages: &[
        "libwebkit2gtk-4.1-dev",
        "libayatana-appindicator3-dev",
        "librsvg2-dev",
        "libdbus-1-dev",
        "pkg-config",
    ],
    there: || {
        let libraries = [
            "webkit2gtk-4.1",
            "ayatana-appindicator3-0.1",
            "librsvg-2.0",
            "dbus-1",
        ];
        run::succeeds(Command::new("pkg-config").arg("--exists").args(libraries))
    },
};

const DESKTOP: [Group; 2] = [
    Group {
        name: "an X server, a tray and a browser driver for tests",
        packages: &[
            "xvfb",
            "dbus",
            "dbus-x11",
            "xauth",
            "xfce4-panel",
            "openbox",
            "webkit2gtk-driver",
            "at-spi2-core",
            "wmctrl",
            "x11-utils",
        ],
        there: || {
            [
                "Xvfb",
                "dbus-daemon",
                "xfce4-panel",
                "openbox",
                "WebKitWebDriver",
                "wmctrl",
                "xprop",
            ]
            .iter()
            .all(|program| on_path(program))
        },
    },
    Group {
        name: "Chromium",
        packages: &["chromium"],
        there: || on_path("chromium"),
    },
];

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

impl Group {
    fn get(&self) -> Result<(), Error> {
        if (self.there)() {
            return Ok(());
        }
        let packages = self.packages.join(" ");
        let install = format!("apt-get update && apt-get install -y --no-install-recommends {packages}");
        let apt = run::succeeds(Command::new("apt-get").arg("--version"));
        if apt && is_root() {
            println!("setup: installing {packages}");
            return apt_install(self.packages).map_err(|error| Error::Missing {
                program: self.name,
                remedy: format!("{error}; or install it by hand: {install}"),
            });
        }
        Err(Error::Missing {
            program: self.name,
            remedy: if apt {
                format!("run: sudo sh -c '{install}'")
            } else {
                format!("install what your system has for these packages of Debian: {packages}")
            },
        })
    }
}

impl Needed {
    fn get(&self) -> Result<(), Error> {
        if run::succeeds(Command::new(self.program).arg("--version")) {
            return Ok(());
        }
        let package = self.package;
        let install = format!("apt-get update && apt-get install -y --no-install-recommends {package}");
        let (apt, root) = (run::succeeds(Command::new("apt-get").arg("--version")), is_root());
        let remedy = match (apt, root) {
            (true, true) => {
                println!("setup: installing {package} ({})", self.why);
                return apt_install(&[package]).map_err(|error| Error::Missing {
                    program: self.name,
                    remedy: format!("{error}; or install it by hand: {install}"),
                });
            }
            (true, false) => format!("run: sudo sh -c '{install}'"),
            (false, _) => format!(
                "install the package `{package}` (e.g. `dnf install {package}`, `pacman -S {package}`)"
            ),
        };
        Err(Error::Missing {
            program: self.name,
            remedy,
        })
    }
}

/// What the tests want besides.
///
/// # Errors
/// Names what is missing and cannot be installed from here.
pub(crate) fn for_tests() -> Result<(), Error> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    for_building()?;
    KEYRING.iter().try_for_each(Needed::get)?;
    DESKTOP.iter().try_for_each(Group::get)
}

/// What the app is built with.
///
/// # Errors
/// Names what is missing and cannot be installed from here.
pub(crate) fn for_building() -> Result<(), Error> {
    if cfg!(target_os = "linux") {
        BUILDING.get()
    } else {
        Ok(())
    }
}

/// The sandbox of an agent.
///
/// # Errors
/// Names what is missing and cannot be installed from here.
pub(crate) fn for_an_agent() -> Result<(), Error> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    BUBBLEWRAP.get()?;
    let probe = ["--unshare-user", "--unshare-net", "--ro-bind", "/", "/", "true"];
    if !run::succeeds(Command::new("bwrap").args(probe)) {
        println!(
            "setup: warning: bubblewrap cannot make a sandbox here (user namespaces are off); sandboxed commands \
             of the agent will fail. Try: sysctl -w kernel.unprivileged_userns_clone=1 \
             kernel.apparmor_restrict_unprivileged_userns=0"
        );
    }
    Ok(())
}

fn apt_install(packages: &[&str]) -> Result<(), Error> {
    let apt = |arguments: &[&str]| {
        run::succeed(
            Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    apt(&["-qq", "update"])?;
    let mut install = vec!["-qq", "install", "-y", "--no-install-recommends"];
    install.extend(packages);
    apt(&install)
}

fn is_root() -> bool {
    run::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
