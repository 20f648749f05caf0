//! Flags over variables over the file over the defaults.

use drawbridge_config::{KEYS, Name, Origin, UserPath, Value, Values, parse, resolve, resolve_usable, show};
use drawbridge_wire::{Role, WhoMayAnswer};
use std::ffi::OsString;
use std::path::Path;

const FILE: &str = "[bus]\napi = \"https://file.example\"\n\n[security]\nrole = \"viewer\"\nanswer = \"both\"\nroots = [\"~/site\"]\n";

fn variables(set: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<OsString> {
    move |name| {
        set.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| OsString::from(value))
    }
}

fn file() -> drawbridge_config::Config {
    let (config, problems) = parse(FILE, "c.toml");
    assert!(problems.is_empty(), "{problems:?}");
    config.unwrap()
}

#[test]
fn the_nearest_layer_wins_and_is_named() {
    let flags: Values = [(Name::Role, Value::Role(Role::Operator))].into_iter().collect();
    let env = variables(&[("CODEX_APP_CONNECTOR_API", "https://variable.example")]);
    let resolved = resolve(&flags, env, &file(), "c.toml");
    assert!(resolved.problems.is_empty());
    let settings = resolved.settings;
    let values = settings.values();
    assert_eq!(values.role(), Some(Role::Operator));
    assert_eq!(values.text(Name::BusApi), Some("https://variable.example"));
    assert_eq!(values.answer(), Some(WhoMayAnswer::Both));
    assert_eq!(values.text(Name::McpName), Some("codex-agents"));
    assert_eq!(values.text(Name::HostName), None, "has no fixed default");
    assert_eq!(*settings.origin(Name::Role), Origin::Flag("--role"));
    assert_eq!(
        *settings.origin(Name::BusApi),
        Origin::Variable("CODEX_APP_CONNECTOR_API")
    );
    let line = Origin::File {
        file: "c.toml".to_owned(),
        line: 6,
    };
    assert_eq!(*settings.origin(Name::Answer), line);
    assert_eq!(*settings.origin(Name::McpName), Origin::Default);
}

#[test]
fn without_a_layer_the_next_one_counts() {
    let none = variables(&[("FORGE_CODEX_CONNECTOR_API", "")]);
    let settings = resolve(&Values::default(), none, &file(), "c.toml").settings;
    assert_eq!(
        settings.values().text(Name::BusApi),
        Some("https://file.example"),
        "empty is not set"
    );
    let none = variables(&[]);
    let settings = resolve(&Values::default(), none, &Default::default(), "c.toml").settings;
    assert_eq!(
        settings.values().text(Name::BusApi),
        Some("https://bus.noagi.cloud")
    );
    assert_eq!(settings.values().role(), Some(Role::Operator));
    assert_eq!(settings.values().answer(), Some(WhoMayAnswer::Local));
    assert_eq!(settings.values().integer(Name::AnswerWithin), Some(300));
}

#[test]
// proves S5.47
fn a_wrong_variable_is_told_and_does_not_count() {
    let env = variables(&[
        ("FORGE_CODEX_CONNECTOR_API", "http://elsewhere.example"),
        ("DRAWBRIDGE_LOG", "loud"),
    ]);
    let resolved = resolve(&Values::default(), env, &file(), "c.toml");
    assert_eq!(
        resolved.settings.values().text(Name::BusApi),
        Some("https://file.example")
    );
    assert_eq!(resolved.settings.values().text(Name::LogLevel), Some("info"));
    let said: Vec<String> = resolved.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said[0],
        "FORGE_CODEX_CONNECTOR_API: bus.api: this is not encrypted and leaves this computer; use https\n  \
         = write an address such as \"https://bus.example\" (http only for this computer)"
    );
    assert!(
        said[1].starts_with("DRAWBRIDGE_LOG: log.level: `loud` is no level\n"),
        "{}",
        said[1]
    );
}

