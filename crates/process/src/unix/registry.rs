//! The children of this process that a spawner started and that are not collected yet.
//!
//! Process-wide, because the kernel's table of children is: whoever reaps must know them all.

use crate::Marker;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

static CHILDREN: Mutex<BTreeMap<u32, Marker>> = Mutex::new(BTreeMap::new());

/// The table. Held while a child is being spawned, so that no child exists that it does not know.
pub(super) fn lock() -> MutexGuard<'static, BTreeMap<u32, Marker>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn contains(pid: u32) -> bool {
    lock().contains_key(&pid)
}

pub(super) fn remove(pid: u32) {
    lock().remove(&pid);
}
