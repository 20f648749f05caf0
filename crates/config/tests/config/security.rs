//! Nothing widens what remotes may do but a person.

use drawbridge_config::{
    Config, Name, Narrowed, Security, Value, Values, all_pairs, narrow, parse, resolve, security_of,
};
use drawbridge_wire::{Role, WhoMayAnswer};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Every folder may be had.
fn well(_: &Path) -> Option<String> {
    None
}

fn defaults() -> Security {
    Security {
        role: Role::Operator,
        answer: WhoMayAnswer::Local,
        roots: vec![PathBuf::from("/work/site")],
        ceilings: all_pairs().to_vec(),
    }
}

fn any_security() -> impl Strategy<Value = Security> {
    let role = prop_oneof![Just(Role::Viewer), Just(Role::Operator)];
    let answer = prop_oneof![
        Just(WhoMayAnswer::Local),
        Just(WhoMayAnswer::Both),
        Just(WhoMayAnswer::Remote)
    ];
    // Few names, so that folders often contain each other.
    let root = "(/(a|b|ab)){1,3}".prop_map(PathBuf::from);
    let roots = proptest::collection::vec(root, 0..4);
    let ceilings = proptest::sample::subsequence(all_pairs().to_vec(), 0..=4);
    (role, answer, roots, ceilings).prop_map(|(role, answer, roots, ceilings)| Security {
        role,
        answer,
        roots,
        ceilings,
    })
}

fn sees(security: &Security, path: &Path) -> bool {
    security.roots.iter().any(|root| path.starts_with(root))
}

fn paths() -> Vec<PathBuf> {
    let names = ["a", "b", "ab"];
    let mut out = vec![PathBuf::from("/")];
    for depth in 0..4 {
        let longest: Vec<PathBuf> = out
            .iter()
            .filter(|path| path.components().count() == depth + 1)
            .cloned()
            .collect();
        for path in longest {
            out.extend(names.map(|name| path.join(name)));
        }
    }
    out
}

fn power(answer: WhoMayAnswer) -> u8 {
    match answer {
        WhoMayAnswer::Local => 0,
        WhoMayAnswer::Both => 1,
        WhoMayAnswer::Remote => 2,
    }
}

