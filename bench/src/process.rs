//! Other programs: their output, their memory, and their end.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::row::Trouble;

/// How long a measurement waits for a process.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A process. Dropping this value kills the process.
pub struct Process(pub Child);

impl Process {
    /// Sends a signal to the process.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process id")?, signal).context("cannot send a signal")
    }

    /// Waits until the process ends.
    ///
    /// # Errors
    /// If the process does not end in time.
    pub fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let child = &mut self.0;
        wait_for("end of a process", || Ok(child.try_wait()?))
    }

    /// Returns the resident memory in bytes.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn resident(&self) -> anyhow::Result<f64> {
        resident(Path::new(&format!("/proc/{}", self.0.id())))
    }

    /// Returns the most resident memory, in bytes, that the process has had.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn peak(&self) -> anyhow::Result<f64> {
        bytes(
            Path::new(&format!("/proc/{}/status", self.0.id())),
            "VmHWM:",
        )
    }
}

/// Returns the resident memory of a process in bytes. `process` is the folder of the process in a `/proc`.
///
/// # Errors
/// If the process has ended.
pub fn resident(process: &Path) -> anyhow::Result<f64> {
    bytes(&process.join("smaps_rollup"), "Rss:")
}

/// Reads a value in KiB from a file of /proc, and returns it in bytes.
fn bytes(path: &Path, field: &str) -> anyhow::Result<f64> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib
        .with_context(|| format!("{name} has no {field}"))?
        .parse()?;
    Ok(kib * 1024.0)
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns a command that runs a program. The kernel kills the program when the thread that has started it ends
/// (setpriv(1), --pdeathsig). So no program stays after `kill -9` of the bench.
pub fn bound(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Calls `condition` until it returns a value, and returns this value.
///
/// # Errors
/// If `condition` fails, or returns no value in time.
pub fn wait_for<T>(
    what: &str,
    condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    wait(LIMIT, what, condition)
}

/// Does the same as [`wait_for`], for a program that may take ten minutes.
///
/// # Errors
/// If `condition` fails, or returns no value in ten minutes.
pub fn wait_for_long<T>(
    what: &str,
    condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    wait(10 * LIMIT, what, condition)
}

fn wait<T>(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if Instant::now() > deadline {
            bail!("timed out after {} s: no {what}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a program that must succeed, and returns its standard output. Passes its standard error on.
///
/// # Errors
/// If the program can't be started, or fails.
pub fn stdout(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().display().to_string();
    let command = command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command
        .output()
        .with_context(|| format!("cannot run `{name}`"))?;
    if !output.status.success() {
        bail!("`{name}` failed ({})", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program, and returns its standard output, or `None` if the program fails.
pub fn output(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Fails if a program is not installed. `package` is the Debian package that contains the program.
///
/// # Errors
/// [`Trouble::Missing`].
pub fn require(program: &str, package: &str) -> Result<(), Trouble> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        true => Ok(()),
        false => Err(Trouble::Missing(format!(
            "`{program}` (Debian package {package})"
        ))),
    }
}
