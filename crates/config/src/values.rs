//! Values of keys, by type.

use crate::{Name, words_of_pair};
use drawbridge_core::verdict::ceiling::Pair;
use drawbridge_wire::{Role, WhoMayAnswer};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A path as a person wrote it: absolute, or `~/...` for a place in the home folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserPath(PathBuf);

impl UserPath {
    /// Takes a path as it is.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// As written.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// With `~` replaced by the home folder; `None` when it needs one and there is none.
    #[must_use]
    pub fn expanded(&self, home: Option<&Path>) -> Option<PathBuf> {
        match self.0.strip_prefix("~") {
            Ok(rest) if rest.as_os_str().is_empty() => home.map(Path::to_owned),
            Ok(rest) => home.map(|home| home.join(rest)),
            Err(_) => Some(self.0.clone()),
        }
    }
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A name, an id, a URL, a log filter.
    Text(String),
    /// A number in its range.
    Integer(u32),
    /// A file, folder or program.
    Path(UserPath),
    /// Folders.
    Paths(Vec<UserPath>),
    /// A loopback address.
    Address(IpAddr),
    /// Highest role of a remote.
    Role(Role),
    /// Who may answer approvals.
    Answer(WhoMayAnswer),
    /// Allowed pairs of approval policy and sandbox.
    Pairs(Vec<Pair>),
}

impl Value {
    /// As TOML.
    #[must_use]
    pub fn to_toml(&self) -> toml_edit::Value {
        let path = |path: &UserPath| toml_edit::Value::from(path.as_path().to_string_lossy().into_owned());
        match self {
            Value::Text(text) => text.as_str().into(),
            Value::Integer(number) => i64::from(*number).into(),
            Value::Path(one) => path(one),
            Value::Paths(all) => toml_edit::Value::Array(all.iter().map(path).collect()),
            Value::Address(address) => address.to_string().into(),
            Value::Role(Role::Viewer) => "viewer".into(),
            Value::Role(Role::Operator) => "operator".into(),
            Value::Answer(WhoMayAnswer::Local) => "local".into(),
            Value::Answer(WhoMayAnswer::Remote) => "remote".into(),
            Value::Answer(WhoMayAnswer::Both) => "both".into(),
            Value::Pairs(pairs) => {
                toml_edit::Value::Array(pairs.iter().map(|pair| words_of_pair(*pair)).collect())
            }
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_toml().fmt(f)
    }
}

/// Values by key. The readers by type answer `None` where the key has no value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<Name, Value>);

impl Values {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, name: Name) -> Option<&Value> {
        self.0.get(&name)
    }

    /// Gives a key a value.
    pub fn put(&mut self, name: Name, value: Value) {
        self.0.insert(name, value);
    }

    /// Takes a key's value away.
    pub fn remove(&mut self, name: Name) -> Option<Value> {
        self.0.remove(&name)
    }

    /// Whether no key has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// A key that holds text.
    #[must_use]
    pub fn text(&self, name: Name) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A key that holds a number.
    #[must_use]
    pub fn integer(&self, name: Name) -> Option<u32> {
        match self.get(name)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// A key that holds a path.
    #[must_use]
    pub fn path(&self, name: Name) -> Option<&UserPath> {
        match self.get(name)? {
            Value::Path(path) => Some(path),
            _ => None,
        }
    }

    /// A key that holds folders.
    #[must_use]
    pub fn paths(&self, name: Name) -> Option<&[UserPath]> {
        match self.get(name)? {
            Value::Paths(paths) => Some(paths),
            _ => None,
        }
    }

    /// `app_server.host`
    #[must_use]
    pub fn app_server_host(&self) -> Option<IpAddr> {
        match self.get(Name::AppServerHost)? {
            Value::Address(address) => Some(*address),
            _ => None,
        }
    }

    /// `app_server.port`
    #[must_use]
    pub fn app_server_port(&self) -> Option<u16> {
        self.integer(Name::AppServerPort)
            .and_then(|port| u16::try_from(port).ok())
    }

    /// `security.role`
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match self.get(Name::Role)? {
            Value::Role(role) => Some(*role),
            _ => None,
        }
    }

    /// `security.answer`
    #[must_use]
    pub fn answer(&self) -> Option<WhoMayAnswer> {
        match self.get(Name::Answer)? {
            Value::Answer(answer) => Some(*answer),
            _ => None,
        }
    }

    /// `security.ceilings`
    #[must_use]
    pub fn ceilings(&self) -> Option<&[Pair]> {
        match self.get(Name::Ceilings)? {
            Value::Pairs(pairs) => Some(pairs),
            _ => None,
        }
    }
}

impl FromIterator<(Name, Value)> for Values {
    fn from_iter<T: IntoIterator<Item = (Name, Value)>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}
