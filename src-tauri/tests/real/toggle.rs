//! From an app that knows no bus to one whose tray connects and disconnects.

use crate::session::Session;
use crate::tray::Tray;
use drawbridge_testkit::model::ScriptedModel;

/// The window enrolls at a real bus, the keyring keeps the key, and the tray's toggle takes the computer off
/// the bus and puts it back. A click on a menu that has changed since is harmless.
// proves S0.07, S0.13
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask desktop"]
async fn the_window_enrolls_and_the_toggle_of_the_tray_disconnects_and_connects() {
    let model = ScriptedModel::start().await.unwrap();
    let mut session = Session::start(&model.base_url()).await;
    let bus = session.bus().await;
    let browser = session.app().await;
    browser.until_text("Set up Drawbridge").await;
    browser.click_button("3. Connect").await;
    browser.fill("enroll-api", &bus.api).await;
    // Nonsense first: it says what is wrong and keeps what was typed.
    browser.fill("enroll-secret", "WRONG-WRONG").await;
    browser.click_button("Enroll and connect").await;
    browser.until_text("This computer is not enrolled").await;
    browser.fill("enroll-secret", &bus.code(&session).await).await;
    browser.click_button("Enroll and connect").await;
    browser.until_text("How careful").await;
    session.until_hosts(&bus, "connected").await;
    session.keep("enrolled.png", &browser.screenshot().await);

    let dbus = session.dbus().await;
    let tray = Tray::of(&dbus).await;
    let name = bus.api.strip_prefix("http://").unwrap().to_owned();
    let is_toggle = |line: &crate::tray::Line| line.label.contains(&name) || line.label.contains("127.0.0.1");
    let on = tray
        .until("", |line| is_toggle(line) && line.on == Some(true))
        .await;
    tray.click_line(&on).await;
    tray.until("", |line| is_toggle(line) && line.on == Some(false))
        .await;
    session.until_hosts(&bus, "offline").await;
    // Seen before the change: nothing of it counts any more.
    tray.click_stale(&on).await;
    let off = tray
        .until("", |line| is_toggle(line) && line.on == Some(false))
        .await;
    tray.click_line(&off).await;
    tray.until("", |line| is_toggle(line) && line.on == Some(true))
        .await;
    session.until_hosts(&bus, "connected").await;

    tray.click("Pause for 1 hour").await;
    session.until_hosts(&bus, "offline").await;
    tray.until("Paused until", |_| true).await;
    tray.click("Resume").await;
    session.until_hosts(&bus, "connected").await;

    session.end().await;
    model.shutdown().await;
}
