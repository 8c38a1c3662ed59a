//! A machine: a container with its own systemd, file system and network, removed when it is dropped.
//!
//! What it changes goes to an overlay's upper directory, which stays over its reboots. The overlay
//! is mounted in a mount namespace of the container's own, and the container is killed with the
//! thread that booted it: not even `kill -9` leaves anything running or mounted. The folder that
//! is left then is removed by the next boot.

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
    /// Boots a machine from `image`; its folder is made below `store` (normally
    /// `target/rehearse/machines`), where what killed runs left is removed first.
    ///
    /// The container dies with the calling thread.
    ///
    /// # Errors
    /// When it isn't up after 90 s; the error has the console's last lines.
    pub fn boot(image: &Image, store: &Path) -> Result<Self, MachineError> {
        let host = |error| MachineError::Host(store.display().to_string(), error);
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
                let _ = live.tear_down();
                Err(error)
            }
        }
    }

    /// Shuts down and boots again; what is on its disk stays.
    ///
    /// # Errors
    /// When it doesn't go down within 120 s, or doesn't come up.
    pub fn reboot(&self) -> Result<(), MachineError> {
        // The answer may be lost: the manager goes down meanwhile.
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

    /// The container's init, as a process of this host.
    pub fn leader(&self) -> Pid {
        self.running.borrow().leader
    }

    /// Its network namespace, for clients to enter.
    ///
    /// # Errors
    /// When the machine is down.
    pub fn network(&self) -> io::Result<File> {
        File::open(format!("/proc/{}/ns/net", self.leader().as_raw_pid()))
    }

    /// The command that a developer enters it with.
    pub fn enter_command(&self) -> String {
        format!(
            "nsenter --all --target {} -- /bin/bash",
            self.leader().as_raw_pid()
        )
    }

    /// The journal's last lines, of one unit or of all.
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
        exec::run(self.leader(), command)
    }

    fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.leader().as_raw_pid()).into()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.live.kill();
        let _ = self.running.borrow_mut().supervisor.wait();
        self.live.set_supervisor(None);
        if let Err(error) = self.live.tear_down() {
            crate::progress::failure(
                "Left",
                format!("{}: {error}", self.live.place.folder.display()),
            );
        }
    }
}
