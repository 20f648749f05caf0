//! The desktop app without a desktop. [`Controller`] is one loop that owns all state: it keeps a host up,
//! follows its state, and says through [`Desktop`] what tray, windows and notifications are to show.
//! What a window or the tray asks for comes in as an [`Ask`] or an action, never as a change of state.
//!
//! The part that knows a window system stands below `src-tauri`; this crate is built and tested without.

mod ask;
mod controller;
mod desktop;
mod dialog;
mod files;
mod opening;
mod pause;
mod places;
mod problem;
mod supervisor;
#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;
mod threads;
pub mod typescript;
mod view;
mod windows;

pub use ask::{Ask, EnrollForm};
pub use controller::{Controller, Handle, Settings};
pub use desktop::{Desktop, Notice, Opener, Opening, Page, Window};
pub use dialog::{LOOK_FIRST, Refused};
pub use places::{data_dir, host_program, login_search_path};
pub use problem::Problem;
pub use threads::{About, Away, ItemDelta, ThreadChange, ThreadEvent, ThreadItem, ThreadItems, TurnState};
pub use view::{ApprovalCard, Asks, ConfigRow, DesktopView, QuitAnswer};
pub use windows::{Ends, Front, OnScreen, WindowsOwner, WindowsProcess};
