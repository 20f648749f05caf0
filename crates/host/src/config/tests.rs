use super::{Configuration, Confirmed, Kept, Layers, Reader};
use drawbridge_config::{Name, Problem, all_pairs, words_of_pair};
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
         [mcp]\nname = \"file\"\nurl = \"https://mcp.example/x\"\n[codex]\nbin = \"/bin/sh\"\n\
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
        Some("/bin/sh".into())
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
    let kept = configuration.accepted();
    assert_eq!(
        kept,
        Kept::from([
            ("security.role".to_owned(), json!("operator")),
            ("security.answer".to_owned(), json!("both")),
            (
                "security.roots".to_owned(),
                json!([place.work().join("docs"), "/usr"])
            ),
            (
                "security.ceilings".to_owned(),
                json!(all_pairs().map(words_of_pair))
            ),
        ]),
        "all that is then in force"
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
    // It is confirmed as what it is: the folder of each start, not of this one.
    let wider = &again.view(false).unwrap().waiting[0].to;
    let said = format!(
        "the folder that drawbridge is started in (now {})",
        place.work().display()
    );
    assert_eq!(*wider, said);
    let kept = again.accepted();
    assert_eq!(kept["security.roots"], json!({ "started_in": null }));
    again.confirm(Confirmed::Kept(kept.clone()));
    assert_eq!(waiting(&again), [""; 0]);
    let elsewhere = Configuration::new(
        Reader {
            cwd: place.work().join("docs"),
            ..place.reader()
        }
        .read(),
        Confirmed::Kept(kept),
        vec![place.work().join("docs")],
        false,
        None,
    );
    assert_eq!(elsewhere.in_force().roots, [place.work().join("docs")]);
    assert_eq!(waiting(&elsewhere), [""; 0]);
}

/// What was narrower when something was accepted is confirmed as it was: a line that is taken out is wider.
#[test]
fn an_accept_confirms_what_it_leaves_narrow() {
    let mut place = Place::new("[security]\nrole = \"viewer\"\nanswer = \"both\"\nceilings = []\n");
    let configuration = place.configuration(Confirmed::Nothing);
    assert_eq!(waiting(&configuration), ["security.answer"]);
    let offer = configuration.offer();
    let records: Vec<_> = offer
        .records
        .iter()
        .map(|row| (row.key.as_str(), row.value.as_str()))
        .collect();
    let start = format!(
        "the folder that drawbridge is started in (now {})",
        place.work().display()
    );
    assert_eq!(
        records,
        [
            ("security.role", "viewer"),
            ("security.answer", "both"),
            ("security.roots", start.as_str()),
            ("security.ceilings", "nothing"),
        ]
    );
    let kept = configuration.accepted();
    place.write("");
    let later = place.configuration(Confirmed::Kept(kept.clone()));
    assert_eq!(waiting(&later), ["security.role", "security.ceilings"]);
    assert_eq!(
        (later.in_force().role, later.in_force().ceilings.len()),
        (Role::Viewer, 0)
    );
    // Back to what was confirmed asks nothing.
    place.write("[security]\nrole = \"viewer\"\nanswer = \"local\"\nceilings = []\n");
    let narrower = place.configuration(Confirmed::Kept(kept.clone()));
    assert_eq!(
        (narrower.in_force().answer, waiting(&narrower).len()),
        (WhoMayAnswer::Local, 0)
    );
    place.write("[security]\nrole = \"viewer\"\nanswer = \"both\"\nceilings = []\n");
    let back = place.configuration(Confirmed::Kept(kept.clone()));
    assert_eq!(
        (back.in_force().answer, waiting(&back).len()),
        (WhoMayAnswer::Both, 0)
    );
    assert_eq!(back.offer().digest, None, "nothing to confirm");
    assert_eq!(back.offer().records, []);
    // What a flag gave is for this start only, also where something is kept for it.
    place.setup.role = Some(Role::Operator);
    place.setup.roots = vec!["/usr".into()];
    let flagged = place.configuration(Confirmed::Nothing).accepted();
    assert_eq!(
        flagged.keys().collect::<Vec<_>>(),
        ["security.answer", "security.ceilings"]
    );
    let flagged = place.configuration(Confirmed::Kept(kept.clone())).accepted();
    assert_eq!(flagged, kept);
}

/// Without anything that waits, what is in force can be made the limit.
#[test]
fn what_is_in_force_can_be_confirmed_without_anything_waiting() {
    let place = Place::new("[security]\nrole = \"viewer\"\n");
    let wide = Kept::from([("security.role".to_owned(), json!("operator"))]);
    let mut configuration = place.configuration(Confirmed::Kept(wide));
    assert_eq!(waiting(&configuration), [""; 0]);
    assert_eq!(configuration.view(false).unwrap().digest, None);
    let first = configuration.offer().digest.unwrap();
    place.write("[security]\nrole = \"viewer\"\nceilings = [\"untrusted + read-only\"]\n");
    configuration.read(place.reader().read());
    assert_ne!(
        configuration.offer().digest.unwrap(),
        first,
        "bound to what was shown"
    );
    configuration.confirm(Confirmed::Kept(configuration.accepted()));
    assert_eq!(configuration.offer().digest, None);
    place.write("");
    configuration.read(place.reader().read());
    assert_eq!(waiting(&configuration), ["security.role", "security.ceilings"]);
}

