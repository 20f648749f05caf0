//! Whole trays for every state. Proves S0.01 and S0.13 in part: the menu as a value.

use super::{Action, Icon, Item, Sight, Supervisor, Tray};
use drawbridge_testkit::fake_host::quiet;
use drawbridge_wire::WhoMayAnswer;
use drawbridge_wire::buses::{BusSource, DisabledView};
use drawbridge_wire::control::{
    AppServerState, ApprovalKind, ApprovalState, ApprovalView, HostView, LinkView, ThreadView,
};
use drawbridge_wire::pipe::LinkState;
use std::path::Path;

/// 1 January 1970, 11:03 UTC.
const SINCE: u64 = (11 * 60 + 3) * 60 * 1000;
const NOW: u64 = SINCE + 5_000;
const UP: Supervisor = Supervisor::Up { pid: 9 };

fn host() -> HostView {
    quiet(Path::new("/d"))
}

fn link(name: &str, wanted: bool, state: LinkState) -> LinkView {
    LinkView {
        id: format!("id-{name}"),
        name: name.into(),
        bus: format!("{name}.example:443"),
        api: format!("https://{name}.example"),
        ca_file: None,
        source: BusSource::Vault,
        wanted,
        link: state,
        since_ms: SINCE,
        pong_at_ms: None,
        disabled: None,
        mcp: None,
    }
}

fn approval(id: &str, state: ApprovalState) -> ApprovalView {
    ApprovalView {
        id: id.into(),
        kind: ApprovalKind::Command,
        thread: None,
        turn: None,
        origin: "local".into(),
        cwd: None,
        headline: "Run a command".into(),
        body: "ls".into(),
        parts: Vec::new(),
        form: None,
        digest: "d".into(),
        choices: Vec::new(),
        raised_at_ms: 1,
        deadline_ms: 2,
        state,
        outcome: None,
    }
}

fn thread(id: &str, turn: Option<&str>) -> ThreadView {
    ThreadView {
        id: id.into(),
        title: None,
        cwd: None,
        status: "idle".into(),
        turn: turn.map(str::to_owned),
        wide: false,
        approval_policy: None,
        sandbox: None,
        origin: "local".into(),
    }
}

fn sight<'a>(supervisor: &'a Supervisor, host: Option<&'a HostView>) -> Sight<'a> {
    Sight {
        supervisor,
        host,
        paused_until_ms: None,
        start_at_login: false,
        now_ms: NOW,
        utc_offset_s: 3600,
    }
}

fn label(text: &str) -> Item {
    Item::Label(text.into())
}

fn button(text: &str, action: Action) -> Item {
    Item::Button {
        text: text.into(),
        action,
    }
}

fn toggle(name: &str, text: &str, on: bool) -> Item {
    Item::Check {
        text: text.into(),
        on,
        action: Action::SetBus {
            id: format!("id-{name}"),
            on: !on,
        },
    }
}

fn open() -> Item {
    button("Open Drawbridge", Action::OpenWindow)
}

fn pause() -> Item {
    button("Pause for 1 hour", Action::Pause { minutes: 60 })
}

fn login(on: bool) -> Item {
    Item::Check {
        text: "Start at login".into(),
        on,
        action: Action::SetStartAtLogin { on: !on },
    }
}

fn quit() -> Item {
    button("Quit", Action::Quit)
}

/// The same line stands first and in the tooltip.
fn tray(icon: Icon, headline: &str, also: &str, rest: Vec<Item>) -> Tray {
    let mut menu = vec![label(headline)];
    menu.extend(rest);
    Tray {
        icon,
        tooltip: format!("Drawbridge: {headline}{also}"),
        menu,
    }
}

#[test]
fn while_the_host_comes_up_there_is_only_what_works_without_it() {
    let expected = |icon, headline| {
        let rest = vec![Item::Separator, open(), login(false), quit()];
        tray(icon, headline, "", rest)
    };
    assert_eq!(
        Tray::of(&sight(&Supervisor::Starting, None)),
        expected(Icon::Connecting, "Starting")
    );
    assert_eq!(
        Tray::of(&sight(&Supervisor::Stopping, None)),
        expected(Icon::Disconnected, "Stopping")
    );
}

#[test]
fn a_host_that_is_gone_says_why_and_can_be_started() {
    let rest = vec![
        button("Start the host now", Action::StartHost),
        Item::Separator,
        open(),
        login(false),
        quit(),
    ];
    let waiting = Supervisor::Waiting {
        retry_at_ms: NOW + 3_001,
        retry_in_ms: 4_000,
        code: "connection_lost".into(),
        message: "it ended".into(),
    };
    // What was known of it is not offered any more.
    let mut old = host();
    old.links = vec![link("studio", true, LinkState::Connecting { attempt: 1 })];
    assert_eq!(
        Tray::of(&sight(&waiting, Some(&old))),
        tray(
            Icon::Problem,
            "The host is gone, next try in 4 s: it ended",
            "",
            rest.clone()
        )
    );
    let failed = Supervisor::Failed {
        code: "codex_not_found".into(),
        message: "install\nCodex".into(),
    };
    let found = Tray::of(&sight(&failed, None));
    assert_eq!(found.icon, Icon::Problem);
    assert_eq!(found.menu[1..], rest[..]);
    let Item::Label(headline) = &found.menu[0] else {
        panic!("{found:?}")
    };
    assert!(
        headline.starts_with("The host does not run: install"),
        "{headline}"
    );
    assert!(!headline.contains('\n'), "{headline:?}");
}

