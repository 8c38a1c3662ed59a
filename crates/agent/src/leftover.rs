//! What a deployment that did not end has left: it is completed where it is all there is, else undone.

use anyhow::Result;
use flipless_settings::layout;

use crate::give_back::give_back;
use crate::state::{Failure, Run, State};
use crate::system::System;
use crate::systemd::Systemd;
use crate::{front, paths, run, units};

/// The public port is on its way back to EB's nginx.
pub const GIVES_PORT_BACK: &str = "/run/flipless/gives-port-back";

/// What became of a leftover.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none.
    Nothing,
    /// It is the only version there is, and current now.
    Kept(Run),
    /// It does not serve any more.
    GivenUp(Run),
}

/// EB renames the unpacked bundle to the current application before it starts web.service: the agent in
/// it is the evidence of the flip. Where a version with flipless was there before, it is seen too early:
/// that version serves nobody by itself.
pub fn has_flipped(system: &System) -> bool {
    system.exists(paths::FLIPPED_AGENT)
}

/// Settles the staged run: nobody will commit it.
pub fn settle(system: &System, state: &mut State) -> Result<Outcome> {
    let Some(staged) = state.staged.clone() else {
        return Ok(Outcome::Nothing);
    };
    let is_all_there_is = state.current.is_none() && has_flipped(system);
    if is_all_there_is && Systemd::new(system).is_active(&staged.run.unit())? {
        make_first(system, state, staged.run.clone())?;
        return Ok(Outcome::Kept(staged.run));
    }
    run::discard(system, &staged.run)?;
    give_up(system, state, &staged.run, "nobody came for it")?;
    Ok(Outcome::GivenUp(staged.run))
}

/// Makes the first version of an instance, which serves, the current one. Its units last from now on,
/// before the state says so: whoever comes in between finds both.
pub fn make_first(system: &System, state: &mut State, run: Run) -> Result<()> {
    units::settle(system)?;
    run::hand_over(system, state, run)?;
    Systemd::new(system).stop(layout::DEADMAN_TIMER)
}

/// After the flip, and before the wait for a first version's server: a reboot during it finds the way to
/// start it.
pub fn let_boots_start(system: &System, run: &Run) -> Result<()> {
    run::give_unit(system, run)?;
    units::settle(system)
}

/// Before the first flip: gives up what is staged, and takes everything of ours away. The state first: a
/// flip that comes in the middle of it finds a version that its `commit` has to stage again.
pub fn give_up_unflipped(system: &System, state: &mut State) -> Result<()> {
    if let Some(staged) = state.staged.clone() {
        let why = "the application of before was started before the flip";
        give_up(system, state, &staged.run, why)?;
    }
    withdraw(system, state)
}

fn give_up(system: &System, state: &mut State, run: &Run, why: &str) -> Result<()> {
    let reason = format!("{} was staged, and not committed: {why}", run.run);
    state.failure = Some(Failure::of(system, "deployment", &reason));
    state.give_up_staged();
    state.save(system)
}

fn front_has_port(system: &System) -> Result<bool> {
    let systemd = Systemd::new(system);
    let half_way = system.exists(GIVES_PORT_BACK) && !systemd.is_active("nginx.service")?;
    Ok(half_way || systemd.is_active(layout::FRONT_SOCKET)? || systemd.is_active(layout::FRONT)?)
}

/// On an instance where nothing of ours serves: gives its ports back, and takes the units out of
/// systemd's sight. EB's nginx is touched only where ours has taken its port: it may serve the
/// application that was there before.
pub fn withdraw(system: &System, state: &State) -> Result<()> {
    if state.current.is_some() {
        return Ok(());
    }
    // No stand-in starts the front meanwhile.
    let _lock = front::lock(system, "withdraw")?;
    let has_port = front_has_port(system)?;
    if has_port {
        // Half-way nobody has it: whoever comes after an interruption could not tell.
        system.write(GIVES_PORT_BACK, b"", 0o644)?;
    }
    give_back(system, has_port)?;
    system.remove(GIVES_PORT_BACK)
}
