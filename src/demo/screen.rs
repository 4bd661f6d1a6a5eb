//! What the person at the terminal sees: lines, and below them one line that says how far things are.
//!
//! On a terminal that line is written over in place; elsewhere a plain line comes out at each quarter of the way. Nothing
//! here fails: whoever closed the other end of a pipe reads no more, and that is no reason to stop.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Goes to the beginning of the line and erases it.
const ERASE: &str = "\r\x1b[2K";

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What stands in the last line of a terminal; empty where nothing does.
    progress: String,
    /// The quarter of the way that was shown elsewhere.
    quarter: Option<usize>,
}

impl Screen {
    /// Standard output as it is.
    pub(super) fn new() -> Self {
        Self {
            is_terminal: std::io::stdout().is_terminal(),
            state: Mutex::default(),
        }
    }

    /// Writes a line, above the one that says how far things are.
    pub(super) fn line(&self, text: &str) {
        let state = self.lock();
        if state.progress.is_empty() {
            write(&format!("{text}\n"));
        } else {
            write(&format!("{ERASE}{text}\n{}", state.progress));
        }
    }

    /// Says how far things are. At the end (`done` is `total`) the text stays as a line.
    pub(super) fn progress(&self, done: usize, total: usize, text: &str) {
        let mut state = self.lock();
        let is_over = done >= total;
        if self.is_terminal {
            if is_over {
                state.progress.clear();
                write(&format!("{ERASE}{text}\n"));
            } else {
                text.clone_into(&mut state.progress);
                write(&format!("{ERASE}{text}"));
            }
        } else {
            let quarter = (done * 4).checked_div(total).unwrap_or(4);
            if is_over || state.quarter != Some(quarter) {
                write(&format!("{text}\n"));
            }
            state.quarter = (!is_over).then_some(quarter);
        }
    }

    /// Ends what [`Screen::progress`] began and will not complete.
    pub(super) fn abandon_progress(&self) {
        let mut state = self.lock();
        state.quarter = None;
        if !state.progress.is_empty() {
            state.progress.clear();
            write("\n");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _unread = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
