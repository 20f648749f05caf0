use super::{Configuration, Confirmed, Kept, Layers, Reader};
use drawbridge_config::{Name, Problem};
use drawbridge_wire::buses::{ConfigInForce, ConfirmedState};
use drawbridge_wire::pipe::{BusSetup, HostSetup};
use drawbridge_wire::{Role, Secret, WhoMayAnswer};
use serde_json::json;
use std::path::PathBuf;

struct Place {
    dir: tempfile::TempDir,
    setup: HostSetup,
    variables: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

impl Place {
    fn new(file: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["work/docs", "data", "home"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let setup = HostSetup {
            config: Some(dir.path().join("config.toml")),
            ..HostSetup::default()
        };
        let place = Self {
            dir,
            setup,
            variables: Vec::new(),
        };
        place.write(file);
        place
    }

    fn write(&self, file: &str) {
        let file = file.replace("WORK", &self.work().display().to_string());
        std::fs::write(self.dir.path().join("config.toml"), file).unwrap();
    }

    fn work(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("work")
    }

    fn reader(&self) -> Reader {
        let layers = Layers::open(&self.setup, &self.dir.path().join("data"), &self.variables);
        let (settings, _) = layers.settings();
        Reader {
            cwd: layers
                .path(&settings, Name::HostCwd)
                .unwrap_or_else(|| self.work()),
            layers,
            guarded: vec![(self.dir.path().join("home"), crate::policy::HOME)],
        }
    }

    fn configuration(&self, confirmed: Confirmed) -> Configuration {
        let reading = self.reader().read();
        Configuration::new(
            reading,
            confirmed,
            vec![self.work()],
            self.setup.bus.is_some(),
            None,
        )
    }
}

fn waiting(configuration: &Configuration) -> Vec<String> {
    let view = configuration.view(false).unwrap();
    view.waiting.into_iter().map(|wider| wider.key).collect()
}

fn bus() -> BusSetup {
    BusSetup {
        api: None,
        token: Secret::new("t"),
        ca_file: None,
        mcp_url: None,
        mcp_token: None,
        mcp_name: None,
    }
}

#[test]
fn the_file_gives_what_neither_flag_nor_variable_does() {
    let mut place = Place::new(
        "[host]\nname = \"File\"\nid = \"file\"\n[app_server]\nport = 9200\n[bus]\napi = \"https://file.example\"\n\
         [mcp]\nname = \"file\"\nurl = \"https://mcp.example/x\"\n[codex]\nbin = \"/opt/codex\"\n\
         [approvals]\nanswer_within = 20\n[log]\nlevel = \"debug\"\n",
    );
    place.setup.host_name = Some("Flag".to_owned());
    place.setup.bus = Some(bus());
    place.variables = vec![("FORGE_CODEX_CONNECTOR_MCP_NAME".into(), "variable".into())];
    let reader = place.reader();
    let (settings, problems) = reader.layers.settings();
    assert_eq!(problems, Vec::<Problem>::new());
    let values = settings.values();
    assert_eq!(values.text(Name::HostName), Some("Flag"));
    assert_eq!(values.text(Name::HostId), Some("file"));
    assert_eq!(values.app_server_port(), Some(9200));
    assert_eq!(
        reader.layers.path(&settings, Name::CodexBin),
        Some("/opt/codex".into())
    );
    let bus = reader.layers.bus(place.setup.bus.take().unwrap(), &settings);
    assert_eq!(bus.api.as_deref(), Some("https://file.example"));
    assert_eq!(bus.mcp_name.as_deref(), Some("variable"));
    assert_eq!(bus.mcp_url.as_deref(), Some("https://mcp.example/x"));
    let configuration = place.configuration(Confirmed::Nothing);
    assert_eq!(configuration.answer_within_ms(), 20_000);
    assert_eq!(configuration.unattended_within_ms(), 60_000);
    assert_eq!(configuration.log_level(), "debug");
}

// proves S1.20 (the default)
#[test]
fn without_a_word_it_is_the_public_bus_and_the_folder_it_was_started_in() {
    let place = Place::new("");
    let (settings, _) = place.reader().layers.settings();
    let bus = place.reader().layers.bus(bus(), &settings);
    assert_eq!(bus.api.as_deref(), Some("https://bus.noagi.cloud"));
    assert_eq!(bus.mcp_url, None);
    let configuration = place.configuration(Confirmed::Nothing);
    let in_force = configuration.in_force();
    assert_eq!(in_force.roots, [place.work()]);
    assert_eq!(
        (in_force.role, in_force.answer),
        (Role::Operator, WhoMayAnswer::Local)
    );
    assert_eq!(in_force.ceilings.len(), 4);
    assert_eq!(configuration.digest(), None);
}

#[test]
fn the_file_narrows_at_once_and_widens_nothing() {
    let mut place =
        Place::new("[security]\nrole = \"viewer\"\nanswer = \"both\"\nroots = [\"WORK/docs\", \"/usr\"]\n");
    let configuration = place.configuration(Confirmed::Nothing);
    let in_force = configuration.in_force();
    assert_eq!(in_force.role, Role::Viewer);
    assert_eq!(in_force.answer, WhoMayAnswer::Local);
    assert_eq!(in_force.roots, [place.work().join("docs")]);
    assert_eq!(waiting(&configuration), ["security.answer", "security.roots"]);
    // A flag is a person's word.
    place.setup.answer = Some(WhoMayAnswer::Remote);
    place.setup.roots = vec!["/usr".into()];
    let configuration = place.configuration(Confirmed::Unreadable);
    assert_eq!(configuration.in_force().answer, WhoMayAnswer::Remote);
    assert_eq!(configuration.in_force().roots, [PathBuf::from("/usr")]);
}

#[test]
fn folders_nobody_confirmed_are_never_replaced_by_the_default() {
    for file in ["[security]\nroots = [\"/usr\"]\n", "[host]\ncwd = \"/usr\"\n"] {
        let place = Place::new(file);
        let configuration = place.configuration(Confirmed::Nothing);
        assert_eq!(configuration.in_force().roots, Vec::<PathBuf>::new(), "{file}");
        assert_eq!(waiting(&configuration), ["security.roots"], "{file}");
    }
}

#[test]
fn what_was_confirmed_counts_until_the_file_wants_more() {
    let place = Place::new("[security]\nanswer = \"both\"\nroots = [\"WORK/docs\", \"/usr\"]\n");
    let mut configuration = place.configuration(Confirmed::Nothing);
    let digest = configuration.digest().unwrap();
    let kept = configuration.with_what_waits();
    assert_eq!(
        kept,
        Kept::from([
            ("security.answer".to_owned(), json!("both")),
            (
                "security.roots".to_owned(),
                json!([place.work().join("docs"), "/usr"])
            ),
        ]),
        "what is not wider is not kept"
    );
    configuration.confirm(Confirmed::Kept(kept.clone()));
    assert_eq!(configuration.in_force().answer, WhoMayAnswer::Both);
    assert_eq!(configuration.in_force().roots.len(), 2);
    assert_eq!(configuration.digest(), None);

    place.write("[security]\nanswer = \"remote\"\nroots = [\"WORK/docs\", \"/usr/lib\", \"/etc\"]\n");
    let mut again = place.configuration(Confirmed::Kept(kept.clone()));
    assert_eq!(again.in_force().answer, WhoMayAnswer::Both);
    assert_eq!(
        again.in_force().roots,
        [
            place.work().join("docs"),
            PathBuf::from("/usr/lib").canonicalize().unwrap()
        ]
    );
    assert_ne!(again.digest().unwrap(), digest, "another list is another digest");
    // The folder that was started in was not among what was confirmed.
    place.write("");
    again.read(place.reader().read());
    assert_eq!(again.in_force().roots, [place.work().join("docs")]);
    assert_eq!(waiting(&again), ["security.roots"]);
}

#[test]
fn what_cannot_be_read_allows_nothing() {
    let place = Place::new("[security]\nceilings = [\"untrusted + read-only\"]\n");
    let configuration = place.configuration(Confirmed::Unreadable);
    let in_force = configuration.in_force();
    assert_eq!(
        (in_force.role, in_force.answer),
        (Role::Viewer, WhoMayAnswer::Local)
    );
    assert!(in_force.roots.is_empty() && in_force.ceilings.is_empty());
    assert_eq!(
        configuration.view(false).unwrap().confirmed,
        ConfirmedState::Unreadable
    );
    assert_eq!(
        configuration.view(true).unwrap().waiting,
        [],
        "the vault may still say more"
    );
    // A single value of another kind narrows its own key.
    let odd = Kept::from([
        ("security.role".to_owned(), json!(7)),
        ("security.ceilings".to_owned(), json!("all")),
        ("security.roots".to_owned(), json!({})),
        ("of.the.future".to_owned(), json!(1)),
    ]);
    let configuration = place.configuration(Confirmed::Kept(odd));
    let in_force = configuration.in_force();
    assert_eq!(in_force.role, Role::Viewer);
    assert!(in_force.roots.is_empty() && in_force.ceilings.is_empty());
}

// proves S5.47
#[test]
fn a_broken_file_is_told_of_and_stops_nothing() {
    let place = Place::new("[security]\nrole = \"viewer\"\nanswr = \"both\"\n");
    let configuration = place.configuration(Confirmed::Nothing);
    assert_eq!(configuration.in_force().role, Role::Viewer, "what narrows counts");
    let view = configuration.view(false).unwrap();
    assert_eq!(view.in_force, ConfigInForce::NarrowedDefaults);
    assert_eq!(view.problems[0].start, Some((3, 1)));
    assert_eq!(view.problems[0].file, place.setup.config);
    let text = &view.problems[0].text;
    assert!(
        text.contains("config.toml:3:1: there is no key `answr`"),
        "{text}"
    );
    for bytes in [&b"\0\0\0"[..], b"\xff\xfe\0a", b"[security\n"] {
        std::fs::write(place.dir.path().join("config.toml"), bytes).unwrap();
        let view = place.configuration(Confirmed::Nothing).view(false).unwrap();
        assert_eq!(view.problems[0].severity, "error");
    }
}

#[test]
fn folders_no_remote_may_have_are_left_out_of_a_file_and_refused_of_a_flag() {
    let mut place = Place::new("");
    let home = place.dir.path().canonicalize().unwrap().join("home");
    place.write(&format!(
        "[security]\nroots = [{home:?}, \"WORK\", \"WORK/gone\"]\n"
    ));
    let reader = place.reader();
    let (settings, _) = reader.layers.settings();
    reader.refuse_given_roots(&settings, true).unwrap();
    let reading = reader.read();
    assert_eq!(reading.loaded.roots, [place.work()]);
    let codes: Vec<_> = reading.problems.iter().map(|p| p.code.as_str()).collect();
    assert_eq!(codes, ["bad_root", "bad_root"], "{:?}", reading.problems);
    place.setup.roots = vec![home];
    let reader = place.reader();
    let (settings, _) = reader.layers.settings();
    let error = reader.refuse_given_roots(&settings, false).unwrap_err();
    assert_eq!(error.code(), "bad_root");
}

#[test]
fn what_counts_from_the_next_start_on_is_named() {
    let place = Place::new("[host]\nname = \"One\"\n[mcp]\nname = \"one\"\n");
    let mut configuration = place.configuration(Confirmed::Nothing);
    assert_eq!(
        configuration.view(false).unwrap().at_next_start,
        Vec::<String>::new()
    );
    place.write("[host]\nname = \"Two\"\n[mcp]\nname = \"two\"\n[approvals]\nanswer_within = 20\n");
    configuration.read(place.reader().read());
    assert_eq!(
        configuration.view(false).unwrap().at_next_start,
        ["host.name"],
        "no bus was named by flags, and deadlines count at once"
    );
}
