//! The way up: systemd-nspawn is started, and its systemd has started everything.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::Pid;

use super::command::Command;
use super::error::MachineError;
use super::exec;
use super::interrupt::Live;
use super::place::Place;
use super::wait::wait_for;
use crate::image::{Image, model};
use crate::text::tail;

/// A container boots in two seconds; a loaded machine may take much longer.
const BOOT_DEADLINE: Duration = Duration::from_secs(90);

/// A container that is up.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) supervisor: Child,
    /// Its init, as a process of this host.
    pub(super) leader: Pid,
}

/// The first boot.
pub(super) fn first(live: &Live, image: &Image) -> Result<Running, MachineError> {
    let setup = if image.bare {
        let upper = live.place.folder.join("upper");
        model::write(&upper, &image.root)
            .map_err(|error| MachineError::Host(upper.display().to_string(), error))?;
        model::SETUP
    } else {
        ""
    };
    launch(live, setup)
}

/// A boot of what was set up before.
pub(super) fn again(live: &Live) -> Result<Running, MachineError> {
    launch(live, "")
}

/// Starts systemd-nspawn and waits until its systemd has started everything.
fn launch(live: &Live, setup: &str) -> Result<Running, MachineError> {
    let console = live.place.folder.join("console.log");
    let mut supervisor = spawn(&live.place, &console, setup)
        .map_err(|error| MachineError::Host("systemd-nspawn".into(), error))?;
    let pid = Pid::from_child(&supervisor);
    live.set_supervisor(Some(pid));
    match wait_until_up(&mut supervisor, pid) {
        Ok(leader) => Ok(Running { supervisor, leader }),
        Err(reason) => {
            live.kill();
            let _ = supervisor.wait();
            live.set_supervisor(None);
            let text = fs::read(&console).unwrap_or_default();
            let console = tail(&String::from_utf8_lossy(&text), 15);
            Err(MachineError::Boot { reason, console })
        }
    }
}

fn spawn(place: &Place, console: &Path, setup: &str) -> io::Result<Child> {
    let console = File::options().create(true).append(true).open(console)?;
    std::process::Command::new("setpriv")
        // systemd-nspawn's container outlives a killed systemd-nspawn. As process 1 of a namespace it
        // takes all with it, and `unshare` takes it along (unshare(1), --kill-child).
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--propagation",
            "private",
        ])
        .args(["--pid", "--mount-proc", "--kill-child=KILL"])
        .args([
            "sh",
            "-c",
            include_str!("launch.sh"),
            "launch.sh",
            &place.name,
        ])
        .arg(&place.folder)
        .arg(setup)
        .args(&place.groups)
        // Debian's nspawn gives the guest the host's hybrid hierarchy; a systemd from 258 on
        // knows only the unified one.
        .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console)
        // A Ctrl-C on the terminal is for us: we tear down in order.
        .process_group(0)
        .spawn()
}

/// Waits for the container's init, then for its answer that everything is started.
fn wait_until_up(supervisor: &mut Child, pid: Pid) -> Result<Pid, String> {
    let mut ended = None;
    let leader = wait_for(BOOT_DEADLINE, || {
        ended = supervisor.try_wait().ok().flatten();
        if ended.is_some() {
            Some(None)
        } else {
            find_leader(pid).map(Some)
        }
    });
    let leader = match (leader.flatten(), ended) {
        (Some(leader), _) => leader,
        (None, Some(status)) => return Err(format!("systemd-nspawn ended with {status}")),
        (None, None) => return Err(format!("no init after {BOOT_DEADLINE:?}")),
    };
    let question = Command::new(["systemctl", "is-system-running", "--wait"]).within(BOOT_DEADLINE);
    let mut answer = String::new();
    wait_for(BOOT_DEADLINE, || {
        answer = exec::run(leader, &question)
            .map_or_else(|error| error.to_string(), |output| output.text());
        matches!(answer.as_str(), "running" | "degraded").then_some(())
    })
    .ok_or_else(|| format!("systemctl is-system-running says: {answer}"))?;
    Ok(leader)
}

/// The container's init, once it runs systemd: `unshare` is the parent of systemd-nspawn, which is
/// its parent.
fn find_leader(supervisor: Pid) -> Option<Pid> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let leader = pids.find(|pid| {
        let grandparent = parent(*pid).and_then(parent);
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        grandparent == Some(supervisor.as_raw_pid()) && program.ends_with("systemd/systemd")
    })?;
    Pid::from_raw(leader)
}

fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}
