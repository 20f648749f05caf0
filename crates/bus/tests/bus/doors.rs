//! Who is refused where, and with what word.

use crate::setting::{Answer, dial_tunnel};
use crate::setting::{
    BOUND, CLIENT, CONNECT, Link, MCP, TestBus, hear, http_client, key, options, pair, say, within,
};
use drawbridge_bus::{Bus, BusLimits, BusOptions};
use drawbridge_wire::Secret;
use drawbridge_wire::link::{BUS_HEADER, LONGEST_BUS_ID, SUBPROTOCOL};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROUTES: [&str; 9] = [
    "/connect",
    "/connect/some-tunnel",
    "/hosts/desk/app-server",
    "/",
    "/mcp",
    "/api/hosts",
    "/healthz",
    "/readyz",
    "/no-such-route",
];

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Hosts tell by it that two addresses are one bus; nobody else is told.
#[tokio::test]
async fn a_bus_says_at_the_door_of_hosts_which_one_it_is() {
    let (bus, other) = (TestBus::start().await, TestBus::start().await);
    let id = |answer: Answer| {
        answer
            .headers
            .get(BUS_HEADER)
            .map(|id| id.to_str().unwrap().to_owned())
    };
    let said = id(bus.ask("/connect", None, &[]).await).unwrap();
    assert!((1..=LONGEST_BUS_ID).contains(&said.len()), "{said}");
    let localhost = format!("localhost:{}", bus.address.port());
    for (token, headers) in [
        (Some(CONNECT), &[][..]),
        (Some("wrong"), &[]),
        (None, &[("host", &*localhost)]),
    ] {
        assert_eq!(id(bus.ask("/connect", token, headers).await), Some(said.clone()));
    }
    assert_ne!(id(other.ask("/connect", None, &[]).await), Some(said));
    for path in ROUTES.into_iter().filter(|path| *path != "/connect") {
        assert_eq!(id(bus.ask(path, None, &[]).await), None, "{path}");
    }
    for header in [
        ("host", "evil.example.com"),
        ("origin", "http://evil.example.com"),
    ] {
        assert_eq!(id(bus.ask("/connect", Some(CONNECT), &[header]).await), None);
    }
}

#[tokio::test]
async fn web_pages_and_foreign_names_are_refused_on_every_route() {
    let bus = TestBus::start().await;
    let _link = Link::join(&bus, "desk", &key(1)).await;
    let local = bus.origin();
    for path in ROUTES {
        for token in [None, Some(CONNECT), Some(MCP), Some(CLIENT)] {
            for origin in ["http://evil.example.com", "null", &local] {
                let answer = bus.ask(path, token, &[("origin", origin)]).await;
                assert_eq!(
                    (answer.status, answer.code()),
                    refusal(403, "origin_refused"),
                    "{path}"
                );
            }
            for host in ["evil.example.com", "127.0.0.1", "127.0.0.1:1", "localhost"] {
                let answer = bus.ask(path, token, &[("host", host)]).await;
                assert_eq!(
                    (answer.status, answer.code()),
                    refusal(421, "foreign_host"),
                    "{path} {host}"
                );
            }
        }
    }
    for host in [
        bus.address.to_string(),
        format!("localhost:{}", bus.address.port()),
    ] {
        assert_eq!(bus.ask("/healthz", None, &[("host", &host)]).await.status, 200);
    }
}

