//! `stage`: before the flip, start the new release beside the old one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flipless::constants::{DEAD_MAN_SECONDS, FRONT_MODE, FrontMode};
use flipless::layout;

use super::{lock, say};
use crate::state::{Staged, State, built_front};
use crate::system::System;
use crate::systemd::Systemd;
use crate::{environment, front, paths, release, run, units};

/// Starts the bundle unpacked in `bundle`. Until it is ready nothing that serves is touched; a failure
/// leaves the instance as it was.
pub fn stage(system: &System, bundle: &Path) -> Result<()> {
    let _lock = lock(system, "stage")?;
    let mut state = State::load(system)?;
    check_mode(&state)?;
    give_up_leftover(system, &mut state)?;
    run::stop_strays(system, &state)?;
    front::test_staged(system, bundle)?;
    let environment = environment::to_file(&environment::gather(system)?)?;
    let identity = release::install(system, bundle, &environment)?;
    install_agent(system)?;
    let replaced = units::install(system, bundle)?;
    let begin = |state: &mut State| -> Result<(String, bool)> {
        units::verify_stand_in(system)?;
        prepare_health_log(system)?;
        let adopts = !open_listener(system, state)?;
        Ok((start(system, state, &identity, adopts)?, adopts))
    };
    let (run, adopts) = begin(&mut state).map_err(|error| match replaced.restore(system) {
        Ok(()) => error,
        Err(why) => error.context(format!("the old units could not be put back: {why:#}")),
    })?;
    match adopts {
        true => say(&format!(
            "staged {run}: it starts in the flip, which frees its port"
        )),
        false => say(&format!(
            "staged {run}: it serves beside the current version"
        )),
    }
    Ok(())
}

/// A front mode can't change under a listener that serves.
fn check_mode(state: &State) -> Result<()> {
    if state.current.is_none() || state.front == built_front() {
        return Ok(());
    }
    bail!(
        "the instance runs front mode `{}`, the bundle was built for `{}`: deploy to a new \
         environment, or run `{} uninstall` first",
        state.front,
        built_front(),
        layout::AGENT
    )
}

/// What an interrupted deployment staged is given up before anything new begins.
fn give_up_leftover(system: &System, state: &mut State) -> Result<()> {
    let Some(leftover) = state.staged.take() else {
        return Ok(());
    };
    say(&format!(
        "giving up {}, staged by a deployment that did not end",
        leftover.run.run
    ));
    run::discard(system, &leftover.run)?;
    state.save(system)
}

/// The agent that units run; a rename, so that running ones keep theirs.
fn install_agent(system: &System) -> Result<()> {
    let own = std::fs::read("/proc/self/exe").context("cannot read the agent's own executable")?;
    if system.read(layout::AGENT)?.as_ref() == Some(&own) {
        return Ok(());
    }
    system.write(layout::AGENT, &own, 0o755)
}

/// In direct mode the server, as `webapp`, writes EB's enhanced health log.
fn prepare_health_log(system: &System) -> Result<()> {
    if FRONT_MODE != FrontMode::Direct {
        return Ok(());
    }
    system.make_folder(paths::HEALTH_LOG)?;
    let folder = system.locate(paths::HEALTH_LOG);
    let owned = system
        .commands()
        .run("chown", &["webapp", &folder.to_string_lossy()])?;
    if !owned.status.success() {
        bail!("{}", String::from_utf8_lossy(&owned.stderr).trim());
    }
    Ok(std::fs::set_permissions(
        folder,
        std::fs::Permissions::from_mode(0o755),
    )?)
}

/// Opens the listener. `false`: on an instance new to flipless, the version before it holds the port.
fn open_listener(system: &System, state: &State) -> Result<bool> {
    let systemd = Systemd::new(system);
    match systemd.start(layout::APP_SOCKET) {
        Ok(()) => Ok(true),
        Err(_) if state.current.is_none() => {
            systemd.forget_failure(layout::APP_SOCKET)?;
            Ok(false)
        }
        Err(error) => Err(error.context("the server's port is taken")),
    }
}

/// Notes the run before it starts, so that whoever comes after an interruption finds it.
fn start(system: &System, state: &mut State, release: &str, adopts: bool) -> Result<String> {
    let commands = system.commands();
    let systemd = Systemd::new(system);
    let run = state.new_run(release, commands.unix_time());
    state.staged = Some(Staged {
        run: run.clone(),
        boot: commands
            .boot_id()
            .context("cannot read the boot's identity")?,
        deadline: commands.uptime() + DEAD_MAN_SECONDS,
        adopts,
    });
    built_front().clone_into(&mut state.front);
    state.save(system)?;
    systemd.restart(layout::DEADMAN_TIMER)?;
    if adopts {
        return Ok(run.run);
    }
    let started = run::start(system, &run);
    if started.is_err() {
        state.staged = None;
        state.save(system)?;
        systemd.stop(layout::DEADMAN_TIMER)?;
    }
    started.map(|()| run.run)
}
