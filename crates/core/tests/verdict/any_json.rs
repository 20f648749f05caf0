//! Whatever a remote sends: no panic, and nothing unnamed goes on.

use crate::outcome;
use drawbridge_core::verdict::{self, Kind, Refusal, Verdict, paths, redact};
use drawbridge_wire::Role;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "text",
            "skill",
            "image",
            "localImage",
            "never",
            "readOnly",
            "data:",
            "-"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let names = prop_oneof![
            prop::sample::select(vec![
                "type", "path", "url", "name", "text", "mode", "settings", "branch"
            ])
            .prop_map(str::to_owned),
            ".{0,8}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// A value that this kind allows.
fn fit(kind: Kind) -> Value {
    match kind {
        Kind::Any | Kind::Dropped => json!([1]),
        Kind::Unset | Kind::Off => json!(false),
        Kind::Bool => json!(true),
        Kind::Text | Kind::Path | Kind::Paths | Kind::ThreadId => json!("x"),
        Kind::Int => json!(1),
        Kind::Word(words) => json!(words[0]),
        Kind::Words(words) => json!(words),
        Kind::Texts | Kind::SomePaths | Kind::OwnFolder => json!(["x"]),
        Kind::Input => json!([{ "type": "text", "text": "x" }]),
        Kind::Config => json!({ "web_search": "disabled" }),
        Kind::CeilingPolicy => json!("untrusted"),
        Kind::CeilingSandbox => json!("read-only"),
        Kind::CeilingSandboxPolicy => json!({ "type": "readOnly" }),
        Kind::CeilingReviewer => json!("user"),
        Kind::CollaborationMode => json!({ "mode": "plan", "settings": { "model": "x" } }),
        Kind::Object(members) => members
            .iter()
            .map(|member| (member.name, fit(member.kind)))
            .collect(),
        Kind::ReviewTarget => json!({ "type": "uncommittedChanges" }),
    }
}

#[test]
fn what_fits_passes() {
    for (method, v) in verdict::all() {
        let Verdict::Allow(rule) = v else { continue };
        let params = rule
            .params
            .iter()
            .map(|param| (param.name, fit(param.kind)))
            .collect();
        assert_eq!(outcome(method, Role::Operator, params), "ok", "{method}");
    }
}

proptest! {
    #[test]
    fn no_json_makes_the_check_panic_or_slip(
        at in 0..184_usize,
        replaced in prop::collection::vec((0..32_usize, any_json()), 0..3),
        extra in prop::option::weighted(0.1, (".{0,12}", any_json())),
        operator in any::<bool>(),
    ) {
        let role = if operator { Role::Operator } else { Role::Viewer };
        let (method, v) = verdict::all().nth(at).unwrap();
        let mut params = Map::new();
        if let Verdict::Allow(rule) = v {
            let fitting = rule.params.iter().filter(|param| param.required || param.min_role <= role);
            params.extend(fitting.map(|param| (param.name.to_owned(), fit(param.kind))));
            for (at, value) in replaced {
                if let Some(param) = rule.params.get(at) {
                    params.insert(param.name.to_owned(), value);
                }
            }
        }
        params.extend(extra);
        match verdict::check(method, role, &params) {
            Err(refusal) => {
                let error = refusal.to_error();
                prop_assert!(error.message.len() < 4000);
                prop_assert!(!error.message.chars().any(char::is_control));
            }
            Ok(rule) => {
                prop_assert!(role >= rule.min_role);
                paths::rewrite(rule, &mut params, |_, _, path| Ok::<_, Refusal>(path.to_owned())).unwrap();
                for (name, value) in &params {
                    let known = rule.params.iter().find(|param| param.name == name);
                    let known = known.expect("only named parameters go on");
                    prop_assert!(!matches!(known.kind, Kind::Unset | Kind::Dropped));
                    prop_assert!(value.is_null() || role >= known.min_role);
                }
            }
        }
    }

    #[test]
    fn no_json_makes_the_cuts_panic(mut result in any_json()) {
        for (_, v) in verdict::all() {
            if let Verdict::Allow(rule) = v {
                redact::apply(rule, &mut result);
            }
        }
    }
}
