//! The address a thread's repository came from can hold a password: `https://user:token@host/...`.

use serde_json::Value;

/// The frame without credentials in any `gitInfo.originUrl`; `None` when there are none to take out.
///
/// # Errors
/// When it may hold some and cannot be read, because it nests too deeply: then it must not go on.
pub fn without_credentials(frame: &str) -> Result<Option<String>, serde_json::Error> {
    // Frames can be large; nearly all of them have none of these.
    if !frame.contains("\"originUrl\"") {
        return Ok(None);
    }
    let mut value: Value = serde_json::from_str(frame)?;
    Ok(clean(&mut value).then(|| value.to_string()))
}

/// Whether something was taken out. Nesting is bounded by the parser.
fn clean(value: &mut Value) -> bool {
    match value {
        Value::Array(list) => list.iter_mut().fold(false, |any, entry| clean(entry) | any),
        Value::Object(map) => {
            let mut any = false;
            for (name, value) in map.iter_mut() {
                any |= match (name.as_str(), value.get_mut("originUrl")) {
                    ("gitInfo", Some(url)) => clean_url(url),
                    _ => clean(value),
                };
            }
            any
        }
        _ => false,
    }
}

fn clean_url(url: &mut Value) -> bool {
    let Some(text) = url.as_str() else {
        return false;
    };
    let harmless = harmless(text);
    if harmless.as_deref() == Some(text) {
        return false;
    }
    *url = harmless.map_or(Value::Null, Value::String);
    true
}

/// The address without user, password and query; `None` when it cannot be told which part is which.
fn harmless(url: &str) -> Option<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        // `git@host:path` names a user and no secret; a path names nobody.
        let user = url.rsplit_once('@').map_or("", |(user, _)| user);
        return (!user.contains(':')).then(|| url.to_owned());
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    // A password with a slash in it ends up here: it would be taken for a port, and its rest for a path.
    let port = match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?.1.strip_prefix(':').unwrap_or_default(),
        None => host.split_once(':').map_or("", |(_, port)| port),
    };
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // For ssh the user is a part of the address, and a password is none of its ways in.
    let keeps_user = scheme.ends_with("ssh") && !user.is_empty() && !user.contains(':');
    let user = if keeps_user {
        format!("{user}@")
    } else {
        String::new()
    };
    Some(format!("{scheme}://{user}{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_form_of_an_address_keeps_a_secret() {
        for (url, left) in [
            ("https://github.com/o/r.git", Some("https://github.com/o/r.git")),
            ("https://user:s3cret@host/o/r.git", Some("https://host/o/r.git")),
            ("https://s3cret@host/o/r.git", Some("https://host/o/r.git")),
            ("https://user:s3@cret@host:8443/o", Some("https://host:8443/o")),
            ("https://user:s3/cret@host/o", None),
            ("https://host/o?token=s3cret", Some("https://host/o")),
            ("https://host/o#s3cret", Some("https://host/o")),
            ("https://u:s3cret@[::1]:80/o", Some("https://[::1]:80/o")),
            ("https://host/@scope/r", Some("https://host/@scope/r")),
            ("helper::https://u:s3cret@host/o", Some("helper::https://host/o")),
            ("ssh://git@host/o", Some("ssh://git@host/o")),
            ("ssh://git:s3cret@host/o", Some("ssh://host/o")),
            ("git@host:o/r.git", Some("git@host:o/r.git")),
            ("u:s3cret@host:o/r.git", None),
            ("/srv/r.git", Some("/srv/r.git")),
            ("", Some("")),
        ] {
            assert_eq!(harmless(url).as_deref(), left, "{url}");
        }
    }

    #[test]
    fn every_frame_that_carries_threads_is_cleaned() {
        let thread = |url: &str| json!({ "id": "t", "gitInfo": { "sha": "1", "originUrl": url } });
        let (bad, good) = (thread("https://u:s3cret@host/o"), thread("https://host/o"));
        for (frame, clean) in [
            (
                json!({ "id": 1, "result": { "thread": bad } }),
                json!({ "id": 1, "result": { "thread": good } }),
            ),
            (
                json!({ "id": 1, "result": { "data": [good, bad] } }),
                json!({ "id": 1, "result": { "data": [good, good] } }),
            ),
            (
                json!({ "method": "thread/started", "params": { "thread": bad } }),
                json!({ "method": "thread/started", "params": { "thread": good } }),
            ),
        ] {
            let cleaned = without_credentials(&frame.to_string()).unwrap().unwrap();
            assert_eq!(serde_json::from_str::<Value>(&cleaned).unwrap(), clean);
        }
        // What holds none goes on as it came, and so does the same word elsewhere.
        assert_eq!(
            without_credentials(&json!({ "thread": good }).to_string()).unwrap(),
            None
        );
        assert_eq!(
            without_credentials(&json!({ "gitInfo": null, "originUrl": "https://u:p@h" }).to_string())
                .unwrap(),
            None
        );
        assert_eq!(
            without_credentials(&json!({ "text": "{\"originUrl\":\"https://u:p@h\"}" }).to_string()).unwrap(),
            None
        );
    }

    #[test]
    fn what_nests_too_deeply_to_be_read_is_not_passed_on_unread() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let frame = |name: &str| format!(r#"{{"id":1,"result":{{"{name}":{deep}}}}}"#);
        assert!(without_credentials(&frame("originUrl")).is_err());
        assert_eq!(without_credentials(&frame("other")).unwrap(), None);
    }
}
