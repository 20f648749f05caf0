//! The way into the loop, for window system and windows.

use super::{Reply, Tick};
use crate::{Ask, Problem, Window};
use drawbridge_core::tray::Action;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Longest that anything a window asks for may take: the longest that the host may, and some.
const PATIENCE: Duration = Duration::from_secs(120);

/// Reaches the controller. What is told to a controller that is gone is lost on purpose.
#[derive(Debug, Clone)]
pub struct Handle(mpsc::Sender<Tick>);

impl Handle {
    pub(super) fn new(send: mpsc::Sender<Tick>) -> Self {
        Self(send)
    }

    /// Asks for something on behalf of the window of this name, which must be one that may.
    ///
    /// # Errors
    /// When it may not, or it could not be done.
    pub async fn ask(&self, label: &str, ask: Ask) -> Result<Value, Problem> {
        let window = Window::of_label(label).filter(|window| ask.is_for(*window));
        let Some(window) = window else {
            return Err(Problem::new("not_allowed", "this window may not ask for that"));
        };
        let (reply, answer) = oneshot::channel();
        self.0
            .send(Tick::Asked(window, ask, reply))
            .await
            .map_err(|_| Problem::gone())?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|_| Problem::gone())?,
            Err(_) => Err(Problem::new(
                "timeout",
                "it takes too long; see whether the host still runs",
            )),
        }
    }

    /// An item of the tray was clicked.
    pub fn clicked(&self, action: Action) {
        self.tell(Tick::Clicked(action));
    }

    /// The app was started again.
    pub fn second_start(&self) {
        self.tell(Tick::SecondStart);
    }

    /// A window is gone.
    pub fn closed(&self, label: &str) {
        if let Some(window) = Window::of_label(label) {
            self.tell(Tick::Closed(window));
        }
    }

    /// A window is gone though nobody closed it.
    pub fn lost(&self, label: &str) {
        if let Some(window) = Window::of_label(label) {
            self.tell(Tick::Lost(window));
        }
    }

    /// The notification was clicked.
    pub fn notice_clicked(&self) {
        self.tell(Tick::NoticeClicked);
    }

    /// Whether there is a tray to live in.
    pub fn tray_host(&self, there: bool) {
        self.tell(Tick::TrayHost(there));
    }

    /// The session ends.
    pub fn terminate(&self) {
        self.tell(Tick::Terminate);
    }

    fn tell(&self, tick: Tick) {
        if let Err(error) = self.0.try_send(tick) {
            tracing::warn!(%error, "the app is behind; an input is dropped");
        }
    }

    /// For tasks of the controller, which must get through.
    pub(super) async fn report(&self, tick: Tick) {
        let _ = self.0.send(tick).await;
    }

    pub(super) fn spawn(
        &self,
        work: impl Future<Output = Result<Value, Problem>> + Send + 'static,
        reply: Option<Reply>,
    ) {
        tokio::spawn(async move {
            let done = work.await;
            match (reply, done) {
                // Who asked may be gone.
                (Some(reply), done) => drop(reply.send(done)),
                (None, Err(problem)) => tracing::warn!(code = problem.code, %problem, "not done"),
                (None, Ok(_)) => {}
            }
        });
    }
}
