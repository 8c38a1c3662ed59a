//! Removes all machines and temporary folders on Ctrl-C and SIGTERM.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::place::Place;
use crate::{interruption, progress};

/// A container that must not outlive this process.
#[derive(Debug)]
pub(super) struct Live {
    pub place: Place,
    /// The process whose end kills the container; `None` while no container runs.
    pub supervisor: Mutex<Option<Pid>>,
}

static LIVE: Mutex<Vec<Arc<Live>>> = Mutex::new(Vec::new());

impl Live {
    /// Registers a machine, so that an interruption removes it.
    pub fn register(place: Place) -> Arc<Self> {
        let live = Arc::new(Self {
            place,
            supervisor: Mutex::new(None),
        });
        lock(&LIVE).push(live.clone());
        // A signal may have come after the machine's folder was made. This thread must not boot the machine then.
        interruption::hold();
        live
    }

    pub fn set_supervisor(&self, pid: Option<Pid>) {
        *lock(&self.supervisor) = pid;
    }

    /// Kills the container at once.
    pub fn kill(&self) {
        if let Some(pid) = *lock(&self.supervisor) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Kills the container and removes the machine's folder and control groups from this host.
    pub fn tear_down(&self) -> io::Result<()> {
        self.kill();
        lock(&LIVE).retain(|live| !std::ptr::eq(&**live, self));
        self.place.remove()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The container must be removed even after a panic in another thread.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, SIGINT, SIGTERM and SIGHUP remove all machines and all temporary folders, end all children, and end the
/// process with 128 plus the signal's number.
///
/// # Errors
/// If the signal handlers can't be installed.
pub fn tear_down_on_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        interruption::begin();
        progress::warning("Interrupted", "removing instances and temporary folders");
        let machines = lock(&LIVE).clone();
        for machine in machines {
            if let Err(error) = machine.tear_down() {
                progress::failure(
                    "Failed",
                    format!("cannot remove {}: {error}", machine.place.folder.display()),
                );
            }
        }
        interruption::finish();
        std::process::exit(128 + signal);
    });
    Ok(())
}
