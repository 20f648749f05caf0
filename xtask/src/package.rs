//! `package`: installers, with the command beside the app.

use crate::demo::executable;
use crate::error::Error;
use crate::{deb, desktop, run, setup, system};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where npm puts the program that makes bundles, relative to the root.
const TOOL: &str = "tools/tauri";
/// A `.deb` of a release is smaller than this, in bytes.
const BUDGET: u64 = 20_000_000;
/// Names the certificate to sign with on Windows.
const THUMBPRINT: &str = "DRAWBRIDGE_SIGN_THUMBPRINT";
/// As dpkg knows it.
const NAME: &str = "drawbridge";
/// What has to be in a package of Linux.
const CONTENT: [&str; 8] = [
    "usr/bin/drawbridge",
    "usr/bin/drawbridge-desktop",
    "usr/share/applications/Drawbridge.desktop",
    "usr/share/icons/hicolor/32x32/apps/drawbridge-desktop.png",
    "usr/share/icons/hicolor/128x128/apps/drawbridge-desktop.png",
    "usr/share/icons/hicolor/512x512/apps/drawbridge-desktop.png",
    "usr/share/icons/hicolor/scalable/apps/drawbridge-desktop.svg",
    "usr/share/metainfo/dev.drawbridge.desktop.metainfo.xml",
];

/// What is wanted.
pub(crate) struct Wanted {
    /// Kinds of bundle; none means those of this system.
    pub(crate) bundles: Vec<String>,
    /// The build of the tests.
    pub(crate) debug: bool,
    /// Unpack and run.
    pub(crate) check: bool,
    /// Install, run, remove.
    pub(crate) install: bool,
    /// Where to put the bundles.
    pub(crate) to: Option<PathBuf>,
}

/// What was made.
pub(crate) struct Made {
    /// The files.
    pub(crate) bundles: Vec<PathBuf>,
    scratch: PathBuf,
}

/// Makes them, and tries them if that is wanted.
///
/// # Errors
/// The step that failed and why.
pub(crate) fn package(wanted: &Wanted) -> Result<(), Error> {
    if wanted.check || wanted.install {
        setup::setup()?;
    } else {
        system::for_building()?;
    }
    desktop::windows()?;
    let made = make(&wanted.bundles, wanted.debug)?;
    if let Some(folder) = &wanted.to {
        std::fs::create_dir_all(folder).map_err(|source| disk(folder, &source))?;
        for bundle in &made.bundles {
            let file = folder.join(bundle.file_name().unwrap_or_default());
            std::fs::copy(bundle, &file).map_err(|source| disk(&file, &source))?;
        }
    }
    for bundle in &made.bundles {
        let size = std::fs::metadata(bundle).map_or(0, |found| found.len());
        println!("{:>6.2} MB  {}", megabytes(size), bundle.display());
    }
    let deb = made
        .bundles
        .iter()
        .find(|bundle| bundle.extension() == Some(OsStr::new("deb")));
    match deb {
        Some(deb) => {
            let unpacked = unpack(deb, &made.scratch, wanted.debug)?;
            if wanted.check {
                desktop::real_on(&unpacked.join("usr/bin/drawbridge-desktop"))?;
            }
            if wanted.install {
                installed(deb)?;
            }
            Ok(())
        }
        None if wanted.check || wanted.install => Err(Error::NoBundle("deb")),
        None => Ok(()),
    }
}

/// Packs the build of the tests and tries the app as it comes out of its package; where no `.deb` can be
/// unpacked, as it was built.
///
/// # Errors
/// The step that failed and why.
pub(crate) fn packed_and_tried() -> Result<(), Error> {
    if !cfg!(target_os = "linux") || !run::succeeds(Command::new("dpkg-deb").arg("--version")) {
        return desktop::real(&["--workspace"]);
    }
    let made = make(&["deb".to_owned()], true)?;
    let deb = made.bundles.first().ok_or(Error::NoBundle("deb"))?;
    let unpacked = unpack(deb, &made.scratch, true)?;
    desktop::real_on(&unpacked.join("usr/bin/drawbridge-desktop"))
}

/// Packs an optimized build and measures the app out of its package.
///
/// # Errors
/// The step that failed, or that a budget is exceeded.
pub(crate) fn measured() -> Result<(), Error> {
    setup::setup()?;
    desktop::windows()?;
    let made = make(&["deb".to_owned()], false)?;
    let deb = made.bundles.first().ok_or(Error::NoBundle("deb"))?;
    let unpacked = unpack(deb, &made.scratch, false)?;
    let size = std::fs::metadata(deb).map_or(0, |found| found.len());
    println!(
        "{:<52} {:>8.1} MB  (budget {:.0})",
        ".deb",
        megabytes(size),
        megabytes(BUDGET)
    );
    desktop::figures_of(&unpacked.join("usr/bin/drawbridge-desktop"))
}

fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let bytes = bytes as f64;
    bytes / 1e6
}

