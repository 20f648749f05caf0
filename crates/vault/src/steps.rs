//! The steps of a write, for tests that end the process at each of them.

#[cfg(feature = "fault-points")]
mod watched {
    use std::sync::OnceLock;

    type Watcher = Box<dyn Fn(&'static str) + Send + Sync>;

    static WATCHER: OnceLock<Watcher> = OnceLock::new();

    /// From now on `watcher` is called at every step of every write of this process. Only the first one counts.
    pub fn watch_steps(watcher: impl Fn(&'static str) + Send + Sync + 'static) {
        let _ = WATCHER.set(Box::new(watcher));
    }

    pub(crate) fn step(name: &'static str) {
        if let Some(watcher) = WATCHER.get() {
            watcher(name);
        }
    }
}

#[cfg(feature = "fault-points")]
pub(crate) use watched::step;
#[cfg(feature = "fault-points")]
pub use watched::watch_steps;

#[cfg(not(feature = "fault-points"))]
pub(crate) fn step(_: &'static str) {}
