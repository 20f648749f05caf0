//! Names of places and requests for them.

use drawbridge_core::verdict::{self, paths};
use drawbridge_wire::Role;
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;

/// A folder that is shared, with a file, a folder and links out of it, beside one that is not.
fn shared() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().ok()?;
        let root = folder.path().join("shared");
        std::fs::create_dir_all(root.join("in/deep")).ok()?;
        std::fs::create_dir_all(folder.path().join("secret")).ok()?;
        std::fs::write(folder.path().join("secret/file"), b"").ok()?;
        std::fs::write(root.join("file"), b"").ok()?;
        #[cfg(unix)]
        for (to, name) in [
            ("..", "up"),
            ("../secret", "out"),
            ("../secret/none", "dangling"),
            ("in", "near"),
        ] {
            std::os::unix::fs::symlink(to, root.join(name)).ok()?;
        }
        Some(folder)
    });
    made.as_ref().map(tempfile::TempDir::path)
}

/// A path that a remote names, below a shared folder or anywhere: what goes on lies inside.
pub(crate) fn path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Some(folder) = shared().and_then(|folder| folder.canonicalize().ok()) else {
        panic!("no folder could be made");
    };
    let root = folder.join("shared");
    let absolute = format!("{}/{text}", root.display());
    for wanted in [text, absolute.as_str()] {
        let Some(inside) = drawbridge_host::fuzz::inside(&root, wanted) else {
            continue;
        };
        assert!(
            inside.starts_with(&root),
            "{wanted} leads to {}",
            inside.display()
        );
        let plain = |part| {
            matches!(
                part,
                std::path::Component::Normal(_) | std::path::Component::RootDir
            )
        };
        assert!(inside.components().all(plain), "{}", inside.display());
        assert!(!inside.as_os_str().as_encoded_bytes().contains(&0));
        if let Ok(real) = inside.canonicalize() {
            assert_eq!(real, inside, "a link is left in it");
        }
    }
}

/// A request of a remote: its method on the first line, its parameters on the second.
pub(crate) fn verdict(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (method, params) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(Value::Object(params)) = serde_json::from_str(params) else {
        return;
    };
    for role in [Role::Viewer, Role::Operator] {
        let Ok(rule) = verdict::check(method, role, &params) else {
            continue;
        };
        assert!(
            verdict::verdict(method).is_some(),
            "{method} passed without a verdict"
        );
        if role == Role::Viewer {
            assert!(
                verdict::check(method, Role::Operator, &params).is_ok(),
                "{method}: an operator may less than a viewer"
            );
        }
        let mut forwarded = params.clone();
        let seen: Result<(), ()> =
            paths::rewrite(rule, &mut forwarded, |_, _, _| Ok("/canonical".to_owned()));
        assert!(seen.is_ok());
        for name in forwarded.keys() {
            assert!(params.contains_key(name), "{name} came from nowhere");
        }
    }
}
