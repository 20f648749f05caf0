//! `check-windows`: the whole workspace type-checked for Windows, on a Debian or Ubuntu without a Windows toolchain.
//!
//! Debian's `rustc-web` comes with the sources of its own standard library, which are checked along
//! (`-Zbuild-std`), so nothing has to be downloaded that the packages do not hold.

use crate::error::Error;
use crate::run::{self, root};
use std::path::Path;
use std::process::Command;

/// What is checked for.
const TARGET: &str = "x86_64-pc-windows-gnu";
/// The packages with what is needed, and where they put it.
const NEEDED: [(&str, &str); 4] = [
    ("rustc-web", "/usr/bin/rustc"),
    ("cargo-web", "/usr/bin/cargo"),
    ("rust-web-src", "/usr/lib/rustlib/src/rust/library/std/Cargo.toml"),
    ("gcc-mingw-w64-x86-64", "/usr/bin/x86_64-w64-mingw32-gcc"),
];

/// Checks every crate, the app and the command included, but no tests.
///
/// # Errors
/// When a package is missing, or something does not compile.
pub(crate) fn check() -> Result<(), Error> {
    let missing = missing(|path| Path::new(path).exists());
    if !missing.is_empty() {
        return Err(Error::Missing {
            program: "a compiler for Windows",
            remedy: format!(
                "on Debian 12 get it with `apt-get install --no-install-recommends {}`",
                missing.join(" ")
            ),
        });
    }
    // What the app shows is compiled into it.
    let shown = root().join("ui/dist/index.html");
    if !shown.is_file() {
        return Err(Error::Missing {
            program: "ui/dist",
            remedy: "make it with `npm --prefix ui ci` and `npm --prefix ui run build`".to_owned(),
        });
    }
    let rustc = NEEDED[0].1;
    let mut command = Command::new(NEEDED[1].1);
    command
        .args(["check", "--workspace", "--locked", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort")
        .current_dir(root())
        .env("RUSTC", rustc)
        // The flag above is not a stable one; the packaged compiler has it when it is told that it may.
        .env("RUSTC_BOOTSTRAP", "1");
    // Those of the toolchain that runs us say nothing about this one.
    for name in [
        "RUSTUP_TOOLCHAIN",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "CARGO",
        "RUSTDOC",
    ] {
        command.env_remove(name);
    }
    run::succeed(&mut command)?;
    println!("the workspace compiles for {TARGET}; nothing was linked or run");
    Ok(())
}

/// The packages whose files are not there.
fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    NEEDED
        .iter()
        .filter(|(_, path)| !is_there(path))
        .map(|(package, _)| *package)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_that_are_missing_are_named() {
        assert_eq!(missing(|_| true), Vec::<&str>::new());
        assert_eq!(missing(|path| path.starts_with("/usr/bin/")), ["rust-web-src"]);
        assert_eq!(missing(|_| false).len(), NEEDED.len());
    }
}