#[tokio::test]
async fn without_a_known_token_every_door_asks_for_one() {
    let bus = TestBus::start().await;
    for path in [
        "/connect",
        "/connect/x",
        "/hosts/desk/app-server",
        "/",
        "/mcp",
        "/api/hosts",
    ] {
        for token in [None, Some("wrong"), Some("")] {
            let answer = bus.ask(path, token, &[]).await;
            assert_eq!(
                (answer.status, answer.code()),
                refusal(401, "unauthorized"),
                "{path}"
            );
            assert_eq!(answer.headers["www-authenticate"], "Bearer", "{path}");
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(bus.ask(path, None, &[]).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_token_opens_its_own_door_only() {
    let bus = TestBus::start().await;
    let _link = Link::join(&bus, "desk", &key(1)).await;
    for (path, tokens) in [
        ("/connect", [MCP, CLIENT]),
        ("/connect/x", [MCP, CLIENT]),
        ("/hosts/desk/app-server", [MCP, CONNECT]),
        ("/", [MCP, CONNECT]),
        ("/mcp", [CLIENT, CONNECT]),
        ("/api/hosts", [CONNECT, CONNECT]),
    ] {
        for token in tokens {
            assert_eq!(
                bus.refused(path, Some(token)).await,
                refusal(403, "wrong_scope"),
                "{path} {token}"
            );
        }
    }
}

#[tokio::test]
async fn a_door_without_a_token_is_closed() {
    let without = |change: fn(&mut BusOptions)| {
        let mut options = options();
        change(&mut options);
        TestBus::start_with(options, BusLimits::default())
    };
    let closed = refusal(503, "door_closed");
    let bus = without(|options| options.connect_token = None).await;
    assert_eq!(bus.refused("/connect", Some(CONNECT)).await, closed);
    assert_eq!(bus.refused("/connect/x", Some(CONNECT)).await, closed);
    let bus = without(|options| options.client_tokens.clear()).await;
    assert_eq!(bus.refused("/hosts/desk/app-server", Some(CLIENT)).await, closed);
    assert_eq!(bus.refused("/", Some(MCP)).await, closed);
    assert_eq!(bus.hosts(MCP).await, json!([]));
    let bus = without(|options| options.http_token = None).await;
    assert_eq!(bus.refused("/mcp", Some(MCP)).await, closed);
    assert_eq!(bus.hosts(CLIENT).await, json!([]));
    let bus = without(|options| {
        options.http_token = None;
        options.client_tokens.clear();
    })
    .await;
    let answer = bus.ask("/api/hosts", Some(MCP), &[]).await;
    assert_eq!((answer.status, answer.code()), closed);
    assert!(
        answer.body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("CODEX_BUS_HTTP_TOKEN")
    );
}

#[tokio::test]
async fn a_client_learns_why_there_is_no_host() {
    let bus = TestBus::start().await;
    assert_eq!(
        bus.refused("/hosts/desk/app-server", Some(CLIENT)).await,
        refusal(404, "unknown_host")
    );
    assert_eq!(
        bus.refused("/hosts/%ff/app-server", Some(CLIENT)).await,
        refusal(404, "unknown_host")
    );
    assert_eq!(
        bus.refused("/", Some(CLIENT)).await,
        refusal(503, "no_host_online")
    );
    assert_eq!(bus.refused("/", Some(BOUND)).await, refusal(404, "unknown_host"));

    let desk = Link::join(&bus, "desk", &key(1)).await;
    let _mill = Link::join(&bus, "mill", &key(2)).await;
    let answer = bus.ask("/", Some(CLIENT), &[]).await;
    assert_eq!((answer.status, answer.code()), refusal(409, "several_hosts"));
    assert_eq!(answer.body["error"]["hosts"], json!(["desk", "mill"]));

    drop(desk);
    within(async {
        while bus.hosts(CLIENT).await[0]["online"] == true {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = bus.ask("/hosts/desk/app-server", Some(CLIENT), &[]).await;
    assert_eq!((answer.status, answer.code()), refusal(503, "host_offline"));
    assert!(
        answer.body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("`desk`")
    );
    assert_eq!(bus.refused("/", Some(BOUND)).await, refusal(503, "host_offline"));
}

#[tokio::test]
async fn without_a_name_a_client_gets_its_own_or_the_only_host() {
    let bus = TestBus::start().await;
    let mut mill = Link::join(&bus, "mill", &key(2)).await;
    let (mut client, mut host) = tokio::join!(bus.client(""), async {
        let tunnel = mill.opened().await;
        dial_tunnel(&bus, &tunnel, "mill").await
    });
    say(&mut client, "to the only one").await;
    assert_eq!(hear(&mut host).await, "to the only one");

    let mut desk = Link::join(&bus, "desk", &key(1)).await;
    let bearer = format!("Bearer {BOUND}");
    for path in ["/", "/hosts/desk/app-server"] {
        let headers = [("authorization", bearer.as_str())];
        let (mut client, mut host) = tokio::join!(bus.dial(path, &headers), async {
            let tunnel = desk.opened().await;
            dial_tunnel(&bus, &tunnel, "desk").await
        });
        say(&mut client, "to desk").await;
        assert_eq!(hear(&mut host).await, "to desk");
    }
}

#[tokio::test]
async fn a_bound_token_sees_its_host_only() {
    let bus = TestBus::start().await;
    let _desk = Link::join(&bus, "desk", &key(1)).await;
    let _mill = Link::join(&bus, "mill", &key(2)).await;
    let ids = |hosts: serde_json::Value| -> Vec<String> {
        hosts
            .as_array()
            .unwrap()
            .iter()
            .map(|host| host["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(bus.hosts(BOUND).await), ["desk"]);
    assert_eq!(ids(bus.hosts(CLIENT).await), ["desk", "mill"]);
    assert_eq!(ids(bus.hosts(MCP).await), ["desk", "mill"]);
    assert_eq!(
        bus.refused("/hosts/mill/app-server", Some(BOUND)).await,
        refusal(404, "unknown_host")
    );
}

#[tokio::test]
async fn a_websocket_address_says_that_it_is_one() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    for (path, token) in [
        ("/", CLIENT),
        ("/hosts/desk/app-server", CLIENT),
        ("/connect", CONNECT),
        ("/connect/x", CONNECT),
    ] {
        let url = format!("{}{path}", bus.origin());
        let plain = within(http_client().get(url).bearer_auth(token).send())
            .await
            .unwrap();
        let answer = Answer::of(plain).await;
        assert_eq!(
            (answer.status, answer.code()),
            refusal(426, "upgrade_required"),
            "{path}"
        );
        assert_eq!(answer.headers["sec-websocket-version"], "13");
    }
    assert_eq!(
        bus.refused("/connect", Some(CONNECT)).await,
        refusal(400, "bad_subprotocol")
    );
    let other = [("sec-websocket-protocol", "drawbridge.v9, other")];
    let answer = bus.ask("/connect", Some(CONNECT), &other).await;
    assert_eq!((answer.status, answer.code()), refusal(400, "bad_subprotocol"));
    // Offered among others, it is chosen.
    let bearer = format!("Bearer {CONNECT}");
    let offer = format!("drawbridge.v9, {SUBPROTOCOL}");
    bus.dial(
        "/connect",
        &[("authorization", &bearer), ("sec-websocket-protocol", &offer)],
    )
    .await;
    // None of this disturbed anyone.
    pair(&bus, &mut link, "desk").await;
}

#[tokio::test]
async fn what_is_not_there_is_named_in_the_same_form() {
    let bus = TestBus::start().await;
    assert_eq!(
        bus.refused("/hosts/desk", Some(CLIENT)).await,
        refusal(404, "not_found")
    );
    assert_eq!(
        bus.refused("/api/hosts/", Some(CLIENT)).await,
        refusal(404, "not_found")
    );
    for path in ["/api/hosts", "/healthz"] {
        let url = format!("{}{path}", bus.origin());
        let posted = within(http_client().post(url).bearer_auth(MCP).send())
            .await
            .unwrap();
        let answer = Answer::of(posted).await;
        assert_eq!(
            (answer.status, answer.code()),
            refusal(405, "method_not_allowed"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_bus_that_cannot_start_says_why() {
    let bus = TestBus::start().await;
    let code = async |options: BusOptions| Bus::bind(options).await.err().map(|error| error.code());
    assert_eq!(
        code(BusOptions {
            listen: bus.address,
            ..options()
        })
        .await,
        Some("listen_failed")
    );
    let origin = Some("bus.example.com/path".to_owned());
    assert_eq!(
        code(BusOptions {
            public_origin: origin,
            ..options()
        })
        .await,
        Some("bad_public_origin")
    );
    let reused = BusOptions {
        http_token: Some(Secret::new(CLIENT)),
        ..options()
    };
    assert_eq!(code(reused).await, Some("token_reused"));
}

#[tokio::test]
async fn who_never_finishes_a_request_is_cut_off() {
    let limits = BusLimits {
        headers: Duration::from_millis(100),
        request: Duration::from_millis(100),
        connections: 1,
        ..BusLimits::default()
    };
    let bus = TestBus::start_with(options(), limits).await;
    let half_a_head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n", bus.address);
    let half_a_body = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {MCP}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: 100\r\n\r\n{{",
        bus.address
    );
    for text in ["", &half_a_head, &half_a_body] {
        let mut stream = TcpStream::connect(bus.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = within(stream.read_to_string(&mut answer)).await;
        if text == half_a_body {
            assert!(answer.contains("request_timeout"), "{answer}");
        }
    }
    // Whoever waited for the only place gets it.
    assert_eq!(bus.ask("/healthz", None, &[]).await.status, 200);
}
