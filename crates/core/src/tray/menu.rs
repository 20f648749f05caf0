//! The menu, line by line.

use super::words::{bus, paused};
use super::{Action, Item, Sight, Supervisor, running_threads};

/// How long a pause of the menu is.
const PAUSE_MINUTES: u32 = 60;

pub(super) fn of(sight: &Sight<'_>, headline: String, waiting: Option<String>) -> Vec<Item> {
    let mut menu = vec![Item::Label(headline)];
    if let Supervisor::Waiting { .. } | Supervisor::Failed { .. } = sight.supervisor {
        menu.push(button("Start the host now", Action::StartHost));
    }
    let host = sight
        .host
        .filter(|_| matches!(sight.supervisor, Supervisor::Up { .. }));
    if let Some(host) = host {
        menu.extend(host.links.iter().map(|link| match link.disabled {
            // Switching it on could not help: it is enrolled anew in the window.
            Some(_) => Item::Label(bus(sight, link)),
            None => Item::Check {
                text: bus(sight, link),
                on: link.wanted,
                action: Action::SetBus {
                    id: link.id.clone(),
                    on: !link.wanted,
                },
            },
        }));
    }
    menu.push(Item::Separator);
    let before = menu.len();
    menu.extend(waiting.map(|text| button(&format!("{text}..."), Action::OpenApprovals)));
    match host.map_or(0, running_threads) {
        0 => {}
        1 => menu.push(button("1 thread running", Action::OpenThreads)),
        count => menu.push(button(&format!("{count} threads running"), Action::OpenThreads)),
    }
    if menu.len() > before {
        menu.push(Item::Separator);
    }
    menu.push(button("Open Drawbridge", Action::OpenWindow));
    let pausable = host.is_some_and(|host| host.links.iter().any(|link| link.wanted));
    if paused(sight).is_some() {
        menu.push(button("Resume", Action::Pause { minutes: 0 }));
    } else if pausable {
        let minutes = PAUSE_MINUTES;
        menu.push(button("Pause for 1 hour", Action::Pause { minutes }));
    }
    menu.push(Item::Check {
        text: "Start at login".to_owned(),
        on: sight.start_at_login,
        action: Action::SetStartAtLogin {
            on: !sight.start_at_login,
        },
    });
    menu.push(button("Quit", Action::Quit));
    menu
}

fn button(text: &str, action: Action) -> Item {
    Item::Button {
        text: text.to_owned(),
        action,
    }
}
