//! Codes, the tokens they are traded for, and taking them back.

use crate::setting::{
    ADMIN, Answer, CLIENT, CONNECT, Link, MCP, TestBus, dial_tunnel, http_client, key, options, within,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use drawbridge_bus::{BusLimits, BusOptions};
use drawbridge_wire::enroll::{EnrollmentView, enroll_bytes, normal_code};
use drawbridge_wire::link::{ByeReason, TUNNEL_HOST_HEADER};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

async fn post(bus: &TestBus, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let mut request = http_client()
        .post(format!("{}{path}", bus.origin()))
        .body(body.to_string());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Answer::of(within(request.send()).await.unwrap()).await
}

async fn code(bus: &TestBus) -> String {
    let answer = post(bus, "/api/pair", Some(ADMIN), &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["code"].as_str().unwrap().to_owned()
}

fn trade(bus: &TestBus, key: &SigningKey, typed: &str, id: &str) -> Value {
    let code = normal_code(typed).unwrap();
    let signature = key.sign(&enroll_bytes(code.reveal(), &bus.origin(), id));
    json!({
        "code": typed,
        "host_id": id,
        "host_name": format!("Name of {id}"),
        "public_key": BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
        "signature": BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()),
    })
}

async fn enrolled(bus: &TestBus, key: &SigningKey, id: &str) -> String {
    let typed = code(bus).await;
    let answer = post(bus, "/api/enroll", None, &trade(bus, key, &typed, id)).await;
    assert_eq!(
        (answer.status, &answer.body["host_id"]),
        (200, &json!(id)),
        "{}",
        answer.body
    );
    answer.body["token"].as_str().unwrap().to_owned()
}

async fn enrollments(bus: &TestBus) -> Vec<EnrollmentView> {
    let request = http_client()
        .get(format!("{}/api/enrollments", bus.origin()))
        .bearer_auth(ADMIN);
    within(request.send()).await.unwrap().json().await.unwrap()
}

async fn revoke(bus: &TestBus, path: &str, token: &str) -> u16 {
    let request = http_client()
        .delete(format!("{}/api/enrollments/{path}", bus.origin()))
        .bearer_auth(token);
    within(request.send()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_code_is_traded_once_for_a_token_that_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("bus.json");
    let options = BusOptions {
        state_file: Some(state.clone()),
        ..options()
    };
    let bus = TestBus::start_with(options.clone(), BusLimits::default()).await;
    let typed = code(&bus).await.to_lowercase().replace('-', " ");
    let body = trade(&bus, &key(1), &typed, "desk");
    let answer = post(&bus, "/api/enroll", None, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.body["token"].as_str().unwrap();
    let again = post(&bus, "/api/enroll", None, &body).await;
    assert_eq!((again.status, again.code()), (403, "bad_code".to_owned()));

    Link::join_with(&bus, token, "desk", &key(1)).await;
    bus.stop().await;
    let kept = std::fs::read_to_string(&state).unwrap();
    assert!(
        kept.contains("Name of desk") && !kept.contains(token),
        "only a digest is kept"
    );
    let bus = TestBus::start_with(options, BusLimits::default()).await;
    let _link = Link::join_with(&bus, token, "desk", &key(1)).await;
    let seen = EnrollmentView {
        host_id: "desk".to_owned(),
        name: "Name of desk".to_owned(),
        online: true,
        paired: true,
        revoked: false,
    };
    assert_eq!(enrollments(&bus).await, [seen]);
}

#[tokio::test]
async fn a_hosts_own_token_serves_no_other_host() {
    let bus = TestBus::start().await;
    let token = enrolled(&bus, &key(1), "desk").await;
    let stranger = Link::join_in_vain_with(&bus, &token, "mill", &key(2)).await;
    assert_eq!(stranger, ByeReason::Revoked);
    let thief = Link::join_in_vain_with(&bus, &token, "desk", &key(2)).await;
    assert_eq!(thief, ByeReason::Revoked);
    for door in ["/hosts/desk/app-server", "/mcp", "/api/hosts", "/api/enrollments"] {
        let (status, code) = bus.refused(door, Some(&token)).await;
        assert_eq!((status, code.as_str()), (401, "unauthorized"), "{door}");
    }

    // A tunnel that was opened for another host.
    let mut mill = Link::join(&bus, "mill", &key(2)).await;
    let client = tokio::spawn({
        let url = format!("ws://{}/hosts/mill/app-server", bus.address);
        async move {
            use tokio_tungstenite::tungstenite::client::IntoClientRequest;
            let mut request = url.into_client_request().unwrap();
            let token = format!("Bearer {CLIENT}").parse().unwrap();
            request.headers_mut().insert("authorization", token);
            tokio_tungstenite::connect_async(request).await
        }
    });
    let tunnel = mill.opened().await;
    let answer = bus
        .ask(
            &format!("/connect/{tunnel}"),
            Some(&token),
            &[(TUNNEL_HOST_HEADER, "mill")],
        )
        .await;
    assert_eq!((answer.status, answer.code()), (404, "unknown_tunnel".to_owned()));
    dial_tunnel(&bus, &tunnel, "mill").await;
    assert!(within(client).await.unwrap().is_ok());
}

#[tokio::test]
async fn what_is_taken_back_ends_at_once_and_stays_out_until_paired_again() {
    let bus = TestBus::start().await;
    let token = enrolled(&bus, &key(1), "desk").await;
    let mut link = Link::join_with(&bus, &token, "desk", &key(1)).await;
    assert_eq!(revoke(&bus, "desk", ADMIN).await, 204);
    assert_eq!(link.bye().await, ByeReason::Revoked);
    for with in [token.as_str(), CONNECT] {
        assert_eq!(
            Link::join_in_vain_with(&bus, with, "desk", &key(1)).await,
            ByeReason::Revoked
        );
    }
    assert_eq!(bus.hosts(MCP).await, json!([]), "clients do not see it");
    let (_, code) = bus.refused("/hosts/desk/app-server", Some(CLIENT)).await;
    assert_eq!(code, "unknown_host");

    let new = enrolled(&bus, &key(1), "desk").await;
    Link::join_with(&bus, &new, "desk", &key(1)).await;
    assert_eq!(
        bus.refused("/connect", Some(&token)).await.0,
        401,
        "the old token is gone"
    );
}

#[tokio::test]
async fn a_key_keeps_its_id_until_it_is_forgotten() {
    let bus = TestBus::start().await;
    let token = enrolled(&bus, &key(1), "desk").await;
    let typed = code(&bus).await;
    let other = trade(&bus, &key(2), &typed, "desk");
    let refused = post(&bus, "/api/enroll", None, &other).await;
    assert_eq!((refused.status, refused.code()), (409, "id_taken".to_owned()));
    Link::join_with(&bus, &token, "desk", &key(1)).await;

    assert_eq!(revoke(&bus, "desk?forget=true", ADMIN).await, 204);
    assert_eq!(bus.refused("/connect", Some(&token)).await.0, 401);
    let taken = post(&bus, "/api/enroll", None, &other).await;
    assert_eq!(
        taken.status, 200,
        "a refused trade spends no code: {}",
        taken.body
    );
    assert_eq!(revoke(&bus, "none", ADMIN).await, 404);
}

#[tokio::test]
async fn only_who_runs_the_bus_gives_codes_and_takes_them_back() {
    let bus = TestBus::start().await;
    for (token, status) in [
        (Some(CONNECT), 403),
        (Some(CLIENT), 403),
        (Some(MCP), 403),
        (None, 401),
    ] {
        let answer = post(&bus, "/api/pair", token, &json!({})).await;
        assert_eq!(answer.status, status, "{token:?}");
    }
    Link::join(&bus, "desk", &key(1)).await;
    assert_eq!(revoke(&bus, "desk", CONNECT).await, 403);
    assert_eq!(
        bus.refused("/api/enrollments", Some(CONNECT)).await.1,
        "wrong_scope"
    );
    assert_eq!(bus.refused("/connect", Some(ADMIN)).await.1, "wrong_scope");
    Link::join(&bus, "desk", &key(1)).await;
}

#[tokio::test]
async fn what_is_no_good_trade_is_named() {
    let bus = TestBus::start().await;
    let typed = code(&bus).await;
    let good = trade(&bus, &key(1), &typed, "desk");
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, refused) in [
        (with("signature", json!("AA")), "bad_signature"),
        (with("host_id", json!("mill")), "bad_signature"),
        (with("host_id", json!("../mill")), "bad_signature"),
        (trade(&bus, &key(1), "AAAAA-AAAAA", "desk"), "bad_code"),
        (with("code", json!("short")), "bad_code"),
        (with("more", json!(1)), "bad_request"),
        (json!([]), "bad_request"),
        (json!({"code": "x".repeat(10_000)}), "bad_request"),
    ] {
        let answer = post(&bus, "/api/enroll", None, &body).await;
        assert_eq!(answer.code(), refused, "{body}");
        assert!(!answer.body.to_string().contains(&typed));
    }
    for secs in [0, 24 * 3600 + 1] {
        let answer = post(&bus, "/api/pair", Some(ADMIN), &json!({"valid_secs": secs})).await;
        assert_eq!((answer.status, answer.code()), (400, "code_too_long".to_owned()));
    }
    let answer = post(&bus, "/api/enroll", None, &good).await;
    assert_eq!(
        answer.status, 200,
        "none of these spent the code: {}",
        answer.body
    );
}

#[tokio::test]
async fn who_guesses_is_told_to_wait() {
    let bus = TestBus::start().await;
    let guess = trade(&bus, &key(1), "AAAAA-AAAAA", "desk");
    for _ in 0..10 {
        assert_eq!(post(&bus, "/api/enroll", None, &guess).await.status, 403);
    }
    let answer = post(&bus, "/api/enroll", None, &guess).await;
    assert_eq!((answer.status, answer.code()), (429, "too_many_tries".to_owned()));
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=6).contains(&wait));
}
