//! Keeping a host up: find the one that runs, or start one; how often, and when to give up.

use crate::Problem;
use drawbridge_control::spawn::{self, Program, SpawnError};
use drawbridge_control::{Channel, ControlClient};
use drawbridge_wire::pipe::HostSetup;
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;
use tokio::process::Child;
use tokio::time::Instant;

/// A host that ended unasked this often in [`WINDOW`] is not started again by itself.
const RESTARTS: usize = 5;
/// See [`RESTARTS`].
const WINDOW: Duration = Duration::from_secs(600);

/// A host, connected.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) channel: Channel,
    /// The host's process, when it was started here.
    pub(crate) child: Option<Child>,
}

/// Attaches to the host that runs, or starts one. Who starts it is decided by the host's own lock.
pub(crate) async fn bring_up(
    data_dir: &Path,
    program: &Program,
    setup: &HostSetup,
    client: &str,
) -> Result<Attached, Problem> {
    let attach = || ControlClient::connect(data_dir, client, true);
    let (control, child) = match attach().await {
        Ok(control) => (control, None),
        // None, one that is ending, or one for a short command: ours comes up as soon as that is gone.
        Err(error) if error.is_over() || error.is_visited() => {
            spawn::start::<_, Problem, _>(program, data_dir, setup, attach).await?
        }
        Err(error) => return Err(error.into()),
    };
    let channel = Channel::follow(control).await?;
    Ok(Attached { channel, child })
}

impl From<SpawnError> for Problem {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::Start { code, message } => Problem::new(&code, message),
            other @ SpawnError::File { .. } => Problem::new("file", other.to_string()),
        }
    }
}

/// Counts ends that nobody wanted.
#[derive(Debug)]
pub(crate) struct Patience {
    first: Duration,
    ends: VecDeque<Instant>,
}

impl Patience {
    /// `first` is the first pause; each is twice the one before.
    pub(crate) fn new(first: Duration) -> Self {
        Self {
            first,
            ends: VecDeque::new(),
        }
    }

    /// How long to wait after this end; none when it is not to be tried again.
    pub(crate) fn pause(&mut self, now: Instant) -> Option<Duration> {
        while let Some(end) = self.ends.front()
            && now.duration_since(*end) >= WINDOW
        {
            self.ends.pop_front();
        }
        self.ends.push_back(now);
        let count = self.ends.len();
        (count <= RESTARTS).then(|| self.first * (1 << (count - 1)))
    }

    /// A person wants it tried: begin anew.
    pub(crate) fn forget(&mut self) {
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_come_to_an_end() {
        let now = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(1));
        let pauses: Vec<_> = (0..6).map(|_| patience.pause(now)).collect();
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(
            pauses,
            [seconds(1), seconds(2), seconds(4), seconds(8), seconds(16), None]
        );
        assert_eq!(
            patience.pause(now + WINDOW),
            seconds(1),
            "what is long ago does not count"
        );
        patience.forget();
        assert_eq!(patience.pause(now), seconds(1));
    }
}
