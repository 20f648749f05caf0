//! The tray as a desktop sees it: the item at the watcher, and its menu.

use crate::driver::SOON;
use tokio::time::{Instant, sleep, timeout};
use zbus::zvariant::{ObjectPath, OwnedValue, Value};
use zbus::{Connection, Proxy};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const STEP: std::time::Duration = std::time::Duration::from_millis(50);

/// A node of the menu: id, properties, children.
type Node = (
    i32,
    std::collections::HashMap<String, OwnedValue>,
    Vec<OwnedValue>,
);

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    id: i32,
    pub(crate) label: String,
    /// Of a line with a mark: whether it is set.
    pub(crate) on: Option<bool>,
}

/// The item of the app.
pub(crate) struct Tray {
    bus: Connection,
    owner: String,
    path: String,
}

impl Tray {
    /// Waits until the app has put its item into the tray.
    pub(crate) async fn of(bus: &Connection) -> Self {
        let begin = Instant::now();
        loop {
            if let Some((owner, path)) = registered(bus).await {
                return Self {
                    bus: bus.clone(),
                    owner,
                    path,
                };
            }
            assert!(begin.elapsed() < SOON, "no item in the tray");
            sleep(STEP).await;
        }
    }

    /// What the watcher tells of items from now on.
    pub(crate) async fn registrations(bus: &Connection) -> zbus::proxy::SignalStream<'static> {
        let watcher = Proxy::new(bus, WATCHER, "/StatusNotifierWatcher", WATCHER)
            .await
            .unwrap();
        watcher
            .receive_signal("StatusNotifierItemRegistered")
            .await
            .unwrap()
    }

    async fn item(&self) -> Proxy<'_> {
        Proxy::new(&self.bus, self.owner.as_str(), self.path.as_str(), ITEM)
            .await
            .unwrap()
    }

    async fn menu(&self) -> Proxy<'_> {
        let path: zbus::zvariant::OwnedObjectPath = self.item().await.get_property("Menu").await.unwrap();
        Proxy::new(&self.bus, self.owner.clone(), path, "com.canonical.dbusmenu")
            .await
            .unwrap()
    }

    /// What its menu says now.
    pub(crate) async fn lines(&self) -> Vec<Line> {
        let menu = self.menu().await;
        let everything = (0_i32, -1_i32, Vec::<String>::new());
        let asked = menu.call::<_, _, (u32, Node)>("GetLayout", &everything);
        let (_, (_, _, children)) = timeout(SOON, asked).await.unwrap().unwrap();
        children.into_iter().filter_map(line).collect()
    }

    /// Waits for a line that begins like this and fits.
    pub(crate) async fn until(&self, label: &str, fits: impl Fn(&Line) -> bool) -> Line {
        let begin = Instant::now();
        loop {
            let lines = self.lines().await;
            if let Some(line) = lines
                .iter()
                .find(|line| line.label.starts_with(label) && fits(line))
            {
                return line.clone();
            }
            assert!(begin.elapsed() < SOON, "no line `{label}` in {lines:#?}");
            sleep(STEP).await;
        }
    }

    /// Clicks the line that begins like this.
    pub(crate) async fn click(&self, label: &str) {
        let line = self.until(label, |_| true).await;
        self.click_line(&line).await;
    }

    /// Clicks a line as it was seen, whatever the menu says now.
    pub(crate) async fn click_line(&self, line: &Line) {
        let event = (line.id, "clicked", Value::from(0_i32), 0_u32);
        let menu = self.menu().await;
        timeout(SOON, menu.call_method("Event", &event))
            .await
            .unwrap()
            .unwrap();
    }

    /// Clicks a line that may be gone; the menu may say so.
    pub(crate) async fn click_stale(&self, line: &Line) {
        let event = (line.id, "clicked", Value::from(0_i32), 0_u32);
        let menu = self.menu().await;
        let answer = timeout(SOON, menu.call_method("Event", &event)).await.unwrap();
        assert!(
            matches!(answer, Ok(_) | Err(zbus::Error::MethodError(..))),
            "{answer:?}"
        );
    }
}

/// Name and path of the first item that is registered.
async fn registered(bus: &Connection) -> Option<(String, String)> {
    let watcher = Proxy::new(bus, WATCHER, "/StatusNotifierWatcher", WATCHER)
        .await
        .ok()?;
    let items: Vec<String> = watcher.get_property("RegisteredStatusNotifierItems").await.ok()?;
    let item = items.first()?;
    let (owner, path) = match item.find('/') {
        Some(at) => item.split_at(at),
        None => (item.as_str(), "/StatusNotifierItem"),
    };
    ObjectPath::try_from(path).ok()?;
    Some((owner.to_owned(), path.to_owned()))
}

fn line(node: OwnedValue) -> Option<Line> {
    let (id, mut properties, _) = Node::try_from(node).ok()?;
    // An underline marks an access key; two stand for one.
    let label = String::try_from(properties.remove("label")?)
        .ok()?
        .replace("__", "_");
    let marked = properties
        .get("toggle-type")
        .is_some_and(|kind| <&str>::try_from(kind).is_ok_and(|kind| !kind.is_empty()));
    let on = properties
        .get("toggle-state")
        .and_then(|state| i32::try_from(state).ok())
        .is_some_and(|state| state == 1);
    Some(Line {
        id,
        label,
        on: marked.then_some(on),
    })
}
