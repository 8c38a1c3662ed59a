//! Boots a container: starts systemd-nspawn, and waits until the container's systemd has started all units.

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

/// A container boots in two seconds. On a busy machine it may take much longer.
const BOOT_DEADLINE: Duration = Duration::from_secs(90);

/// A container that has booted.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) supervisor: Child,
    /// The pid of the container's init on this host.
    pub(super) leader: Pid,
}

/// Boots for the first time.
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

/// Boots again with the same overlay.
pub(super) fn again(live: &Live) -> Result<Running, MachineError> {
    launch(live, "")
}

/// Starts systemd-nspawn and waits until the container's systemd has started all units.
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
        // If only systemd-nspawn were killed, its container would continue to run. Here systemd-nspawn is process 1 of
        // a pid namespace, so the kernel kills the container when systemd-nspawn ends. When `unshare` ends, it kills
        // systemd-nspawn (unshare(1), --kill-child).
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
        // On a host with the hybrid hierarchy of control groups, Debian's nspawn uses this hierarchy for the container,
        // too. systemd 258 and newer supports only the unified hierarchy.
        .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console)
        // A Ctrl-C on the terminal must reach this process alone, which removes the machines in order.
        .process_group(0)
        .spawn()
}

/// Waits for the container's init, and then until systemd reports that it has started all units.
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
        (None, None) => return Err(format!("it has no init after {BOOT_DEADLINE:?}")),
    };
    let question = Command::new(["systemctl", "is-system-running", "--wait"]).within(BOOT_DEADLINE);
    let mut answer = String::new();
    wait_for(BOOT_DEADLINE, || {
        answer = exec::run(leader, &question)
            .map_or_else(|error| error.to_string(), |output| output.text());
        matches!(answer.as_str(), "running" | "degraded").then_some(())
    })
    .ok_or_else(|| format!("`systemctl is-system-running` reports: {answer}"))?;
    Ok(leader)
}

/// Returns the pid of the container's init, once the init runs systemd. The parent of the init is systemd-nspawn, whose
/// parent is `unshare`.
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
