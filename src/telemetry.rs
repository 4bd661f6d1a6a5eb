//! Logs, to standard error: lines for people at a terminal, JSON for programs elsewhere.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// What is logged where `RUST_LOG` does not say.
const DEFAULT: &str = "info,sqlx=warn,sqlxmq=warn";

/// Begins to log. `RUST_LOG` says what, `COUNTERSIGN_LOG_FORMAT` (`json` or `text`) how.
pub fn start(default_filter: Option<&str>) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(default_filter.unwrap_or(DEFAULT)));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        // Where nobody reads the log any more, there is nobody to tell.
        .log_internal_errors(false);
    let json = match std::env::var("COUNTERSIGN_LOG_FORMAT").as_deref() {
        Ok("json") => true,
        Ok("text") => false,
        _ => !std::io::stderr().is_terminal(),
    };
    // A second call, in a test, changes nothing.
    let _already = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_target(false).try_init()
    };
}
