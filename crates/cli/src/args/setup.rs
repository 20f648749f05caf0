//! From flags, variables and secrets to what a host is started with.

use super::ConnectArgs;
use crate::CliError;
use crate::secrets::Secrets;
use drawbridge_connector::is_loopback;
use drawbridge_wire::Secret;
use drawbridge_wire::pipe::{BusSetup, HostSetup, VaultKey};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// Where the public bus is.
pub const DEFAULT_API: &str = "https://bus.noagi.cloud";

/// Prefixes of variables; the first one wins.
pub const PREFIXES: [&str; 2] = ["FORGE_CODEX_CONNECTOR_", "CODEX_APP_CONNECTOR_"];

/// What flags and variables say of a host; it lays the configuration file below them itself. Without an
/// enrollment token the host connects to the buses it is `enrolled` at.
///
/// # Errors
/// When something has an unusable form, or there is no enrollment token.
pub fn host_setup(
    args: &ConnectArgs,
    secrets: &Secrets,
    enrolled: bool,
    variable: impl Fn(&str) -> Option<OsString>,
    current_dir: &Path,
) -> Result<HostSetup, CliError> {
    let from = |suffix: &str| text_variable(&variable, suffix);
    let flag_or = |flag: &Option<String>, suffix: &str| match flag {
        Some(value) => Ok(Some(value.clone())),
        None => from(suffix),
    };
    let api = flag_or(&args.api, "API")?;
    if let Some(api) = &api {
        drawbridge_connector::connect_url(api).map_err(|error| CliError::Usage(format!("--api: {error}")))?;
    }
    let mcp_url = flag_or(&args.mcp_url, "MCP_URL")?;
    if let Some(url) = &mcp_url {
        check_mcp_url(url)?;
    }
    let bus = match secret(secrets, "token", "TOKEN") {
        Some(token) => Some(BusSetup {
            api,
            token,
            ca_file: args.ca.as_ref().map(|file| current_dir.join(file)),
            mcp_url,
            mcp_token: secret(secrets, "mcp-token", "MCP_TOKEN"),
            mcp_name: flag_or(&args.mcp_name, "MCP_NAME")?,
        }),
        None if enrolled && api.is_none() => None,
        None if enrolled => {
            return Err(CliError::Usage(
                "--api needs a token; leave both out to connect to the buses this computer is enrolled at \
                 (`drawbridge enrollments`)"
                    .to_owned(),
            ));
        }
        None => {
            return Err(CliError::Usage(
                "there is no enrollment token; enroll this computer with `drawbridge enroll --api URL`, or set \
                 FORGE_CODEX_CONNECTOR_TOKEN (or give --token) to the CODEX_BUS_CONNECT_TOKEN of the bus"
                    .to_owned(),
            ));
        }
    };
    let codex_bin = match &args.codex_bin {
        Some(path) => Some(path.clone()),
        None => from("CODEX_BIN")?.map(PathBuf::from),
    };
    Ok(HostSetup {
        config: None,
        bus,
        host_name: args.name.clone(),
        host_id: flag_or(&args.id, "ID")?,
        cwd: args.cwd.as_ref().map(|dir| current_dir.join(dir)),
        codex_bin: codex_bin.map(|path| anchored(path, current_dir)),
        app_server_host: args.app_server_host.as_deref().map(address).transpose()?,
        app_server_port: args.app_server_port,
        role: args.role,
        roots: args.root.iter().map(|root| current_dir.join(root)).collect(),
        answer: args.answer,
        service: false,
        vault_key: VaultKey::default(),
        visit: false,
    })
}

/// A variable under either name; set but empty counts as not set.
fn text_variable(
    variable: &impl Fn(&str) -> Option<OsString>,
    suffix: &str,
) -> Result<Option<String>, CliError> {
    for prefix in PREFIXES {
        let name = format!("{prefix}{suffix}");
        if let Some(value) = variable(&name).filter(|value| !value.is_empty()) {
            return value
                .into_string()
                .map(Some)
                .map_err(|_| CliError::Usage(format!("the variable {name} is not UTF-8; set it again")));
        }
    }
    Ok(None)
}

fn secret(secrets: &Secrets, flag: &str, suffix: &str) -> Option<Secret> {
    let variable = || {
        PREFIXES
            .iter()
            .find_map(|prefix| secrets.variable(&format!("{prefix}{suffix}")))
    };
    secrets.flag(flag).or_else(variable).cloned()
}

/// A path with a folder in it means the same wherever the host looks from; a bare name is for `PATH`.
fn anchored(path: PathBuf, current_dir: &Path) -> PathBuf {
    if path.components().count() > 1 {
        current_dir.join(path)
    } else {
        path
    }
}

fn address(text: &str) -> Result<IpAddr, CliError> {
    if text == "localhost" {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    text.parse().map_err(|_| {
        CliError::Usage(format!(
            "--app-server-host takes an IP address such as 127.0.0.1, not `{text}`"
        ))
    })
}

/// An `http(s)` URL; without TLS only on this computer, because a token travels over it. What does not
/// pass is not shown: there may be a token in it.
fn check_mcp_url(text: &str) -> Result<(), CliError> {
    let wrong = |why: &str| CliError::Usage(format!("--mcp-url {why}"));
    let url = url::Url::parse(text).map_err(|_| wrong("is no URL; write it like https://bus.example/mcp"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user or password; leave them out and use --mcp-token",
        ));
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(()),
        "http" if url.host().is_some_and(|host| is_loopback(&host)) => Ok(()),
        "http" => Err(wrong("is not encrypted and leaves this computer; use https")),
        _ => Err(wrong("must start with https://")),
    }
}

#[cfg(test)]
mod tests;