#[test]
fn what_the_file_narrows_at_first_is_kept_without_a_question() {
    let mut place = Place::new("[security]\nrole = \"viewer\"\nanswer = \"both\"\nroots = [\"WORK/docs\"]\n");
    let docs = place.work().join("docs");
    let mut configuration = place.configuration(Confirmed::Nothing);
    let before = configuration.in_force().clone();
    let digest = configuration.offer().digest;
    let added = configuration.narrower_than_confirmed();
    assert_eq!(
        added,
        Kept::from([
            ("security.role".to_owned(), json!("viewer")),
            ("security.roots".to_owned(), json!({ "started_in": [docs] })),
        ]),
        "what is wider waits, and defaults are not frozen"
    );
    configuration.confirm_further(added.clone());
    assert_eq!(*configuration.in_force(), before);
    assert_eq!(
        configuration.offer().digest,
        digest,
        "what a person is looking at stays the same"
    );
    assert_eq!(configuration.narrower_than_confirmed(), Kept::new());
    // The lines go: nothing comes back by itself.
    place.write("");
    configuration.read(place.reader().read());
    assert_eq!(*configuration.in_force(), before);
    assert_eq!(waiting(&configuration), ["security.role", "security.roots"]);
    // In another folder it is no more than it would have been without.
    place.write("[security]\nroots = [\"WORK/docs\"]\n");
    let elsewhere = Configuration::new(
        place.reader().read(),
        Confirmed::Kept(added),
        vec!["/usr".into()],
        false,
        None,
    );
    assert_eq!(elsewhere.in_force().roots, Vec::<PathBuf>::new());
    // Flags, defaults, what cannot be read and a file that is wrong give nothing.
    assert_eq!(
        place
            .configuration(Confirmed::Unreadable)
            .narrower_than_confirmed(),
        Kept::new()
    );
    place.write("[security]\nrole = \"viewer\"\nanswr = 1\n");
    std::fs::remove_dir_all(place.dir.path().join("data")).unwrap();
    let broken = place.configuration(Confirmed::Nothing);
    assert_eq!(broken.in_force().role, Role::Viewer);
    assert_eq!(broken.narrower_than_confirmed(), Kept::new());
    place.write("");
    place.setup.role = Some(Role::Viewer);
    assert_eq!(
        place.configuration(Confirmed::Nothing).narrower_than_confirmed(),
        Kept::new()
    );
}

// proves S5.47
#[test]
fn a_path_of_the_file_that_leads_nowhere_costs_its_own_key() {
    let mut place =
        Place::new("[host]\nname = \"Desk\"\ncwd = \"WORK/gone\"\n[security]\nrole = \"viewer\"\n");
    let reader = place.reader();
    assert_eq!(reader.cwd, place.work());
    let (settings, _) = reader.layers.settings();
    assert_eq!(settings.values().text(Name::HostName), Some("Desk"));
    let configuration = place.configuration(Confirmed::Nothing);
    assert_eq!(configuration.in_force().role, Role::Viewer);
    assert_eq!(configuration.in_force().roots, [place.work()]);
    assert_eq!(
        configuration.accepted()["security.roots"],
        json!({ "started_in": null })
    );
    let view = configuration.view(false).unwrap();
    assert_eq!(view.in_force, ConfigInForce::File);
    let told = &view.problems[0];
    assert_eq!((told.code.as_str(), told.start), ("missing_path", Some((3, 7))));
    assert!(
        told.text.contains("config.toml:3:7: warning: host.cwd: "),
        "{}",
        told.text
    );
    // What it stands in for is not refused as if a person had named it.
    let home = place.dir.path().join("home").canonicalize().unwrap();
    let reader = Reader {
        cwd: home,
        ..place.reader()
    };
    reader.refuse_given_roots(&settings, true).unwrap();
    place.write("");
    let reader = Reader {
        layers: place.reader().layers,
        ..reader
    };
    let (settings, _) = reader.layers.settings();
    assert!(reader.refuse_given_roots(&settings, true).is_err());
    place.setup.cwd = Some("/gone".into());
    let (settings, problems) = place.reader().layers.settings();
    assert!(problems.is_empty());
    assert_eq!(settings.values().path(Name::HostCwd).unwrap().as_path(), "/gone");
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
    for (problem, why) in reading.problems.iter().zip(["home folder", "does not exist"]) {
        let text = problem.to_string();
        assert!(
            text.contains("config.toml:2:9: warning: security.roots: `"),
            "{text}"
        );
        assert!(text.contains(why) && text.contains("^^^"), "{text}");
    }
    // Whoever looks at the file without a host is told the same.
    let state = reading.state.unwrap();
    let (here, problems) = super::security_here(
        &reading.settings,
        &state.in_force,
        &place.dir.path().join("data"),
        &[
            ("HOME".into(), home.clone().into()),
            ("CODEX_HOME".into(), home.clone().into()),
        ],
    );
    assert_eq!(here, reading.loaded);
    let codes: Vec<_> = problems
        .iter()
        .map(|problem| (&problem.code[..], problem.range))
        .collect();
    let range = reading.problems[0].range;
    assert_eq!(codes, [("bad_root", range), ("bad_root", range)]);
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
