//! Removes releases, runs and files that are no longer needed.

use std::collections::BTreeSet;

use anyhow::Result;
use flipless_settings::layout::{self, run_of_unit};

use super::state::State;
use super::{ends, run};
use crate::instance::paths::UNITS;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Calls [`prune`], and prints a warning if it fails. The next command tries again.
pub fn prune_or_say(system: &System, state: &State) {
    if let Err(error) = prune(system, state) {
        eprintln!("flipless: warning: cannot remove old releases: {error:#}");
    }
}

/// Removes releases beyond `keep-releases`, the files of runs that have ended, and leftovers of an interrupted copy or
/// write.
pub fn prune(system: &System, state: &State) -> Result<()> {
    let systemd = Systemd::new(system);
    let living = systemd.living_units(layout::APP_UNITS)?;
    let living: Vec<&str> = living.iter().filter_map(|unit| run_of_unit(unit)).collect();
    let staged = state.staged.as_ref().map(|staged| &staged.run);
    let known = |run: &str| {
        let in_state = [state.current.as_ref(), staged];
        in_state.into_iter().flatten().any(|known| known.run == run) || living.contains(&run)
    };
    for run in runs(system)? {
        if !known(&run) {
            run::forget(system, &run)?;
        }
    }
    // Removes the temporary files that a killed agent did not rename.
    let half_written = |name: &String| name.starts_with("flipless-") && name.ends_with(".new");
    for name in system.names(UNITS)?.into_iter().filter(half_written) {
        system.remove(format!("{UNITS}/{name}"))?;
    }
    // `status` shows how the old run of the last handover ended.
    let last = state.handover.as_ref().map(|handover| &handover.from);
    ends::prune(system, |run| {
        known(run) || last.is_some_and(|from| from == run)
    })?;
    let in_use = needed(state, &living);
    for release in superfluous(system, &in_use)? {
        system.remove(format!("{}/{release}", layout::RELEASES))?;
    }
    Ok(())
}

/// Removes the release of a failed deployment, unless a run needs this release. Prints a warning on failure; the next
/// deployment tries again.
pub fn remove_unused(system: &System, state: &State, release: &str) {
    let remove = || -> Result<()> {
        let living = Systemd::new(system).living_units(layout::APP_UNITS)?;
        let living: Vec<&str> = living.iter().filter_map(|unit| run_of_unit(unit)).collect();
        match needed(state, &living).contains(&release) {
            true => Ok(()),
            false => system.remove(format!("{}/{release}", layout::RELEASES)),
        }
    };
    if let Err(error) = remove() {
        eprintln!("flipless: warning: cannot remove the release {release}: {error:#}");
    }
}

/// Returns the releases that the state names, and those of living runs.
fn needed<'a>(state: &'a State, living: &[&'a str]) -> Vec<&'a str> {
    let of_living = living.iter().filter_map(|run| run.rsplit_once('-'));
    let mut releases = state.releases_in_use();
    releases.extend(of_living.map(|(release, _)| release));
    releases
}

/// Returns every run that has a link or a unit file.
fn runs(system: &System) -> Result<BTreeSet<String>> {
    let units = system.names(UNITS)?;
    let of_units = units.iter().filter_map(|unit| run_of_unit(unit));
    let mut runs: BTreeSet<String> = of_units.map(String::from).collect();
    runs.extend(system.names(layout::RUNS)?);
    Ok(runs)
}

/// Returns the releases to remove: all leftovers, and the oldest unused releases until `keep-releases` remain.
fn superfluous(system: &System, in_use: &[&str]) -> Result<Vec<String>> {
    let mut unused = Vec::new();
    let names = system.names(layout::RELEASES)?;
    let kept = names
        .iter()
        .filter(|name| in_use.contains(&name.as_str()))
        .count();
    for name in names {
        if !in_use.contains(&name.as_str()) {
            let path = system.locate(format!("{}/{name}", layout::RELEASES));
            unused.push((
                name.ends_with(".partial"),
                path.metadata()?.modified()?,
                name,
            ));
        }
    }
    // Sorts leftovers first, then by age.
    unused.sort_by(|a, b| (b.0, a.1).cmp(&(a.0, b.1)));
    let room = system.settings()?.deploy.keep_releases.saturating_sub(kept);
    let partial = unused.iter().filter(|(partial, ..)| *partial).count();
    let remove = unused.len().saturating_sub(room).max(partial);
    Ok(unused
        .into_iter()
        .take(remove)
        .map(|(_, _, name)| name)
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn the_oldest_unused_releases_and_leftovers_are_removed() {
        let instance = Instance::new();
        let system = &instance.system;
        let names = ["a", "b", "c", "d", ".e.partial"];
        for (age, name) in names.iter().enumerate() {
            let path = format!("{}/{name}", layout::RELEASES);
            system.make_folder(&path).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            std::fs::File::open(system.locate(&path))
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        let kept = system.settings().unwrap().deploy.keep_releases;
        assert_eq!(kept, 3, "the test counts on the default");
        assert_eq!(superfluous(system, &["a"]).unwrap(), [".e.partial", "b"]);
        assert_eq!(
            superfluous(system, &["a", "b", "c", "d"]).unwrap(),
            [".e.partial"]
        );
    }
}
