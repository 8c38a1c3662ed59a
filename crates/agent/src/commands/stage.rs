//! `stage`: starts the new release beside the current one, before the flip. The new run is held until the flip.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flipless_settings::{FrontMode, Settings, layout};

use super::change::{change, say};
use super::identify::identify;
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::state::{Staged, State};
use crate::deployment::{
    environment, flipped, handover, health_log, namespaces, prune, release, run, withdrawal,
    writable,
};
use crate::instance::replaced::Replaced;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::units::{self, Place};
use crate::instance::{identity, labels, paths, user};
use crate::proxy::staged;

/// Installs the bundle that is unpacked in `bundle`, and starts a run of it. The current run continues to serve,
/// and a failure restores the instance.
pub fn stage(system: &System, bundle: &Path) -> Result<()> {
    // The boot may not have given everything of another instance back.
    identify(system)?;
    change(system, "stage", |state| stage_locked(system, state, bundle))
}

/// Does the work of [`stage`] for a command that already holds the lock.
pub fn stage_locked(system: &System, state: &mut State, bundle: &Path) -> Result<()> {
    let (settings, content) = read_settings(system, bundle)?;
    check_mode(state, settings.front.mode)?;
    user::check(system)?;
    namespaces::check(system)?;
    writable::check(system, &settings.server)?;
    settle_leftover(system, state)?;
    handover::finish(system, state)?;
    // Removes old releases before the copy, which needs the space.
    prune::prune_or_say(system, state);
    // A marker from another deployment does not belong to the bundle.
    flipped::unmark(system, bundle)?;
    staged::test(system, bundle, &settings)?;
    let environment = environment::gather(system)?;
    let environment = environment::to_file(&environment, settings.server.port)?;
    let identity = release::install(system, bundle, settings.server.program(), &environment)?;
    let mut replaced = Replaced::default();
    // From here on the instance has the settings of this bundle. `undo` restores the old ones.
    let begun = replaced
        .update(system, layout::SETTINGS, &content, 0o644)
        .and_then(|()| begin(system, bundle, state, &identity, &mut replaced));
    let listener = begun.map_err(|error| undo(system, state, &replaced, error));
    let listener = listener.inspect_err(|_| prune::remove_unused(system, state, &identity))?;
    let run = state.staged.as_ref().map_or("", |staged| &staged.run.run);
    say(&match listener {
        Listener::Taken => {
            format!("staged {run}; it starts during EB's flip, when its port is free")
        }
        Listener::Open => {
            format!("staged {run}; it is ready, and accepts connections after the flip")
        }
    });
    Ok(())
}

/// Reads the bundle's settings.
fn read_settings(system: &System, bundle: &Path) -> Result<(Settings, Vec<u8>)> {
    let file = layout::SETTINGS_FILE;
    let content = system.read_in(bundle, file)?.with_context(|| {
        format!("{file} is missing; `flipless stage` must run in an unpacked bundle")
    })?;
    let settings = Settings::from_json(&content).with_context(|| format!("cannot use {file}"))?;
    Ok((settings, content))
}

/// Refuses a change of the front mode while a run is current, because the listeners would have to change.
fn check_mode(state: &State, mode: FrontMode) -> Result<()> {
    if state.current.is_none() || state.front == mode {
        return Ok(());
    }
    bail!(
        "the instance has front mode `{}`, and the bundle was built for `{}`; deploy to a new \
         environment, or run `{} uninstall` first",
        state.front,
        mode,
        layout::AGENT
    )
}

/// Completes or discards the staged run of an interrupted deployment.
fn settle_leftover(system: &System, state: &mut State) -> Result<()> {
    match leftover::settle(
        system,
        state,
        "its deployment did not complete before the next one",
    )? {
        Outcome::Nothing => {}
        Outcome::HandedOver(run) => say(&format!(
            "{} is current now: EB had already flipped to it",
            run.run
        )),
        Outcome::Discarded(run) => say(&format!(
            "discarded {}, which an interrupted deployment had staged",
            run.run
        )),
    }
    Ok(())
}

/// Does the part of `stage` that [`undo`] reverts. Returns the listener's state.
fn begin(
    system: &System,
    bundle: &Path,
    state: &mut State,
    identity: &str,
    replaced: &mut Replaced,
) -> Result<Listener> {
    install_agent(system, replaced)?;
    let place = match state.current {
        None if bundle != Path::new(paths::FLIPPED) => Place::UntilReboot,
        _ => Place::Lasting,
    };
    units::install(system, bundle, place, replaced)?;
    labels::restore(system, &[layout::ROOT]);
    units::verify_stand_in(system)?;
    prepare_health_log(system)?;
    let listener = open_listener(system, state)?;
    start(system, state, bundle, identity, listener)?;
    Ok(listener)
}