#[test]
fn without_a_bus_it_says_so() {
    assert_eq!(
        Tray::of(&sight(&UP, Some(&host()))),
        tray(
            Icon::Disconnected,
            "This computer only, no bus",
            "",
            vec![Item::Separator, open(), login(false), quit()]
        )
    );
}

#[test]
fn every_bus_has_its_toggle_and_its_state() {
    let mut host = host();
    host.links = vec![
        link(
            "studio",
            true,
            LinkState::Connected {
                round_trip_ms: Some(18),
            },
        ),
        link(
            "home",
            true,
            LinkState::Waiting {
                retry_in_ms: 12_500,
                code: "dns".into(),
                message: "no such name".into(),
            },
        ),
        link("spare", false, LinkState::Disconnected),
        link("new", true, LinkState::Connecting { attempt: 3 }),
    ];
    let expected = tray(
        Icon::Connected,
        "Connected to studio since 12:03, 18 ms",
        "",
        vec![
            toggle("studio", "studio: connected, 18 ms", true),
            toggle("home", "home: offline, next try in 8 s", true),
            toggle("spare", "spare", false),
            toggle("new", "new: connecting, try 3", true),
            Item::Separator,
            open(),
            pause(),
            login(false),
            quit(),
        ],
    );
    assert_eq!(Tray::of(&sight(&UP, Some(&host))), expected);
}

#[test]
fn connecting_and_disconnected_are_told_apart() {
    let mut host = host();
    host.links = vec![link("studio", true, LinkState::Connecting { attempt: 1 })];
    let rest = |line: &str, on, pausable: bool| {
        let mut rest = vec![toggle("studio", line, on), Item::Separator, open()];
        rest.extend(pausable.then(pause));
        rest.extend([login(false), quit()]);
        rest
    };
    assert_eq!(
        Tray::of(&sight(&UP, Some(&host))),
        tray(
            Icon::Connecting,
            "Not connected",
            "",
            rest("studio: connecting", true, true)
        )
    );
    host.links[0] = link("studio", false, LinkState::Disconnected);
    assert_eq!(
        Tray::of(&sight(&UP, Some(&host))),
        tray(
            Icon::Disconnected,
            "Disconnected",
            "",
            rest("studio", false, false)
        )
    );
}

#[test]
fn what_was_given_up_is_a_problem_and_a_dead_enrollment_has_no_toggle() {
    let mut host = host();
    let connected = LinkState::Connected { round_trip_ms: None };
    host.links = vec![
        link("studio", true, connected.clone()),
        link(
            "home",
            true,
            LinkState::Failed {
                code: "replaced".into(),
                message: "another computer took its place".into(),
            },
        ),
    ];
    let expected = |home: Item| {
        let mut rest = vec![toggle("studio", "studio: connected", true), home];
        rest.extend([Item::Separator, open(), pause(), login(false), quit()]);
        tray(Icon::Problem, "Connected to studio since 12:03", "", rest)
    };
    assert_eq!(
        Tray::of(&sight(&UP, Some(&host))),
        expected(toggle("home", "home: another computer took its place", true))
    );
    host.links[1] = LinkView {
        disabled: Some(DisabledView {
            reason: "revoked".into(),
            at_ms: None,
        }),
        ..link("home", false, LinkState::Disconnected)
    };
    assert_eq!(
        Tray::of(&sight(&UP, Some(&host))),
        expected(label("home: not used any more (revoked)"))
    );
}

#[test]
fn an_agent_that_does_not_run_is_a_problem_although_the_bus_is_connected() {
    let mut host = host();
    host.app_server.state = AppServerState::Waiting {
        retry_in_ms: 1,
        code: "codex_config_invalid".into(),
        message: "config.toml:3 is wrong".into(),
    };
    host.links = vec![link("studio", true, LinkState::Disconnected)];
    assert_eq!(
        Tray::of(&sight(&UP, Some(&host))),
        tray(
            Icon::Problem,
            "Codex does not run: config.toml:3 is wrong",
            "",
            vec![
                toggle("studio", "studio: waits for Codex", true),
                Item::Separator,
                open(),
                pause(),
                login(false),
                quit()
            ]
        )
    );
}

