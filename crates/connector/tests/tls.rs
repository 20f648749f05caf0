//! `wss://`: who is trusted, and what is said when somebody is not.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{FakeBus, FakeHost, open, say_and_hear, tell};
use drawbridge_testkit::tls;
use drawbridge_wire::pipe::LinkState;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A private authority and a bus with a certificate of it.
struct Private {
    folder: tempfile::TempDir,
    ca: PathBuf,
    bus: FakeBus,
}

async fn private(name: &str) -> Private {
    private_of("Test authority", name).await
}

async fn private_of(authority: &str, name: &str) -> Private {
    let tls::Private { authority, server } = tls::Private::new(authority, name);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bus = FakeBus::with(listener, Some(TlsAcceptor::from(server)), true);
    Private { folder, ca, bus }
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let mut private = private("127.0.0.1").await;
    let mut host = FakeHost::with(&private.bus.url, Some(private.ca.clone()), true).await;
    let mut link = private.bus.register(&mut host).await;
    // Tunnels go the same way.
    tell(&mut link, &open("tunnel-0123456789abcdef")).await;
    let mut at_host = host.at_door().await;
    let mut at_bus = private.bus.arrival().await;
    say_and_hear(&mut at_bus.ws, &mut at_host.ws).await;
    say_and_hear(&mut at_host.ws, &mut at_bus.ws).await;
}

async fn waits_for_tls(url: &str, ca: Option<PathBuf>, words: &str) {
    let mut host = FakeHost::with(url, ca, true).await;
    let LinkState::Waiting { code, message, .. } = host.trouble().await else {
        panic!("no wait")
    };
    assert_eq!(code, "tls");
    assert!(message.contains(words), "{message}");
}

#[tokio::test]
async fn a_private_authority_is_not_trusted_when_it_is_not_named() {
    let private = private("127.0.0.1").await;
    // With or without a store of the system's own, the remedy is the same.
    waits_for_tls(&private.bus.url, None, "--ca").await;
    let other = private_of("Other authority", "127.0.0.1").await;
    waits_for_tls(&private.bus.url, Some(other.ca), "does not trust").await;
    // An authority that was made anew under its old name.
    let renewed = self::private("127.0.0.1").await;
    waits_for_tls(&private.bus.url, Some(renewed.ca), "--ca").await;
}

#[tokio::test]
async fn a_certificate_must_be_for_the_bus() {
    let private = private("bus.example").await;
    waits_for_tls(&private.bus.url, Some(private.ca.clone()), "for another name").await;
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls_is_named() {
    let private = private("127.0.0.1").await;
    let plain = FakeBus::start().await;
    let url = plain.url.replace("ws://", "wss://");
    waits_for_tls(&url, Some(private.ca.clone()), "give its address as http://").await;
}

/// proves S1.23
#[tokio::test]
async fn the_form_of_address_that_is_right_is_said_without_words_of_a_library() {
    let private = private("127.0.0.1").await;
    let at = private.bus.url.strip_prefix("wss://").unwrap();
    let at = at.split('/').next().unwrap();
    let remedy = format!("give the address as https://{at}");
    // The link, and a plain request.
    waits_for_tls(
        &format!("ws://{at}/connect"),
        None,
        "give the address as https://",
    )
    .await;
    let ask = async |api: String, ca: Option<&std::path::Path>| {
        let url = drawbridge_connector::api_url(&api, &["healthz"]).unwrap();
        let answer = drawbridge_connector::ask_http(http::Method::GET, url, None, ca, None).await;
        answer.unwrap_err().to_string()
    };
    let said = ask(format!("http://{at}"), None).await;
    assert!(said.contains(&remedy), "{said}");
    let plain = FakeBus::start().await;
    let at = plain
        .url
        .strip_prefix("ws://")
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    let said = ask(format!("https://{at}"), Some(&private.ca)).await;
    assert!(said.contains(&format!("http://{at}")), "{said}");
    for jargon in ["InvalidContentType", "corrupt message", "alert", "TLS"] {
        assert!(!said.contains(jargon), "{said}");
    }
}

#[tokio::test]
async fn an_unusable_file_of_authorities_is_final_and_named() {
    let private = private("127.0.0.1").await;
    let empty = private.folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate here\n").unwrap();
    let broken = private.folder.path().join("broken.pem");
    std::fs::write(
        &broken,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    for path in [private.folder.path().join("missing.pem"), empty, broken] {
        let mut host = FakeHost::with(&private.bus.url, Some(path.clone()), true).await;
        let LinkState::Failed { code, message } = host.trouble().await else {
            panic!("{} is retried", path.display())
        };
        assert_eq!(code, "ca_file");
        assert!(message.contains(path.to_str().unwrap()), "{message}");
    }
}