/// Builds both programs and packs them.
pub(crate) fn make(kinds: &[String], debug: bool) -> Result<Made, Error> {
    let tool = tool()?;
    // The tests' own build when it is there already; else what is asked for, optimized.
    let mut build = run::cargo(if debug {
        &["test", "--workspace", "--no-run"]
    } else {
        &[
            "build",
            "--release",
            "-p",
            "drawbridge-cli",
            "-p",
            "drawbridge-desktop",
        ]
    });
    if run::on_ci() {
        build.arg("--locked");
    }
    let built = run::output(build.arg("--message-format=json-render-diagnostics"))?;
    let command = executable(&built, "drawbridge").ok_or(Error::NotBuilt("drawbridge"))?;
    let app = executable(&built, "drawbridge-desktop").ok_or(Error::NotBuilt("drawbridge-desktop"))?;
    let missing = || Error::NotBuilt("drawbridge-desktop");
    // <target>/release/drawbridge-desktop
    let profile = app.parent().ok_or_else(missing)?;
    let target = profile.parent().ok_or_else(missing)?;
    let scratch = target.join("package");
    std::fs::create_dir_all(&scratch).map_err(|source| disk(&scratch, &source))?;
    let beside = scratch.join("drawbridge");
    let named = scratch.join(format!("drawbridge-{}{}", host()?, std::env::consts::EXE_SUFFIX));
    std::fs::copy(&command, &named).map_err(|source| disk(&named, &source))?;
    let bundles = profile.join("bundle");
    // So that what lies there afterwards was made now.
    if bundles.exists() {
        std::fs::remove_dir_all(&bundles).map_err(|source| disk(&bundles, &source))?;
    }
    let kinds = if kinds.is_empty() {
        of_this_system().to_owned()
    } else {
        kinds.join(",")
    };
    let mut config = serde_json::json!({"bundle": {"externalBin": [beside]}});
    // A certificate in the store of Windows.
    if let Some(thumbprint) = std::env::var(THUMBPRINT).ok().filter(|it| !it.is_empty()) {
        config["bundle"]["windows"] = serde_json::json!({"certificateThumbprint": thumbprint});
    }
    open_to_all()?;
    let mut pack = for_all("node");
    pack.arg(tool)
        .args([
            "bundle",
            "--ci",
            "--bundles",
            &kinds,
            "--config",
            &config.to_string(),
        ])
        .args(debug.then_some("--debug"))
        .env("CARGO_TARGET_DIR", target)
        .current_dir(run::root());
    run::succeed(&mut pack)?;
    let bundles = files_in(&bundles);
    if bundles.is_empty() {
        return Err(Error::NoBundle("any"));
    }
    let debs = bundles.iter().filter(|it| it.extension() == Some("deb".as_ref()));
    for rpm in bundles.iter().filter(|it| it.extension() == Some("rpm".as_ref())) {
        look_into(rpm)?;
    }
    // What the tests try is thrown away.
    for deb in debs.filter(|_| !debug) {
        deb::compact(deb, &scratch)?;
    }
    Ok(Made { bundles, scratch })
}

/// A program whose files are not for this user alone, whatever this user's umask: packages take over modes.
fn for_all(program: &str) -> Command {
    if cfg!(unix) {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 022; exec \"$0\" \"$@\"", program]);
        command
    } else {
        Command::new(program)
    }
}

/// Files of the checkout that go into packages as they are, in `tauri.conf.json`'s words.
fn named_files() -> Result<Vec<PathBuf>, Error> {
    let config = run::root().join("tauri.conf.json");
    let text = std::fs::read_to_string(&config).map_err(|source| disk(&config, &source))?;
    let text: serde_json::Value =
        serde_json::from_str(&text).map_err(|source| disk(&config, &std::io::Error::other(source)))?;
    let bundle = &text["bundle"];
    let icons = bundle["icon"].as_array().into_iter().flatten();
    let files = ["deb", "rpm", "appimage"]
        .iter()
        .filter_map(|kind| bundle["linux"][kind]["files"].as_object())
        .flat_map(serde_json::Map::values);
    let names = icons.chain(files).filter_map(serde_json::Value::as_str);
    Ok(names.map(|name| run::root().join(name)).collect())
}

/// A checkout made with umask 077 has files that only its owner reads, and so would have who installs them.
fn open_to_all() -> Result<(), Error> {
    for file in named_files()? {
        run::set_mode(&file, 0o644).map_err(|source| disk(&file, &source))?;
    }
    Ok(())
}

/// Looks whether everything is in an `.rpm` and can be read by all. Where there is no rpm nobody looks.
fn look_into(rpm: &Path) -> Result<(), Error> {
    if !run::succeeds(Command::new("rpm").arg("--version")) {
        return Ok(());
    }
    let format = "[%{FILEMODES:perms} %{FILENAMES}\n]";
    let listed = run::output(Command::new("rpm").args(["-qp", "--qf", format]).arg(rpm))?;
    match CONTENT
        .iter()
        .find(|file| !listed.lines().any(|line| holds(line, file)))
    {
        Some(missing) => Err(Error::NotPacked(missing)),
        None => Ok(()),
    }
}

