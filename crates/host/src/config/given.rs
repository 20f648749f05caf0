//! What flags and variables gave, as the layer above the configuration file.

use drawbridge_config::{Name, UserPath, Value, Values};
use drawbridge_wire::pipe::{BusSetup, HostSetup};

/// The values a host was started with.
pub(super) fn values(setup: &HostSetup) -> Values {
    let mut values = Values::default();
    let mut text = |name, given: &Option<String>| {
        if let Some(text) = given {
            values.put(name, Value::Text(text.clone()));
        }
    };
    text(Name::HostName, &setup.host_name);
    text(Name::HostId, &setup.host_id);
    if let Some(bus) = &setup.bus {
        text(Name::BusApi, &bus.api);
        text(Name::McpName, &bus.mcp_name);
        text(Name::McpUrl, &bus.mcp_url);
    }
    let ca_file = setup.bus.as_ref().and_then(|bus| bus.ca_file.as_ref());
    for (name, given) in [
        (Name::HostCwd, setup.cwd.as_ref()),
        (Name::CodexBin, setup.codex_bin.as_ref()),
        (Name::BusCaFile, ca_file),
    ] {
        if let Some(path) = given {
            values.put(name, Value::Path(UserPath::new(path)));
        }
    }
    if let Some(address) = setup.app_server_host {
        values.put(Name::AppServerHost, Value::Address(address));
    }
    if let Some(port) = setup.app_server_port {
        values.put(Name::AppServerPort, Value::Integer(port.into()));
    }
    if let Some(role) = setup.role {
        values.put(Name::Role, Value::Role(role));
    }
    if let Some(answer) = setup.answer {
        values.put(Name::Answer, Value::Answer(answer));
    }
    if !setup.roots.is_empty() {
        let roots = setup.roots.iter().map(UserPath::new).collect();
        values.put(Name::Roots, Value::Paths(roots));
    }
    values
}

/// The bus that flags named, with what the file and the defaults say of it.
pub(super) fn bus(given: BusSetup, values: &Values, home: Option<&std::path::Path>) -> BusSetup {
    let text = |name| values.text(name).map(str::to_owned);
    BusSetup {
        api: text(Name::BusApi),
        token: given.token,
        ca_file: values.path(Name::BusCaFile).and_then(|path| path.expanded(home)),
        mcp_url: text(Name::McpUrl),
        mcp_token: given.mcp_token,
        mcp_name: text(Name::McpName),
    }
}
