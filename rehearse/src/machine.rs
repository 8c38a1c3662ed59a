//! A machine: a container with its own systemd, file system and network. Dropping the machine removes it.
//!
//! Changes of the file system go to the upper directory of an overlay, which remains across reboots. The overlay
//! is mounted in the container's own mount namespace, and the container is killed when the thread that booted
//! it ends. So even after `kill -9` nothing keeps running or stays mounted. Only the machine's folder remains,
//! and the next boot removes it.

mod command;
mod error;
mod exec;
mod interrupt;
mod launch;
mod place;
mod wait;

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Pid;

pub use command::{Command, Instance, LONGEST, Output, SEARCH_PATH};
pub use error::MachineError;
pub use interrupt::tear_down_on_signals;
pub use wait::wait_for;

use crate::image::Image;
use crate::interruption;
use error::SHUTDOWN_DEADLINE;
use interrupt::Live;
use launch::Running;
use place::Place;

/// A booted container.
#[derive(Debug)]
pub struct Machine {
    live: Arc<Live>,
    running: RefCell<Running>,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Machine {
    /// Boots a machine from `image`, in a new folder below `store` (normally `target/rehearse/machines`). First removes
    /// the folders in `store` that killed processes have left.
    ///
    /// The container is killed when the calling thread ends.
    ///
    /// # Errors
    /// If the machine is not up after 90 s. The error contains the console's last lines.
    pub fn boot(image: &Image, store: &Path) -> Result<Self, MachineError> {
        let host = |error| MachineError::Host(store.display().to_string(), error);
        interruption::hold();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flipless-{}-{number}", std::process::id());
        let place = Place::make(store, &name, &image.root).map_err(host)?;
        let live = Live::register(place);
        match launch::first(&live, image) {
            Ok(running) => Ok(Self {
                live,
                running: RefCell::new(running),
            }),
            Err(error) => {
                // A signal may be the reason. Then its handler removes the machine.
                interruption::hold();
                let _ = live.tear_down();
                Err(error)
            }
        }
    }

    /// Reboots the machine. Its disk keeps its content.
    ///
    /// # Errors
    /// If the machine does not shut down within 120 s, or does not boot again.
    pub fn reboot(&self) -> Result<(), MachineError> {
        // The command may fail, because systemd may end before it answers.
        let _ = self.run(&Command::new(["systemctl", "reboot", "--no-wall"]));
        let mut running = self.running.borrow_mut();
        let ended = wait_for(SHUTDOWN_DEADLINE, || {
            running.supervisor.try_wait().ok().flatten()
        });
        if ended.is_none() {
            return Err(MachineError::Shutdown);
        }
        self.live.set_supervisor(None);
        *running = launch::again(&self.live)?;
        Ok(())
    }

    /// Checks that the container still runs. The kernel may give the pid of its init to another process of this host
    /// when the container has ended.
    ///
    /// # Errors
    /// If the container has ended.
    pub fn check(&self) -> Result<(), MachineError> {
        let ended = self.running.borrow_mut().supervisor.try_wait();
        match ended.ok().flatten() {
            Some(status) => {
                // The supervisor's pid is free, too.
                self.live.set_supervisor(None);
                Err(MachineError::Ended(status))
            }
            None => Ok(()),
        }
    }

    /// The pid of the container's init on this host.
    pub fn leader(&self) -> Pid {
        self.running.borrow().leader
    }

    /// Returns a handle for commands from another thread. The handle is valid until the machine reboots.
    pub fn handle(&self) -> Handle {
        Handle(self.leader())
    }

    /// The folder in which a rehearsal saves the state of this machine. It remains when the machine is dropped.
    pub fn evidence(&self) -> PathBuf {
        let place = &self.live.place;
        let machines = place.folder.parent().unwrap_or(&place.folder);
        machines.with_file_name("evidence").join(&place.name)
    }

    /// The machine's network namespace, for clients.
    ///
    /// # Errors
    /// If the machine is down.
    pub fn network(&self) -> io::Result<File> {
        File::open(format!("/proc/{}/ns/net", self.leader().as_raw_pid()))
    }

    /// The command with which a developer enters the machine.
    pub fn enter_command(&self) -> String {
        format!(
            "nsenter --all --target {} -- /bin/bash",
            self.leader().as_raw_pid()
        )
    }

    /// The last lines of the journal, of one unit or of all units.
    pub fn journal(&self, unit: Option<&str>, lines: usize) -> String {
        let count = lines.to_string();
        let mut command = Command::new([
            "journalctl",
            "--no-pager",
            "-o",
            "short-precise",
            "-n",
            &count,
        ]);
        command
            .words
            .extend(unit.map(|unit| format!("--unit={unit}")));
        self.run(&command)
            .map(|output| output.text())
            .unwrap_or_default()
    }
}

impl Instance for Machine {
    fn run(&self, command: &Command) -> io::Result<Output> {
        self.check().map_err(io::Error::other)?;
        self.handle().run(command)
    }

    fn root(&self) -> PathBuf {
        match self.check() {
            Ok(()) => self.handle().root(),
            // No process has the pid 0. So nothing is found in this folder, and nothing can be made in it.
            Err(_) => "/proc/0/root".into(),
        }
    }
}

/// Runs commands on a booted machine, also from another thread.
#[derive(Debug, Clone, Copy)]
pub struct Handle(Pid);

impl Instance for Handle {
    fn run(&self, command: &Command) -> io::Result<Output> {
        exec::run(self.0, command)
    }

    fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.0.as_raw_pid()).into()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        interruption::hold();
        self.live.kill();
        let _ = self.running.borrow_mut().supervisor.wait();
        self.live.set_supervisor(None);
        if let Err(error) = self.live.tear_down() {
            crate::progress::failure(
                "Failed",
                format!(
                    "cannot remove {}: {error}",
                    self.live.place.folder.display()
                ),
            );
        }
    }
}