#[test]
fn show_names_every_key_its_value_and_who_won() {
    let settings = resolve(&Values::default(), variables(&[]), &file(), "c.toml").settings;
    let shown = show(&settings);
    assert_eq!(shown.len(), KEYS.len());
    let rows = serde_json::to_value(&shown).unwrap();
    let origin = serde_json::json!({ "from": "file", "place": { "file": "c.toml", "line": 5 } });
    let role = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["key"] == "security.role");
    assert_eq!(role.unwrap()["origin"], origin);
    let line = |key: &str| {
        let row = shown.iter().find(|row| row.key == key).unwrap();
        let value = row
            .value
            .clone()
            .unwrap_or_else(|| format!("({})", row.otherwise.unwrap()));
        format!("{} = {value}  # {}", row.key, row.origin)
    };
    assert_eq!(line("security.role"), "security.role = \"viewer\"  # c.toml:5");
    assert_eq!(
        line("security.roots"),
        "security.roots = [\"~/site\"]  # c.toml:7"
    );
    assert_eq!(line("host.name"), "host.name = (the computer's name)  # default");
    assert_eq!(
        line("approvals.answer_within"),
        "approvals.answer_within = 300  # default"
    );
}

#[test]
fn the_home_folder_has_a_short_form() {
    let home = Path::new("/home/me");
    for (written, place) in [("~", "/home/me"), ("~/a/b", "/home/me/a/b"), ("/srv/~", "/srv/~")] {
        assert_eq!(
            UserPath::new(written).expanded(Some(home)),
            Some(place.into()),
            "{written}"
        );
    }
    assert_eq!(UserPath::new("~/a").expanded(None), None);
    assert_eq!(UserPath::new("/a").expanded(None), Some("/a".into()));
}

#[test]
fn the_path_of_the_file_can_be_named() {
    use drawbridge_config::config_path;
    let config = Some(Path::new("/home/me/.config"));
    let env = variables(&[("DRAWBRIDGE_CONFIG", "/etc/drawbridge.toml")]);
    let named = Some(Path::new("here.toml"));
    assert_eq!(config_path(named, &env, config), Some("here.toml".into()));
    assert_eq!(
        config_path(None, &env, config),
        Some("/etc/drawbridge.toml".into())
    );
    let none = variables(&[]);
    let default = Some("/home/me/.config/drawbridge/config.toml".into());
    assert_eq!(config_path(None, &none, config), default);
    assert_eq!(config_path(None, &none, None), None);
}

/// A folder or program of the file that is not there costs its own key, and its place is told.
// proves S5.45, S5.47
#[test]
fn a_path_of_the_file_that_leads_nowhere_leaves_the_default_in_force() {
    let text =
        "[host]\nname = \"Desk\"\ncwd = \"/gone\"\n\n[codex]\nbin = \"/opt/codex\"\nhome = \"~/codex\"\n";
    let (config, problems) = parse(text, "c.toml");
    assert!(problems.is_empty(), "{problems:?}");
    let config = config.unwrap();
    let home = Path::new("/home/me");
    let gone = |_: Name, path: &Path| {
        assert!(path.is_absolute(), "{}", path.display());
        (!path.starts_with("/opt")).then(|| "does not exist".to_owned())
    };
    let none = variables(&[]);
    let resolved = resolve_usable(&Values::default(), none, &config, "c.toml", Some(home), gone);
    let values = resolved.settings.values();
    assert_eq!(values.path(Name::HostCwd), None);
    assert_eq!(*resolved.settings.origin(Name::HostCwd), Origin::Default);
    assert_eq!(values.path(Name::CodexHome), None);
    assert_eq!(values.path(Name::CodexBin), Some(&UserPath::new("/opt/codex")));
    assert_eq!(
        values.text(Name::HostName),
        Some("Desk"),
        "the rest of the file counts"
    );
    let told: Vec<String> = resolved.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "c.toml:3:7: warning: host.cwd: `/gone` does not exist; the folder that drawbridge is started in counts \
             instead\n  |\n3 | cwd = \"/gone\"\n  |       ^^^^^^^\n  = name a folder that is there, or take the line out \
             with `drawbridge config unset host.cwd`",
            "c.toml:7:8: warning: codex.home: `~/codex` does not exist; ~/.codex counts instead\n  |\n7 | home = \
             \"~/codex\"\n  |        ^^^^^^^^^\n  = name a folder that is there, or take the line out with `drawbridge \
             config unset codex.home`",
        ]
    );
    // What a person said for this start is not replaced by anything.
    let flags: Values = [(Name::HostCwd, Value::Path(UserPath::new("/gone")))]
        .into_iter()
        .collect();
    let env = variables(&[("CODEX_HOME", "/gone")]);
    let resolved = resolve_usable(&flags, env, &config, "c.toml", Some(home), gone);
    assert!(resolved.problems.is_empty(), "{:?}", resolved.problems);
    assert_eq!(
        resolved.settings.values().path(Name::HostCwd),
        Some(&UserPath::new("/gone"))
    );
}
