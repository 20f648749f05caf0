use super::below;
use crate::CliError;
use crate::args::{Arguments, Command, ConnectArgs};
use clap::Parser as _;
use drawbridge_wire::{Role, WhoMayAnswer};
use std::ffi::OsString;
use std::path::PathBuf;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(file: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("work/docs")).unwrap();
        let file = file.replace("WORK", &dir.path().join("work").display().to_string());
        std::fs::write(dir.path().join("config.toml"), file).unwrap();
        Self { dir }
    }

    fn work(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("work")
    }

    fn below(&self, flags: &[&str]) -> Result<(ConnectArgs, Vec<String>), CliError> {
        let arguments = ["drawbridge", "connect"].iter().chain(flags);
        let Command::Connect(args) = Arguments::try_parse_from(arguments).unwrap().command else {
            panic!("another command");
        };
        let variable =
            |name: &str| (name == "FORGE_CODEX_CONNECTOR_MCP_NAME").then(|| OsString::from("from-variable"));
        let file = self.dir.path().join("config.toml");
        below(
            *args,
            &file,
            &self.dir.path().join("data"),
            variable,
            &self.work(),
        )
    }
}

#[test]
fn the_file_gives_what_neither_flag_nor_variable_does() {
    let place = Place::new(
        "[host]\nname = \"File\"\nid = \"file\"\n[app_server]\nport = 9200\n[bus]\napi = \"https://file.example\"\n\
         [mcp]\nname = \"file\"\n[codex]\nbin = \"/opt/codex\"\n",
    );
    let (args, notes) = place.below(&["--name", "Flag"]).unwrap();
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(args.name.as_deref(), Some("Flag"));
    assert_eq!(args.id.as_deref(), Some("file"));
    assert_eq!(args.api.as_deref(), Some("https://file.example"));
    assert_eq!(args.app_server_port, Some(9200));
    assert_eq!(args.codex_bin, Some("/opt/codex".into()));
    assert_eq!(args.mcp_name, None, "the variable is read later and wins");
    assert_eq!(args.root, [place.work()]);
}

#[test]
fn the_file_narrows_at_once_and_widens_nothing() {
    let place =
        Place::new("[security]\nrole = \"viewer\"\nanswer = \"both\"\nroots = [\"WORK/docs\", \"/usr\"]\n");
    let (args, notes) = place.below(&[]).unwrap();
    assert_eq!(args.role, Some(Role::Viewer));
    assert_eq!(args.answer, Some(WhoMayAnswer::Local));
    assert_eq!(args.root, [place.work().join("docs")]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].starts_with("security.answer: the file asks for both, which nobody confirmed here; in force is local; give --answer"),
        "{notes:?}"
    );
    assert!(notes[1].starts_with("security.roots: "), "{notes:?}");
    // A flag is a person's word.
    let (args, notes) = place.below(&["--answer", "remote", "--root", "/usr"]).unwrap();
    assert_eq!(args.answer, Some(WhoMayAnswer::Remote));
    assert_eq!(args.root, [PathBuf::from("/usr")]);
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn folders_nobody_confirmed_are_never_replaced_by_the_default() {
    for file in ["[security]\nroots = [\"/usr\"]\n", "[host]\ncwd = \"/usr\"\n"] {
        let place = Place::new(file);
        let error = place.below(&[]).unwrap_err();
        assert_eq!(error.code(), "no_confirmed_root", "{file}");
        let (args, _) = place.below(&["--root", "/usr/lib"]).unwrap();
        assert_eq!(args.root, [PathBuf::from("/usr/lib")]);
    }
}

#[test]
// proves S5.47
fn a_broken_file_is_told_of_and_stops_nothing() {
    let place = Place::new("[security]\nrole = \"viewer\"\nanswr = \"both\"\n");
    let (args, notes) = place.below(&[]).unwrap();
    assert_eq!(args.role, Some(Role::Viewer), "what narrows counts");
    assert!(
        notes[0].contains("config.toml:3:1: there is no key `answr`"),
        "{notes:?}"
    );
    assert!(notes[1].ends_with("the file is wrong; the defaults count, and of the file what narrows them"));
}

#[test]
fn what_has_no_effect_yet_is_said() {
    let place = Place::new("[security]\nceilings = [\"untrusted + read-only\"]\n");
    let (_, notes) = place.below(&[]).unwrap();
    assert_eq!(
        notes,
        ["security.ceilings: `connect` does not hand this to the host yet; it has no effect"]
    );
}