proptest! {
    #[test]
    fn what_is_in_force_is_exactly_what_both_allow(confirmed in any_security(), loaded in any_security()) {
        let Narrowed { in_force, waiting } = narrow(&confirmed, &loaded);
        prop_assert_eq!(in_force.role, confirmed.role.min(loaded.role));
        prop_assert_eq!(power(in_force.answer), power(confirmed.answer).min(power(loaded.answer)));
        for pair in all_pairs() {
            let both = confirmed.ceilings.contains(&pair) && loaded.ceilings.contains(&pair);
            prop_assert_eq!(in_force.ceilings.contains(&pair), both);
        }
        for path in paths() {
            let both = sees(&confirmed, &path) && sees(&loaded, &path);
            prop_assert_eq!(sees(&in_force, &path), both, "{}", path.display());
        }
        prop_assert!(in_force.is_within(&confirmed));
        prop_assert!(in_force.is_within(&loaded));
        // Something waits exactly when the file asks for more than it gets.
        prop_assert_eq!(waiting.is_empty(), loaded.is_within(&confirmed));
    }

    #[test]
    fn narrowing_applies_at_once(confirmed in any_security(), cut in any_security()) {
        let loaded = narrow(&confirmed, &cut).in_force;
        let again = narrow(&confirmed, &loaded);
        prop_assert_eq!(again.waiting, vec![]);
        prop_assert!(loaded.is_within(&again.in_force) && again.in_force.is_within(&loaded));
    }

    #[test]
    fn going_round_never_gains(confirmed in any_security(), steps in proptest::collection::vec(any_security(), 1..5)) {
        for loaded in steps {
            prop_assert!(narrow(&confirmed, &loaded).in_force.is_within(&confirmed));
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was(security in any_security()) {
        let text = serde_json::to_string(&security).unwrap();
        prop_assert_eq!(serde_json::from_str::<Security>(&text).unwrap(), security);
    }
}

#[test]
fn each_widening_is_named_with_from_and_to() {
    let loaded = Security {
        role: Role::Operator,
        answer: WhoMayAnswer::Both,
        roots: vec![PathBuf::from("/work"), PathBuf::from("/work/site/docs")],
        ceilings: all_pairs().to_vec(),
    };
    let confirmed = Security {
        role: Role::Viewer,
        ceilings: all_pairs()[3..].to_vec(),
        ..defaults()
    };
    let narrowed = narrow(&confirmed, &loaded);
    assert_eq!(narrowed.in_force.role, Role::Viewer);
    assert_eq!(narrowed.in_force.answer, WhoMayAnswer::Local);
    let said: Vec<String> = narrowed
        .waiting
        .iter()
        .map(|w| format!("{}: {} -> {}", w.key, w.from, w.to))
        .collect();
    assert_eq!(
        said,
        [
            "security.role: viewer -> operator",
            "security.answer: local -> both",
            "security.roots: /work/site/docs, /work/site -> /work, /work/site/docs",
            "security.ceilings: untrusted + read-only -> on-request + workspace-write, on-request + \
             read-only, untrusted + workspace-write, untrusted + read-only",
        ]
    );
}

#[test]
fn the_last_steps_of_the_order_of_answers_wait_too() {
    let with = |answer| Security { answer, ..defaults() };
    let (local, both, remote) = (
        with(WhoMayAnswer::Local),
        with(WhoMayAnswer::Both),
        with(WhoMayAnswer::Remote),
    );
    for (confirmed, loaded, waits) in [
        (&local, &both, true),
        (&local, &remote, true),
        (&both, &remote, true),
        (&remote, &both, false),
        (&remote, &local, false),
        (&both, &local, false),
    ] {
        let narrowed = narrow(confirmed, loaded);
        assert_eq!(
            narrowed.waiting.len(),
            usize::from(waits),
            "{confirmed:?} {loaded:?}"
        );
        let expected = if waits { confirmed } else { loaded };
        assert_eq!(narrowed.in_force.answer, expected.answer);
    }
}

#[test]
// A first start counts the defaults as confirmed; a file that is already there widens nothing.
fn a_file_at_the_first_start_widens_nothing_past_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    let (site, other) = (base.join("site"), base.join("other"));
    std::fs::create_dir_all(site.join("docs")).unwrap();
    std::fs::create_dir(&other).unwrap();
    // A link inside a root is where it leads to.
    std::os::unix::fs::symlink(&other, site.join("link")).unwrap();
    let none = |_: &str| None;
    let empty = resolve(&Values::default(), none, &Default::default(), "c.toml").settings;
    let (confirmed, problems) = security_of(&empty, &Config::default(), &site, None, well);
    assert!(problems.is_empty());
    assert_eq!(
        confirmed.roots,
        std::slice::from_ref(&site),
        "without roots the working directory is the root"
    );

    let file = format!(
        "[security]\nanswer = \"remote\"\nroots = [\"{0}/docs\", \"{0}/link\", \"{1}\", \"{0}/missing\"]\n",
        site.display(),
        other.display()
    );
    let (config, problems) = parse(&file, "c.toml");
    assert!(problems.is_empty(), "{problems:?}");
    let config = config.unwrap();
    let settings = resolve(&Values::default(), none, &config, "c.toml").settings;
    let (loaded, problems) = security_of(&settings, &config, &site, None, well);
    assert_eq!(loaded.roots, [site.join("docs"), other.clone()]);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].to_string().contains("missing` does not exist"),
        "{}",
        problems[0]
    );
    assert!(
        problems[0].to_string().starts_with("c.toml:3:9: warning: "),
        "{}",
        problems[0]
    );
    let (none, problems) = security_of(&settings, &config, &site, None, |root| {
        Some(format!("is {}", root.display()))
    });
    assert_eq!(none.roots, Vec::<PathBuf>::new(), "what is refused is left out");
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(
        !drawbridge_config::has_errors(&problems),
        "a missing folder stops nothing"
    );

    let narrowed = narrow(&confirmed, &loaded);
    assert_eq!(narrowed.in_force.answer, WhoMayAnswer::Local);
    assert_eq!(narrowed.in_force.roots, [site.join("docs")]);
    let keys: Vec<&str> = narrowed.waiting.iter().map(|w| w.key.as_str()).collect();
    assert_eq!(keys, ["security.answer", "security.roots"]);
    // After a person accepted, all of it counts.
    assert_eq!(narrow(&loaded, &loaded).waiting, []);
}

#[test]
fn another_working_directory_in_the_file_is_another_root() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    let (site, other) = (base.join("site"), base.join("other"));
    std::fs::create_dir(&site).unwrap();
    std::fs::create_dir(&other).unwrap();
    let flags: Values = [(Name::Role, Value::Role(Role::Operator))].into_iter().collect();
    let settings = resolve(&flags, |_| None, &Default::default(), "c.toml").settings;
    let (confirmed, _) = security_of(&settings, &Config::default(), &site, None, well);
    let (loaded, _) = security_of(&settings, &Config::default(), &other, None, well);
    let narrowed = narrow(&confirmed, &loaded);
    assert_eq!(
        narrowed.in_force.roots,
        Vec::<PathBuf>::new(),
        "nothing in common, nothing seen"
    );
    assert_eq!(narrowed.waiting[0].key, "security.roots");
    assert_eq!(narrowed.waiting[0].from, "nothing");
}

/// No pair at all is a value: a remote starts nothing, and every pair is wider.
#[test]
fn no_pair_at_all_is_a_ceiling() {
    let (config, problems) = drawbridge_config::parse("[security]\nceilings = []\n", "c.toml");
    assert!(problems.is_empty(), "{problems:?}");
    let config = config.unwrap();
    assert_eq!(config.values().ceilings(), Some(&[][..]));
    let settings = resolve(&Values::default(), |_: &str| None, &config, "c.toml").settings;
    let (none, _) = security_of(&settings, &config, Path::new("/"), None, well);
    assert_eq!(none.ceilings, []);
    let empty = resolve(&Values::default(), |_: &str| None, &Default::default(), "c.toml").settings;
    let (all, _) = security_of(&empty, &config, Path::new("/"), None, well);
    assert!(narrow(&all, &none).waiting.is_empty());
    let back = narrow(&none, &all);
    assert_eq!(back.in_force.ceilings, []);
    assert_eq!(back.waiting[0].key, "security.ceilings");
}
