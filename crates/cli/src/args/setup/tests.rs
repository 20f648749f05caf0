use super::host_setup;
use crate::CliError;
use crate::args::{Arguments, Command};
use crate::secrets::tests::secrets;
use clap::{CommandFactory, Parser};
use drawbridge_wire::pipe::{BusSetup, HostSetup};
use drawbridge_wire::{Role, Secret, WhoMayAnswer};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// What `connect` starts a host with. Tokens come as they do after they were taken out of arguments and
/// variables.
fn setup(flags: &[&str], variables: &[(&str, &str)]) -> Result<HostSetup, CliError> {
    let tokens = [("--token", "token"), ("--mcp-token", "mcp-token")];
    let mut arguments = vec!["drawbridge", "connect"];
    let mut flag_tokens = Vec::new();
    let mut rest = flags.iter();
    while let Some(flag) = rest.next() {
        match tokens.iter().find(|(name, _)| name == flag) {
            Some((_, name)) => flag_tokens.push((*name, *rest.next().unwrap())),
            None => arguments.push(flag),
        }
    }
    let (token_variables, variables): (Vec<_>, Vec<_>) =
        variables.iter().partition(|(name, _)| name.ends_with("TOKEN"));
    let Command::Connect(args) = Arguments::try_parse_from(arguments).unwrap().command else {
        panic!("another command");
    };
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| OsString::from(value))
    };
    host_setup(
        &args,
        &secrets(&flag_tokens, &token_variables),
        false,
        variable,
        Path::new("/here"),
    )
}

/// The comparable part of a setup.
fn shown(setup: &HostSetup) -> serde_json::Value {
    serde_json::to_value(setup).unwrap()
}