/// Whether this line, `-rw-r--r-- /usr/...`, has the file for all to read.
fn holds(line: &str, file: &str) -> bool {
    line.split_once(" /")
        .is_some_and(|(mode, path)| path == file && mode.as_bytes().get(7) == Some(&b'r'))
}

fn of_this_system() -> &'static str {
    match std::env::consts::OS {
        "macos" => "app,dmg",
        "windows" => "nsis,msi",
        _ => "deb,rpm",
    }
}

/// The pinned program that makes bundles.
fn tool() -> Result<PathBuf, Error> {
    let folder = run::root().join(TOOL);
    let tool = folder.join("node_modules/@tauri-apps/cli/tauri.js");
    if setup::is_stale(&folder) {
        run::succeed(
            Command::new(setup::npm())
                .args(["ci", "--include=dev", "--include=optional", "--ignore-scripts"])
                .args(["--no-audit", "--no-fund"])
                .current_dir(&folder),
        )?;
    }
    Ok(tool)
}

/// The target triple of this computer.
fn host() -> Result<String, Error> {
    let said = run::output(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or(Error::NotBuilt("rustc"))
}

/// Bundles lie one folder deep, by kind.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    };
    let mut files: Vec<PathBuf> = entries(folder)
        .iter()
        .filter(|kind| kind.is_dir())
        .flat_map(|kind| entries(kind))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    files
}

/// Unpacks a `.deb` and looks whether everything is in it.
fn unpack(deb: &Path, scratch: &Path, debug: bool) -> Result<PathBuf, Error> {
    let size = std::fs::metadata(deb).map_or(0, |found| found.len());
    if !debug && size > BUDGET {
        return Err(Error::TooBig { size, budget: BUDGET });
    }
    let folder = scratch.join("unpacked");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|source| disk(&folder, &source))?;
    }
    run::succeed(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(&folder))?;
    match CONTENT.iter().find(|file| !folder.join(file).is_file()) {
        Some(missing) => Err(Error::NotPacked(missing)),
        None => Ok(folder),
    }
}

/// Installs, tries, and removes again whatever came of it.
fn installed(deb: &Path) -> Result<(), Error> {
    if run::succeeds(Command::new("dpkg-query").args(["--status", NAME])) {
        return Err(Error::AlreadyInstalled(NAME));
    }
    let apt = |arguments: &[&OsStr]| {
        run::succeed(
            Command::new("apt-get")
                .args(["-qq", "-y"])
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    let words: [&OsStr; 3] = [
        "install".as_ref(),
        "--no-install-recommends".as_ref(),
        deb.as_os_str(),
    ];
    apt(&words)?;
    println!("package: installed");
    let tried = desktop::real_on(Path::new("/usr/bin/drawbridge-desktop"));
    let removed = apt(&["purge".as_ref(), NAME.as_ref()]);
    tried?;
    removed?;
    if let Some(left) = CONTENT.iter().find(|file| Path::new("/").join(file).exists()) {
        return Err(Error::LeftBehind(left));
    }
    println!("package: removed, nothing left");
    Ok(())
}

fn disk(path: &Path, source: &std::io::Error) -> Error {
    Error::Disk {
        path: path.to_path_buf(),
        what: source.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves S0.12
    #[test]
    fn every_file_that_a_package_names_is_in_the_repository() {
        let files = named_files().unwrap();
        for file in &files {
            assert!(file.is_file(), "{}", file.display());
        }
        assert!(files.len() > 10, "{}", files.len());
        // Each system finds its own kind of icon.
        for kind in ["png", "icns", "ico"] {
            let mut kinds = files.iter().filter_map(|file| file.extension());
            assert!(kinds.any(|it| it == kind), "{kind}");
        }
    }

    #[test]
    fn a_file_that_only_its_owner_reads_is_not_in_a_package() {
        let file = "usr/share/applications/Drawbridge.desktop";
        let line = |mode: &str| format!("{mode} /{file}");
        assert!(holds(&line("-rw-r--r--"), file));
        assert!(!holds(&line("-rw-------"), file));
        assert!(!holds("-rw-r--r-- /usr/share/applications/Other.desktop", file));
    }

    #[cfg(unix)]
    #[test]
    fn what_makes_packages_does_not_keep_its_files_to_itself() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let made = for_all("touch").arg(place.path().join("a b")).status().unwrap();
        assert!(made.success());
        let mode = std::fs::metadata(place.path().join("a b"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn what_software_centres_read_names_this_version() {
        let text = std::fs::read_to_string(
            run::root().join("src-tauri/packaging/dev.drawbridge.desktop.metainfo.xml"),
        )
        .unwrap();
        let version = format!("<release version=\"{}\"", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&version), "{version}");
    }
}
