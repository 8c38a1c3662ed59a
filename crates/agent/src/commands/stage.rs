//! `stage`: starts the new release beside the current one, before the flip. The new run is held until the flip.

use std::path::Path;

use anyhow::{Context, Result, bail};
use flipless_settings::{FrontMode, Settings, layout};

use super::change::{change, say};
use super::identify::identify;
use crate::deployment::certificates::at_flip;
use crate::deployment::leftover::{self, Outcome};
use crate::deployment::state::{Staged, State};
use crate::deployment::{
    certificates, environment, flipped, handover, health_log, namespaces, prune, release, run,
    withdrawal, writable,
};
use crate::instance::replaced::Replaced;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;
use crate::instance::units::{self, Place};
use crate::instance::{identity, labels, paths, user};
use crate::proxy::{certificate, staged};

/// Installs the bundle that is unpacked in `bundle`, and starts a run of it. The current run continues to serve,
/// and a failure restores the instance.
pub fn stage(system: &System, bundle: &Path) -> Result<()> {
    // At boot, `identify` may not have completed.
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
    // The bundle may still contain the marker of another deployment.
    flipped::unmark(system, bundle)?;
    let mut replaced = Replaced::default();
    let prepared = prepare(system, bundle, &settings, &mut replaced)
        .map_err(|error| restore(system, &replaced, error))?;
    // From here on the instance has the settings of this bundle. `undo` restores the old settings.
    let begun = at_flip::keep_settings(system, state, &settings, &mut replaced)
        .and_then(|()| replaced.update(system, layout::SETTINGS, &content, 0o644))
        .and_then(|()| begin(system, bundle, state, &prepared, &mut replaced));
    let listener = begun.map_err(|error| undo(system, state, &replaced, error));
    let release = &prepared.release;
    let listener = listener.inspect_err(|_| prune::remove_unused(system, state, release))?;
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

/// The result of [`prepare`], which [`begin`] uses.
struct Prepared {
    /// The release's identity.
    release: String,
    /// The certificate that replaces the current one in the flip; `None` if the current one stays.
    certificate: Option<Vec<u8>>,
    /// The HMAC key of the external account binding, if there is one.
    hmac: Option<String>,
}

/// Makes the certificate and the release, and tests nginx's configuration.
fn prepare(
    system: &System,
    bundle: &Path,
    settings: &Settings,
    replaced: &mut Replaced,
) -> Result<Prepared> {
    let certificate = certificate::prepare(system, bundle, settings, replaced)?;
    staged::test(system, bundle, settings)?;
    let environment = environment::gather(system)?;
    let hmac = certificates::hmac(settings, &environment)?;
    certificates::keep_first_hmac(system, hmac.as_deref(), replaced)?;
    let environment = environment::to_file(&environment, settings.server.port)?;
    let release = release::install(system, bundle, settings.server.program(), &environment)?;
    Ok(Prepared {
        release,
        certificate,
        hmac,
    })
}

/// Restores the replaced files after `error`. Returns `error`, and adds the reason if the restore fails, too.
fn restore(system: &System, replaced: &Replaced, error: anyhow::Error) -> anyhow::Error {
    match replaced.restore(system) {
        Ok(()) => error,
        Err(why) => error.context(format!("cannot restore the previous files: {why:#}")),
    }
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
    prepared: &Prepared,
    replaced: &mut Replaced,
) -> Result<Listener> {
    install_agent(system, replaced)?;
    install_certificates(system, bundle, replaced)?;
    let place = match state.current {
        None if bundle != Path::new(paths::FLIPPED) => Place::UntilReboot,
        _ => Place::Lasting,
    };
    units::install(system, bundle, place, replaced)?;
    labels::restore(system, &[layout::ROOT]);
    units::verify_stand_in(system)?;
    health_log::make(system)?;
    let listener = open_listener(system, state)?;
    start(system, state, bundle, prepared, listener)?;
    Ok(listener)
}

/// Restores the replaced settings, agent and units. So the current version keeps the files that it was deployed with.
/// Returns `error`, and adds the reason if the restore fails, too.
fn undo(
    system: &System,
    state: &State,
    replaced: &Replaced,
    error: anyhow::Error,
) -> anyhow::Error {
    // Restores the units before `withdraw`, which removes all units if no run is current.
    let restored = replaced
        .restore(system)
        .and_then(|()| at_flip::forget(system));
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

/// Installs the program for certificates, if the bundle has one.
fn install_certificates(system: &System, bundle: &Path, replaced: &mut Replaced) -> Result<()> {
    let program = layout::in_bin(layout::CERTIFICATES_BIN);
    match system.read_in(bundle, program)? {
        Some(program) => replaced.update(system, layout::CERTIFICATES, &program, 0o755),
        None => Ok(()),
    }
}

/// The state of the server's listener before the flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    /// systemd has opened it, so the run starts now.
    Open,
    /// The old application still listens on the port. EB stops this application in the flip, so the run starts in the
    /// flip.
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
    prepared: &Prepared,
    listener: Listener,
) -> Result<()> {
    let settings = system.settings()?;
    let commands = system.commands();
    let systemd = Systemd::new(system);
    let run = state.new_run(&prepared.release, commands.unix_time());
    let files = at_flip::Files {
        certificate: prepared.certificate.as_deref(),
        hmac: prepared.hmac.as_deref(),
    };
    at_flip::note(system, &run, &settings, &files)?;
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
