//! The verdict table against the schema of the codex that is installed: a new version with a new method,
//! a new parameter or a new request of the server's fails here until someone has decided on it.

use drawbridge_core::verdict::server_requests::{ServerRequest, UNKNOWN_ON_PURPOSE, server_request};
use drawbridge_core::verdict::{self, Kind, Verdict};
use drawbridge_testkit::home::{real_codex, scratch_dir};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The schema with its experimental part, as `codex app-server generate-json-schema` writes it.
fn schema(file: &str) -> Value {
    let scratch = scratch_dir("verdict").expect("a folder");
    let home = scratch.folder("home").expect("a folder");
    let out = scratch.folder("schema").expect("a folder");
    let done = Command::new(real_codex())
        .args(["app-server", "generate-json-schema", "--experimental", "--out"])
        .arg(&out)
        .env("CODEX_HOME", &home)
        .output()
        .expect("codex runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(out.join(file)).expect("the schema");
    serde_json::from_str(&text).expect("JSON")
}

/// Requests by method, each with the schema of its parameters.
fn requests(schema: &Value) -> BTreeMap<String, &Value> {
    let variants = schema["oneOf"].as_array().expect("one variant a method");
    variants
        .iter()
        .map(|variant| {
            let method = variant["properties"]["method"]["enum"][0]
                .as_str()
                .expect("a method");
            (
                method.to_owned(),
                resolve(schema, &variant["properties"]["params"]),
            )
        })
        .collect()
}

/// Follows references, and takes the only or the not-null part of a choice.
fn resolve<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    if let Some(name) = value["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix("#/definitions/"))
    {
        return resolve(schema, &schema["definitions"][name]);
    }
    for choice in ["anyOf", "allOf"] {
        if let Some(parts) = value[choice].as_array() {
            let mut parts = parts.iter().filter(|part| part["type"] != "null");
            if let (Some(only), None) = (parts.next(), parts.next()) {
                return resolve(schema, only);
            }
        }
    }
    value
}

/// All words a schema allows, whichever way it lists them.
fn words(schema: &Value, value: &Value, out: &mut BTreeSet<String>) {
    let value = resolve(schema, value);
    let listed = value["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    out.extend(listed.map(str::to_owned));
    for part in ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|choice| value[choice].as_array())
        .flatten()
    {
        words(schema, part, out);
    }
}

// proves: a generated test fails for a method without a verdict
#[test]
fn the_installed_codex_has_no_method_and_no_parameter_without_a_decision() {
    let schema = schema("ClientRequest.json");
    let requests = requests(&schema);
    assert!(
        requests.len() >= 184,
        "only {} methods: is the experimental part missing?",
        requests.len()
    );
    let undecided: Vec<_> = requests
        .keys()
        .filter(|method| verdict::verdict(method).is_none())
        .collect();
    assert!(undecided.is_empty(), "methods without a verdict: {undecided:?}");
    let gone: Vec<_> = verdict::all()
        .filter(|(method, _)| !requests.contains_key(*method))
        .collect();
    assert!(
        gone.is_empty(),
        "verdicts on methods that are not there: {gone:?}"
    );

    let nothing = Map::new();
    for (method, v) in verdict::all() {
        let Verdict::Allow(rule) = v else { continue };
        let params = requests[method];
        let offered = params["properties"].as_object().unwrap_or(&nothing);
        let offered: BTreeSet<&str> = offered.keys().map(String::as_str).collect();
        let named: BTreeSet<&str> = rule.params.iter().map(|param| param.name).collect();
        assert_eq!(
            named, offered,
            "{method}: parameters named in the rule, and offered by codex"
        );
        let needed = params["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        for name in needed {
            let param = rule
                .params
                .iter()
                .find(|param| param.name == name)
                .expect("named, see above");
            assert!(param.required, "{method}.{name} is required by codex");
        }
        for param in rule.params {
            let offered = resolve(&schema, &params["properties"][param.name]);
            let (ours, offered) = match param.kind {
                Kind::Word(ours) => (ours, offered),
                Kind::Words(ours) => (ours, &offered["items"]),
                _ => continue,
            };
            let mut known = BTreeSet::new();
            words(&schema, offered, &mut known);
            for word in ours {
                assert!(
                    known.contains(*word),
                    "{method}.{}: codex knows no `{word}`: {known:?}",
                    param.name
                );
            }
        }
    }
}

#[test]
fn the_installed_codex_asks_nothing_that_is_not_decided_on() {
    let schema = schema("ServerRequest.json");
    for method in requests(&schema).keys() {
        let decided = server_request(method) != ServerRequest::Unknown;
        let left_unknown = UNKNOWN_ON_PURPOSE.contains(&method.as_str());
        assert!(
            decided != left_unknown,
            "{method}: decided {decided}, unknown on purpose {left_unknown}"
        );
    }
}