/// Restores the replaced settings, agent and units, so that systemd restarts the current run with its own unit.
fn undo(
    system: &System,
    state: &State,
    replaced: &Replaced,
    error: anyhow::Error,
) -> anyhow::Error {
    // Restores the units before `withdraw`, which removes all units if no run is current.
    let restored = replaced.restore(system);
    match restored.and(withdrawal::withdraw(system, state)) {
        Ok(()) => error,
        Err(why) => error.context(format!("cannot restore the previous units: {why:#}")),
    }
}

/// Installs the agent that units run. A rename replaces the file, so a running agent keeps its own file.
fn install_agent(system: &System, replaced: &mut Replaced) -> Result<()> {
    let own = system
        .commands()
        .executable()
        .context("cannot read the agent's own executable")?;
    replaced.update(system, layout::AGENT, &own, 0o755)
}

/// Prepares the folder of EB's enhanced health log. In direct mode the server writes this log. Each run may have
/// another user in the group `webapp`, so the group may write to the folder and to the files in it.
fn prepare_health_log(system: &System) -> Result<()> {
    if system.settings()?.front.mode != FrontMode::Direct {
        return Ok(());
    }
    system.make_folder(paths::HEALTH_LOG)?;
    health_log::remember(system)?;
    let folder = system.locate(paths::HEALTH_LOG);
    let owner = format!("{0}:{0}", user::NAME);
    for (program, value) in [("chown", owner.as_str()), ("chmod", "g+w")] {
        // With -R, neither program follows a link in the folder.
        let owned = system.run(program, &["-R", value, &folder.to_string_lossy()])?;
        if !owned.status.success() {
            bail!(
                "cannot give {} to the server's user and group: {}",
                paths::HEALTH_LOG,
                String::from_utf8_lossy(&owned.stderr).trim()
            );
        }
    }
    Ok(std::fs::set_permissions(
        folder,
        std::fs::Permissions::from_mode(0o775),
    )?)
}

/// The state of the server's listener before the flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    /// systemd has opened it, so the run starts now.
    Open,
    /// The application that EB will stop in the flip has the port, so the run starts in the flip.
    Taken,
}

/// Opens the listener.
fn open_listener(system: &System, state: &State) -> Result<Listener> {
    let systemd = Systemd::new(system);
    let Err(error) = systemd.start(layout::APP_SOCKET) else {
        return Ok(Listener::Open);
    };
    // systemd reports this result if bind(2) fails (socket_open_fds in its socket.c).
    let taken = systemd.property(layout::APP_SOCKET, "Result")? == "resources";
    if taken && state.current.is_none() {
        systemd.forget_failure(layout::APP_SOCKET)?;
        return Ok(Listener::Taken);
    }
    let lines = systemd.last_lines(layout::APP_SOCKET, 5);
    Err(error.context(format!("cannot open the server's listener: {lines}")))
}

/// Saves the run in the state, and starts it. The state comes first, so that the next command finds the run after
/// an interruption.
fn start(
    system: &System,
    state: &mut State,
    bundle: &Path,
    release: &str,
    listener: Listener,
) -> Result<()> {
    let settings = system.settings()?;
    let commands = system.commands();
    let systemd = Systemd::new(system);
    let run = state.new_run(release, commands.unix_time());
    state.discarded = None;
    state.staged = Some(Staged {
        run: run.clone(),
        boot: commands
            .boot_id()
            .context("cannot read the boot's identity")?,
        deadline: commands.uptime() + settings.deploy.dead_man_seconds,
    });
    state.front = settings.front.mode;
    state.instance = identity::of(system).or(state.instance.take());
    // Starts the timer first. After an interruption, a staged run without a timer would stay staged.
    systemd.restart(layout::DEADMAN_TIMER)?;
    state.save(system)?;
    let begun = flipped::mark(system, bundle, &run).and_then(|()| match listener {
        Listener::Taken => Ok(()),
        Listener::Open => run::start(system, &run),
    });
    begun.inspect_err(|_| forget_staged(system, state))
}

/// Marks the staged run as discarded. Ignores its own errors: the caller reports why the start failed, and the
/// dead man's switch tries again.
fn forget_staged(system: &System, state: &mut State) {
    state.discard_staged();
    if state.save(system).is_ok() {
        let _ = Systemd::new(system).stop(layout::DEADMAN_TIMER);
    }
}
