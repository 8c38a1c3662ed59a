//! If memory runs out in a deployment, the kernel ends the held run and not the current run.
//!
//! A drop-in in `/run` raises the OOM score of a held run (`OOMScoreAdjust=`), from its first instruction on. The
//! handover removes the drop-in, and resets the score of the run's processes.

use anyhow::{Context, Result};
use flipless_settings::layout;

use crate::instance::paths::RUNTIME_UNITS;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// The highest adjustment of the OOM score. With it the kernel adds the whole memory of the instance to the memory that
/// the process uses (oom_badness in mm/oom_kill.c).
const HELD: &str = "1000";
/// How many times the agent looks for the processes of a run. A process that is forked during one look inherits the old
/// score, and the next look finds it.
const LOOKS: usize = 3;

/// Makes the kernel end this run first, if memory runs out. The run is about to start as held. systemd reads the
/// drop-in together with the unit of the run.
pub fn prefer(system: &System, run: &str) -> Result<()> {
    let text = format!("[Service]\nOOMScoreAdjust={HELD}\n");
    system.write(drop_in(run), text.as_bytes(), 0o644)
}

/// Removes the drop-in of a run. Returns whether there was one.
pub fn forget(system: &System, run: &str) -> Result<bool> {
    let existed = system.exists(folder(run));
    system.remove(folder(run)).map(|()| existed)
}

/// Gives a run that has become current the OOM score of an ordinary service. A failure is only a warning, because the
/// run serves.
pub fn protect(system: &System, run: &str) {
    let reset = || -> Result<()> {
        for _ in 0..LOOKS {
            lower(system, run)?;
        }
        match forget(system, run)? {
            // Without a daemon-reload, systemd would use the old score for the next start of the run.
            true => Systemd::new(system).reload_units(),
            false => Ok(()),
        }
    };
    if let Err(error) = reset() {
        eprintln!(
            "flipless: warning: if memory runs out, the kernel will end {run} first: {error:#}"
        );
    }
}

fn lower(system: &System, run: &str) -> Result<()> {
    for process in system.names("/proc")? {
        let read = |file: &str| {
            let content = system
                .read(format!("/proc/{process}/{file}"))
                .ok()
                .flatten();
            String::from_utf8(content.unwrap_or_default()).unwrap_or_default()
        };
        if !process.bytes().all(|byte| byte.is_ascii_digit())
            || !is_in(&read("cgroup"), run)
            || read("oom_score_adj").trim() != HELD
        {
            continue;
        }
        let lowered = system.set(format!("/proc/{process}/oom_score_adj"), b"0");
        // If the process has ended meanwhile, this is not a failure.
        if system.exists(format!("/proc/{process}")) {
            lowered.context("cannot lower the OOM score of the server")?;
        }
    }
    Ok(())
}

/// Returns whether a process belongs to a run, from its `cgroup` file (cgroups(7)).
fn is_in(cgroup: &str, run: &str) -> bool {
    let unit = layout::app_unit(run);
    cgroup
        .lines()
        .any(|line| line.split('/').any(|part| part == unit))
}

fn folder(run: &str) -> String {
    format!("{RUNTIME_UNITS}/{}.d", layout::app_unit(run))
}

fn drop_in(run: &str) -> String {
    format!("{}/held.conf", folder(run))
}
