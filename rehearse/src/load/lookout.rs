//! Calls a function, the witness, while requests wait, so that the witness can see why they wait.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a request must wait before the lookout calls the witness. No deployment may make clients wait that long.
pub(super) const LATE: Duration = Duration::from_secs(2);
/// The lookout calls the witness at most this many times.
const MOST: usize = 3;

type Witness = Arc<dyn Fn(usize) + Send + Sync>;

#[derive(Default)]
pub(super) struct Lookout(Mutex<State>);

#[derive(Default)]
struct State {
    witness: Option<Witness>,
    calls: usize,
    thread: Option<JoinHandle<()>>,
}

impl Lookout {
    pub(super) fn set(&self, witness: Witness) {
        self.state(|state| state.witness = Some(witness));
    }

    /// Calls the witness because a request waits. Does nothing while an earlier call is in progress.
    pub(super) fn call(&self) {
        self.state(|state| {
            let is_busy = state.thread.as_ref().is_some_and(|it| !it.is_finished());
            let Some(witness) = state.witness.clone() else {
                return;
            };
            if is_busy || state.calls == MOST {
                return;
            }
            state.calls += 1;
            let number = state.calls;
            let named = thread::Builder::new().name("witness".into());
            // If the thread can't be started, the load continues without the witness.
            state.thread = named.spawn(move || witness(number)).ok();
        });
    }

    /// Waits for the last call.
    pub(super) fn end(&self) {
        let thread = self.state(|state| state.thread.take());
        // A witness that panicked has printed the reason.
        let _ = thread.map(JoinHandle::join);
    }

    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Lookout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Lookout")
    }
}
