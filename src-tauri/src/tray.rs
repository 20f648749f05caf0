//! Paints the tray. It decides nothing: the menu is a value, and a click gives its action back.

use crate::icon;
use drawbridge_core::tray::{Action, Item, Tray};
use drawbridge_desk::Handle;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tauri::menu::{CheckMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager, Wry};

const ID: &str = "drawbridge";

/// What the items on the screen do.
#[derive(Debug, Default, Clone)]
pub(crate) struct Painter {
    shown: Arc<Mutex<Shown>>,
}

#[derive(Debug, Default)]
struct Shown {
    /// Counts menus, so that an item of an old one is not taken for one of the new.
    round: u64,
    actions: HashMap<String, Action>,
}

impl Painter {
    /// Shows this tray. On the main thread.
    pub(crate) fn paint(&self, app: &AppHandle, tray: &Tray) {
        if let Err(error) = self.try_paint(app, tray) {
            tracing::warn!(%error, "the tray cannot be shown");
        }
    }

    fn try_paint(&self, app: &AppHandle, tray: &Tray) -> tauri::Result<()> {
        let menu = self.menu(app, &tray.menu)?;
        if let Some(there) = app.tray_by_id(ID) {
            there.set_icon_with_as_template(Some(icon::image(tray.icon)), true)?;
            there.set_tooltip(Some(&tray.tooltip))?;
            return there.set_menu(Some(menu));
        }
        let painter = self.clone();
        TrayIconBuilder::with_id(ID)
            .icon(icon::image(tray.icon))
            .icon_as_template(true)
            .title("Drawbridge")
            .tooltip(&tray.tooltip)
            .menu(&menu)
            .show_menu_on_left_click(cfg!(target_os = "macos"))
            .on_menu_event(move |app, event| {
                if let (Some(action), Some(desk)) =
                    (painter.action(event.id().as_ref()), app.try_state::<Handle>())
                {
                    desk.clicked(action);
                }
            })
            .on_tray_icon_event(|tray, event| {
                if let TrayIconEvent::Click {
                    button: MouseButton::Left,
                    button_state: MouseButtonState::Up,
                    ..
                } = event
                    && let Some(desk) = tray.app_handle().try_state::<Handle>()
                {
                    desk.clicked(Action::OpenWindow);
                }
            })
            .build(app)?;
        Ok(())
    }

    fn menu(&self, app: &AppHandle, items: &[Item]) -> tauri::Result<Menu<Wry>> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.round += 1;
        shown.actions.clear();
        let menu = Menu::new(app)?;
        for (place, item) in items.iter().enumerate() {
            let id = format!("{}.{place}", shown.round);
            match item {
                Item::Label(text) => {
                    menu.append(&MenuItem::with_id(app, id, plain(text), false, None::<&str>)?)?;
                }
                Item::Button { text, action } => {
                    menu.append(&MenuItem::with_id(app, &id, plain(text), true, None::<&str>)?)?;
                    shown.actions.insert(id, action.clone());
                }
                Item::Check { text, on, action } => {
                    menu.append(&CheckMenuItem::with_id(
                        app,
                        &id,
                        plain(text),
                        true,
                        *on,
                        None::<&str>,
                    )?)?;
                    shown.actions.insert(id, action.clone());
                }
                Item::Separator => menu.append(&PredefinedMenuItem::separator(app)?)?,
            }
        }
        Ok(menu)
    }

    fn action(&self, id: &str) -> Option<Action> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.actions.get(id).cloned()
    }
}

/// A text in which no letter is an access key.
fn plain(text: &str) -> String {
    text.replace('&', "&&")
}
