//! The trial of a new release. If the release crashes too often during its trial, the agent rolls back to the previous
//! release.

use anyhow::Result;
use flipless_settings::Deploy;

use crate::deployment::ends::{self, End};
use crate::deployment::state::{Run, State, Trial};
use crate::instance::output::times;
use crate::instance::system::System;

/// Returns the trial of a release that becomes current now; `None` if the settings turn trials off.
pub fn begin(system: &System) -> Result<Option<Trial>> {
    let seconds = system.settings()?.deploy.rollback_seconds;
    if seconds == 0 {
        return Ok(None);
    }
    let commands = system.commands();
    Ok(Some(Trial {
        boot: commands.boot_id()?,
        until: commands.uptime() + seconds,
    }))
}

/// Returns the reason to roll back the current release; `None` if the release stays.
pub fn failed(system: &System, state: &State) -> Result<Option<String>> {
    let (Some(trial), Some(current)) = (&state.trial, &state.current) else {
        return Ok(None);
    };
    if state.previous.is_none()
        || state.staged.is_some()
        || trial.boot != system.commands().boot_id()?
    {
        return Ok(None);
    }
    let ends = ends::of(system, &current.run)?;
    let deploy = system.settings()?.deploy;
    let how = judge(&ends, trial.until, deploy.rollback_crashes);
    Ok(how.map(|how| sentence(&deploy, current, &how)))
}

/// Returns a description of the last crash, if there were at least `too_many` crashes until the time `until`.
fn judge(ends: &[End], until: u64, too_many: usize) -> Option<String> {
    let crashes = ends
        .iter()
        .filter(|end| end.is_crash() && end.uptime <= until);
    let last = crashes.clone().next_back()?;
    (crashes.count() >= too_many).then(|| last.how())
}

fn sentence(deploy: &Deploy, current: &Run, how: &str) -> String {
    let (crashes, seconds) = (times(deploy.rollback_crashes), deploy.rollback_seconds);
    format!(
        "{} crashed {crashes} within {seconds} s of its deployment (last: {}); \
         rolled back to the previous release",
        current.run, how
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(uptime: u64, result: &str) -> End {
        End {
            uptime,
            result: result.into(),
            status: "SEGV".into(),
            asked: result == "success",
            said: String::new(),
        }
    }

    #[test]
    fn only_crashes_within_the_trial_count() {
        let crash = |uptime| end(uptime, "signal");
        let many: Vec<End> = (0..3).map(crash).collect();
        assert_eq!(judge(&many, 100, 3).as_deref(), Some("signal SEGV"));
        assert_eq!(judge(&many[1..], 100, 3), None, "one is missing");
        assert_eq!(judge(&many, 1, 3), None, "the trial was over");
        let stops: Vec<End> = many.iter().map(|e| end(e.uptime, "success")).collect();
        assert_eq!(judge(&stops, 100, 3), None, "ends that were asked for");
        assert_eq!(judge(&[], 100, 3), None);
        let exits: Vec<End> = stops
            .into_iter()
            .map(|end| End {
                asked: false,
                ..end
            })
            .collect();
        assert!(judge(&exits, 100, 3).is_some(), "exits that no stop caused");
    }
}
