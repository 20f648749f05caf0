//! What the processes that stay write about themselves.

use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, registry};

/// The variable that says how much is written.
const VARIABLE: &str = "DRAWBRIDGE_LOG";

/// Sets how much is written from now on.
pub(crate) struct Level(reload::Handle<EnvFilter, Registry>);

impl Level {
    /// As `log.level` of the configuration says it.
    pub(crate) fn set(&self, wanted: &str) {
        // It fails only when nothing is written at all.
        let _ = self.0.reload(filter(wanted));
    }
}

/// Messages go to stderr, which whoever started the process has directed to a file.
pub(crate) fn start() -> Level {
    let wanted = std::env::var(VARIABLE).unwrap_or_default();
    let (layer, level) = layer(&wanted, std::io::stderr);
    let _ = registry().with(layer).try_init();
    level
}

/// What is asked for; `info` when it is not understood.
fn filter(wanted: &str) -> EnvFilter {
    EnvFilter::try_new(wanted)
        .ok()
        .filter(|_| !wanted.trim().is_empty())
        .unwrap_or_else(|| EnvFilter::new("info"))
}

/// A layer that writes what is wanted. Libraries are not heard below `info` whatever is wanted: there they
/// print whole frames and headers, with what people said and with tokens.
fn layer<W>(wanted: &str, to: W) -> (impl Layer<Registry>, Level)
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let (wanted, level) = reload::Layer::new(filter(wanted));
    let ours = filter_fn(|message| {
        *message.level() <= LevelFilter::INFO || message.target().starts_with("drawbridge")
    });
    let layer = fmt::layer()
        .with_writer(to)
        .with_ansi(false)
        .with_filter(wanted.and(ours.with_max_level_hint(LevelFilter::TRACE)));
    (layer, Level(level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(wanted: &str) -> String {
        let all = Written::default();
        let to = all.clone();
        let (layer, _level) = layer(wanted, move || to.clone());
        let subscriber = registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "tungstenite::protocol::frame", "canary-frame");
            tracing::debug!(target: "hyper::proto", "canary-head");
            tracing::trace!(target: "rustls::client", "canary-tls");
            tracing::debug!(target: "rmcp::service", "canary-mcp");
            tracing::info!(target: "hyper::server", "their-info");
            tracing::debug!(target: "drawbridge_bus::link", "our-debug");
            tracing::info!(target: "drawbridge_bus::link", "our-info");
        });
        let bytes = all.0.lock().unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    }

    #[test]
    fn libraries_never_print_what_passes_through_them() {
        for wanted in [
            "trace",
            "tungstenite=trace,hyper=trace,rustls=trace,rmcp=trace,drawbridge_bus=debug",
            "tungstenite::protocol::frame=trace,drawbridge_bus=trace,hyper::server=info",
        ] {
            let written = written(wanted);
            assert!(!written.contains("canary"), "{wanted}: {written}");
            assert!(
                written.contains("our-debug") && written.contains("our-info"),
                "{wanted}: {written}"
            );
        }
    }

    #[test]
    fn how_much_is_written_changes_while_it_runs_and_libraries_stay_unheard() {
        let all = Written::default();
        let to = all.clone();
        let (layer, level) = layer("info", move || to.clone());
        let subscriber = registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let say = || {
                tracing::debug!(target: "drawbridge_bus::link", "our-debug");
                tracing::debug!(target: "hyper::proto", "canary-head");
            };
            say();
            assert!(all.0.lock().unwrap().is_empty());
            level.set("trace");
            say();
            level.set("off");
            say();
        });
        let written = String::from_utf8(all.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.matches("our-debug").count(), 1, "{written}");
        assert!(!written.contains("canary"), "{written}");
    }

    #[test]
    fn without_a_word_or_with_a_wrong_one_it_is_info() {
        for wanted in ["", " ", "=[{"] {
            let written = written(wanted);
            assert!(
                written.contains("their-info") && written.contains("our-info"),
                "{written}"
            );
            assert!(!written.contains("our-debug"), "{wanted}: {written}");
        }
    }
}
