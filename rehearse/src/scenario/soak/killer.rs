//! Kills a process at a chosen moment of a deployment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::fault::{Kill, Victim};
use super::processes::{self, Process};
use crate::clock::{Clock, Window};

/// The interval between two searches. Some agents end after a few intervals.
const LOOK: Duration = Duration::from_millis(2);
/// The time limit for the end of a killed process, which usually ends much earlier.
const GONE: Duration = Duration::from_secs(5);

/// A thread that waits for the moment of a kill.
#[derive(Debug)]
pub(super) struct Killer {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Option<Hit>>,
}

/// A kill that has hit a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// The time from the signal to the end of the process.
    pub window: Window,
    /// Whether the process was the server of the current run, which may have had requests in flight.
    pub served: bool,
}

impl Hit {
    /// Returns the hit on a run that was staged. It may have become current just before the signal. The agent saves this
    /// before the run accepts connections.
    fn of_staged(root: &Path, unit: &str, window: Window) -> Self {
        let current = processes::unit(root, Victim::Server);
        let served = current.as_deref() == Some(unit);
        Self { window, served }
    }
}

impl Killer {
    /// Starts the thread. `root` is the root directory of the instance.
    pub fn arm(kill: Kill, root: PathBuf, clock: Clock) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let hunt = Hunt {
            root,
            clock,
            over: Arc::clone(&over),
        };
        let thread = std::thread::spawn(move || match kill.victim {
            Victim::Agent => hunt.agent(kill.nth, kill.after),
            Victim::Staged => hunt.staged(kill.after),
            victim => hunt.lasting(victim, kill.after),
        });
        Self { over, thread }
    }

    /// Tells the thread that the deployment has ended. If the kill of a server or of nginx is still due, the thread
    /// kills that process now. Returns `None` if the kill has hit no process.
    pub fn disarm(self) -> Option<Hit> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(None)
    }
}

struct Hunt {
    root: PathBuf,
    clock: Clock,
    over: Arc<AtomicBool>,
}

impl Hunt {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Waits for `time`, or until the deployment or `process` ends.
    fn wait(&self, time: Duration, process: Option<&Process>) {
        let end = Instant::now() + time;
        let lives = || process.is_none_or(Process::is_alive);
        while Instant::now() < end && !self.is_over() && lives() {
            std::thread::sleep(LOOK.min(time));
        }
    }

    fn lasting(&self, victim: Victim, after: Duration) -> Option<Hit> {
        self.wait(after, None);
        let window = self.shoot(&processes::find(&self.root, victim))?;
        let served = victim == Victim::Server;
        Some(Hit { window, served })
    }

    /// Kills the staged server when `after` has passed since its start. Returns `None` if the run became current or was
    /// discarded before that.
    fn staged(&self, after: Duration) -> Option<Hit> {
        let find = || processes::find(&self.root, Victim::Staged);
        while !self.is_over() && find().is_empty() {
            std::thread::sleep(LOOK * 5);
        }
        self.wait(after, find().first());
        let unit = processes::unit(&self.root, Victim::Staged)?;
        let window = self.shoot(&find())?;
        Some(Hit::of_staged(&self.root, &unit, window))
    }

    /// Kills the agent with the number `nth` when `after` has passed since its start. If the agent ends earlier, waits
    /// for the next agent, with half of the delay.
    fn agent(&self, nth: u32, mut after: Duration) -> Option<Hit> {
        let mut seen = BTreeSet::new();
        while !self.is_over() {
            let new = new_agents(&self.root, &mut seen);
            if seen.len() >= nth as usize && !new.is_empty() {
                self.wait(after, new.last());
                if let Some(window) = self.shoot(&new) {
                    let served = false;
                    return Some(Hit { window, served });
                }
                after /= 2;
            }
            std::thread::sleep(LOOK);
        }
        None
    }

    /// Kills `victims`. Returns the time from the signal to the end of the last process; `None` if no process was
    /// alive.
    fn shoot(&self, victims: &[Process]) -> Option<Window> {
        let start = self.clock.now();
        let living = victims.iter().filter(|victim| victim.is_alive());
        let hit: Vec<_> = living.filter(|victim| victim.kill().is_ok()).collect();
        let deadline = Instant::now() + GONE;
        while hit.iter().any(|victim| victim.is_alive()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(200));
        }
        let end = self.clock.now();
        (!hit.is_empty()).then_some(Window { start, end })
    }
}

fn new_agents(root: &Path, seen: &mut BTreeSet<u32>) -> Vec<Process> {
    let all = processes::find(root, Victim::Agent).into_iter();
    all.filter(|process| seen.insert(process.pid)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flipless_settings::layout;

    #[test]
    fn a_killed_run_has_requests_in_flight_only_if_it_has_become_current() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join(&layout::STATE[1..]);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let served = |state: &str| {
            std::fs::write(&file, state).unwrap();
            let window = Window {
                start: Duration::ZERO,
                end: Duration::ZERO,
            };
            Hit::of_staged(root.path(), "flipless-app@b-2.service", window).served
        };
        assert!(!served(
            r#"{"current":{"run":"a-1"},"staged":{"run":"b-2"}}"#
        ));
        assert!(served(r#"{"current":{"run":"b-2"},"staged":null}"#));
    }

    #[test]
    fn without_a_victim_nothing_is_killed() {
        let root = tempfile::tempdir().unwrap();
        for victim in [Victim::Agent, Victim::Server, Victim::Staged, Victim::Nginx] {
            let kill = Kill {
                victim,
                nth: 1,
                after: Duration::from_secs(3600),
            };
            let killer = Killer::arm(kill, root.path().to_owned(), Clock::start());
            assert_eq!(killer.disarm(), None, "{victim}");
        }
    }
}
