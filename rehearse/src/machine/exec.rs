//! Runs a command inside a container, in all of its namespaces.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use rustix::process::Pid;

use super::command::{Command, Output};

/// The exit statuses of `timeout` if the command has exceeded its time limit: the second one if the command had to be
/// killed with SIGKILL (timeout(1)).
const TIMED_OUT: [i32; 2] = [124, 128 + 9];

pub(super) fn run(leader: Pid, command: &Command) -> io::Result<Output> {
    // The output goes to files. If it went to pipes, a process that the command leaves behind would keep them open, and
    // reading would not end.
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let errors = match command.merges_output {
        true => &stdout,
        false => &stderr,
    };
    let started = Instant::now();
    let status = std::process::Command::new("timeout")
        .arg("--kill-after=5")
        .arg(command.deadline.as_secs_f64().to_string())
        .args([
            "nsenter",
            "--all",
            "--target",
            &leader.as_raw_pid().to_string(),
            "--",
        ])
        .args(["/usr/bin/env", "-i", "-C", &command.folder])
        .args(
            command
                .environment
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        )
        .args(&command.words)
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(errors.try_clone()?)
        .status()?;
    // A command that something else has killed ends before its limit.
    if TIMED_OUT.contains(&code(status)) && started.elapsed() >= command.deadline {
        let text = format!("{:?} ran longer than {:?}", command.words, command.deadline);
        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
    }
    Ok(Output {
        status: code(status),
        stdout: contents(&mut stdout)?,
        stderr: contents(&mut stderr)?,
    })
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn contents(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