#[test]
fn who_waits_for_the_person_comes_first() {
    let mut host = host();
    host.links = vec![
        link("a", true, LinkState::Connected { round_trip_ms: None }),
        link("b", true, LinkState::Connected { round_trip_ms: None }),
    ];
    host.threads = vec![thread("1", Some("t")), thread("2", None), thread("3", Some("u"))];
    host.approvals = vec![
        approval("1-0", ApprovalState::Open),
        approval("1-1", ApprovalState::Lost),
        approval("1-2", ApprovalState::Open),
    ];
    let rest = |approvals: Option<&str>, threads: &str| {
        let mut rest = vec![
            toggle("a", "a: connected", true),
            toggle("b", "b: connected", true),
            Item::Separator,
        ];
        rest.extend(approvals.map(|text| button(text, Action::OpenApprovals)));
        rest.extend([
            button(threads, Action::OpenThreads),
            Item::Separator,
            open(),
            pause(),
            login(true),
            quit(),
        ]);
        rest
    };
    let of = |host: &HostView| {
        Tray::of(&Sight {
            start_at_login: true,
            ..sight(&UP, Some(host))
        })
    };
    assert_eq!(
        of(&host),
        tray(
            Icon::Waiting,
            "Connected to 2 buses",
            ". 2 approvals waiting",
            rest(Some("2 approvals waiting..."), "2 threads running")
        )
    );
    host.approvals.truncate(1);
    host.threads.truncate(1);
    assert_eq!(
        of(&host),
        tray(
            Icon::Waiting,
            "Connected to 2 buses",
            ". 1 approval waiting",
            rest(Some("1 approval waiting..."), "1 thread running")
        )
    );
    // Nobody here may answer, so nobody here is waited for.
    host.policy.answer = WhoMayAnswer::Remote;
    assert_eq!(
        of(&host),
        tray(
            Icon::Connected,
            "Connected to 2 buses",
            "",
            rest(None, "1 thread running")
        )
    );
}

#[test]
fn a_pause_says_until_when_and_can_be_ended() {
    let mut host = host();
    host.links = vec![link("studio", false, LinkState::Disconnected)];
    let paused = |until| Sight {
        paused_until_ms: Some(until),
        ..sight(&UP, Some(&host))
    };
    assert_eq!(
        Tray::of(&paused(SINCE + 3_600_000)),
        tray(
            Icon::Disconnected,
            "Paused until 13:03",
            "",
            vec![
                toggle("studio", "studio: paused", false),
                Item::Separator,
                open(),
                button("Resume", Action::Pause { minutes: 0 }),
                login(false),
                quit()
            ]
        )
    );
    let over = Tray::of(&paused(NOW));
    assert_eq!(over.menu[0], label("Disconnected"));
}

#[test]
fn the_clock_is_that_of_this_place_on_any_day() {
    let mut host = host();
    for (since_ms, utc_offset_s, expected) in [
        (SINCE, 0, "11:03"),
        (SINCE, -12 * 3600, "23:03"),
        (SINCE, 5 * 3600 + 1800, "16:33"),
        (20_000 * 86_400_000 + SINCE, 13 * 3600, "00:03"),
        (0, -3600, "23:00"),
    ] {
        host.links = vec![LinkView {
            since_ms,
            ..link("a", true, LinkState::Connected { round_trip_ms: None })
        }];
        let tray = Tray::of(&Sight {
            utc_offset_s,
            ..sight(&UP, Some(&host))
        });
        assert_eq!(tray.menu[0], label(&format!("Connected to a since {expected}")));
    }
}

#[test]
fn names_and_messages_are_inert_and_bounded() {
    let mut host = host();
    let long = "x".repeat(4000);
    host.links = vec![LinkView {
        name: "a\u{202e}b\n".into(),
        ..link(
            "a",
            true,
            LinkState::Failed {
                code: "c".into(),
                message: long,
            },
        )
    }];
    let tray = Tray::of(&sight(&UP, Some(&host)));
    let Item::Check { text, .. } = &tray.menu[1] else {
        panic!("{tray:?}")
    };
    assert!(!text.contains('\u{202e}') && !text.contains('\n'), "{text:?}");
    assert!(text.chars().count() < 300, "{text}");
    assert!(text.ends_with("(more in the window)"), "{text}");
}

#[test]
fn only_what_the_menu_shows_is_offered() {
    let mut host = host();
    host.links = vec![link("studio", true, LinkState::Connecting { attempt: 1 })];
    let tray = Tray::of(&sight(&UP, Some(&host)));
    let set = |id: &str, on| Action::SetBus { id: id.into(), on };
    assert!(tray.offers(&set("id-studio", false)));
    assert!(tray.offers(&Action::Quit));
    for stale in [
        set("id-studio", true),
        set("id-gone", false),
        Action::OpenApprovals,
        Action::StartHost,
        Action::Pause { minutes: 0 },
    ] {
        assert!(!tray.offers(&stale), "{stale:?}");
    }
}

#[test]
fn a_turn_without_a_name_runs_too() {
    let mut state = host();
    state.threads = vec![thread("a", None), thread("b", Some("turn"))];
    assert_eq!(super::running_threads(&state), 1);
    for (status, count) in [
        ("active", 2),
        ("waiting_on_approval", 2),
        ("waiting_on_user_input", 2),
        ("system_error", 1),
    ] {
        state.threads[0].status = status.into();
        assert_eq!(super::running_threads(&state), count, "{status}");
    }
}