fn bus(setup: HostSetup) -> BusSetup {
    setup.bus.unwrap()
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

// proves S1.20, S1.21, S1.24, S1.25, S1.28, S1.29, S1.30 (nothing else is said; the host has the defaults)
#[test]
fn a_token_is_enough() {
    assert_eq!(
        shown(&setup(&["--token", "t"], &[]).unwrap()),
        shown(&HostSetup {
            bus: Some(BusSetup {
                api: None,
                token: Secret::new("t"),
                ca_file: None,
                mcp_url: None,
                mcp_token: None,
                mcp_name: None,
            }),
            ..HostSetup::default()
        })
    );
}

// proves S1.20-S1.30
#[test]
fn every_flag_is_passed_on() {
    let flags = [
        "--api",
        "https://bus.example",
        "--id",
        "desk",
        "--token",
        "t",
        "--mcp-url",
        "https://mcp.example/x",
        "--mcp-token",
        "m",
        "--mcp-name",
        "agents",
        "--name",
        "My desk",
        "--cwd",
        "work",
        "--codex-bin",
        "bin/codex",
        "--app-server-host",
        "127.0.0.2",
        "--app-server-port",
        "7001",
        "--ca",
        "ca.pem",
        "--role",
        "viewer",
        "--root",
        "a",
        "--root",
        "/b",
        "--answer",
        "both",
    ];
    assert_eq!(
        shown(&setup(&flags, &[]).unwrap()),
        shown(&HostSetup {
            config: None,
            bus: Some(BusSetup {
                api: Some("https://bus.example".to_owned()),
                token: Secret::new("t"),
                ca_file: Some(PathBuf::from("/here/ca.pem")),
                mcp_url: Some("https://mcp.example/x".to_owned()),
                mcp_token: Some(Secret::new("m")),
                mcp_name: Some("agents".to_owned()),
            }),
            host_name: Some("My desk".to_owned()),
            host_id: Some("desk".to_owned()),
            cwd: Some(PathBuf::from("/here/work")),
            codex_bin: Some(PathBuf::from("/here/bin/codex")),
            app_server_host: Some("127.0.0.2".parse().unwrap()),
            app_server_port: Some(7001),
            role: Some(Role::Viewer),
            roots: vec![PathBuf::from("/here/a"), PathBuf::from("/b")],
            answer: Some(WhoMayAnswer::Both),
            vault_key: drawbridge_wire::pipe::VaultKey::Keyring,
            visit: false,
            service: false,
        })
    );
}

// proves S1.40-S1.47
#[test]
fn every_variable_is_read_under_both_names_and_flags_win() {
    type Part = fn(HostSetup) -> Option<String>;
    let rows: [(&str, &str, &str, Part); 7] = [
        ("API", "--api", "https://v.example", |s| bus(s).api),
        ("ID", "--id", "v-id", |s| s.host_id),
        ("TOKEN", "--token", "v-token", |s| {
            Some(bus(s).token.reveal().to_owned())
        }),
        ("CODEX_BIN", "--codex-bin", "v-codex", |s| {
            s.codex_bin.map(|path| path.display().to_string())
        }),
        ("MCP_URL", "--mcp-url", "https://v.example/mcp", |s| {
            bus(s).mcp_url
        }),
        ("MCP_TOKEN", "--mcp-token", "v-mcp", |s| {
            bus(s).mcp_token.map(|token| token.reveal().to_owned())
        }),
        ("MCP_NAME", "--mcp-name", "v-name", |s| bus(s).mcp_name),
    ];
    for (suffix, flag, value, part) in rows {
        let (name, legacy) = (
            format!("FORGE_CODEX_CONNECTOR_{suffix}"),
            format!("CODEX_APP_CONNECTOR_{suffix}"),
        );
        let token = ("FORGE_CODEX_CONNECTOR_TOKEN", "t");
        let other = format!("{value}x");
        let read = |flags: &[&str], variables: &[(&str, &str)]| {
            let mut variables = variables.to_vec();
            if suffix != "TOKEN" {
                variables.push(token);
            }
            part(setup(flags, &variables).unwrap())
        };
        let value_read = Some(value.to_owned());
        assert_eq!(read(&[], &[(&name, value)]), value_read, "{name}");
        assert_eq!(read(&[], &[(&legacy, value)]), value_read, "{legacy}");
        assert_eq!(
            read(&[], &[(&legacy, &other), (&name, value)]),
            value_read,
            "{name} before {legacy}"
        );
        assert_eq!(
            read(&[], &[(&name, ""), (&legacy, value)]),
            value_read,
            "an empty {name}"
        );
        assert_eq!(
            read(&[flag, value], &[(&name, &other), (&legacy, &other)]),
            value_read,
            "{flag} before {name}"
        );
    }
}

// proves S1.28
#[test]
fn a_bare_codex_name_is_left_for_path() {
    let codex = |flags: &[&str]| {
        setup(&[&["--token", "t"], flags].concat(), &[])
            .unwrap()
            .codex_bin
    };
    assert_eq!(
        codex(&["--codex-bin", "codex-beta"]),
        Some(PathBuf::from("codex-beta"))
    );
    assert_eq!(
        codex(&["--codex-bin", "/opt/codex"]),
        Some(PathBuf::from("/opt/codex"))
    );
    assert_eq!(
        codex(&["--codex-bin", "./codex"]),
        Some(PathBuf::from("/here/./codex"))
    );
}

#[test]
fn what_cannot_be_used_says_what_to_do() {
    for (flags, words) in [
        (&[][..], "set FORGE_CODEX_CONNECTOR_TOKEN"),
        (&["--token", ""][..], "set FORGE_CODEX_CONNECTOR_TOKEN"),
        (&["--token", "t", "--api", "http://bus.example"], "--api"),
        (&["--token", "t", "--api", "bus.example"], "--api"),
        (&["--token", "t", "--mcp-url", "http://mcp.example"], "use https"),
        (
            &["--token", "t", "--mcp-url", "https://u:canary@mcp.example"],
            "use --mcp-token",
        ),
        (
            &["--token", "t", "--app-server-host", "somewhere"],
            "takes an IP address",
        ),
    ] {
        let error = setup(flags, &[]).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert_eq!(error.exit(), crate::Exit::Usage);
    }
    assert!(setup(&["--token", "t", "--app-server-host", "localhost"], &[]).is_ok());
    assert!(setup(&["--token", "t", "--api", "http://127.0.0.1:7300"], &[]).is_ok());
}

#[test]
fn a_variable_that_is_no_text_is_named() {
    let Command::Connect(args) = Arguments::parse_from(["drawbridge", "connect"]).command else {
        panic!("another command");
    };
    let bytes = |name: &str| (name == "CODEX_APP_CONNECTOR_ID").then(|| OsString::from_vec(vec![0xff]));
    let error = host_setup(
        &args,
        &secrets(&[("token", "t")], &[]),
        false,
        bytes,
        Path::new("/here"),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("CODEX_APP_CONNECTOR_ID is not UTF-8"),
        "{error}"
    );
}

#[test]
fn arguments_that_do_not_exist_are_refused() {
    for line in [
        "drawbridge",
        "drawbridge connect --role admin",
        "drawbridge connect --answer everyone",
        "drawbridge connect --app-server-port 70000",
        "drawbridge approvals accept",
        "drawbridge approvals accept 1-0 --for-session --with-amendment",
        "drawbridge remote send --bus https://b.example",
        "drawbridge remote send --bus https://b.example --sandbox danger-full-access hi",
        "drawbridge host",
        "drawbridge logs app-server connector",
        "drawbridge bus --listen nowhere",
    ] {
        assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
    for line in [
        "drawbridge --data-dir /d status --json",
        "drawbridge status --data-dir /d",
        "drawbridge --secrets-fd 5 connect",
        "drawbridge approvals accept 1-0 --reply a=b --reply c=d",
        "drawbridge remote send --bus https://b.example --sandbox read-only --approval-policy on-request hi",
        "drawbridge host --data-dir /d --setup-stdin --service",
        "drawbridge logs connector:home",
        "drawbridge bus --listen 127.0.0.1:0 --state f --public-origin https://b.example",
        "drawbridge connector",
        "drawbridge stop",
        "drawbridge threads",
    ] {
        assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
}
