//! The state of the agent: one small file, which every change replaces as a whole.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use flipless_settings::{FrontMode, layout};
use serde::{Deserialize, Serialize};

use crate::instance::output::plain;
use crate::instance::system::System;

/// The version of the format. The agent refuses a file with a later version.
const VERSION: u32 = 1;
/// The highest number of a run. No instance reaches it.
const HIGHEST_RUN: u64 = 1 << 48;
/// How many characters of a failure's reason are kept.
const REASON_CHARACTERS: usize = 600;

/// The content of the state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// The front mode of the installed units.
    pub front: FrontMode,
    /// The number of the next run. No number is used twice.
    pub next_run: u64,
    /// The run that serves; the gate starts it after a boot.
    pub current: Option<Run>,
    /// The last run of the previous release, to which `rollback` returns.
    pub previous: Option<Run>,
    /// The run of a deployment that EB has not flipped to yet.
    pub staged: Option<Staged>,
    /// The run of the last deployment, if that run was discarded. A flip to it must fail.
    #[serde(default, rename = "given_up")]
    pub discarded: Option<Run>,
    /// The identity of the instance at the last `stage`; `None` outside EC2.
    #[serde(default)]
    pub instance: Option<String>,
    /// The trial of the current release. Too many crashes in this time cause an automatic rollback.
    #[serde(default)]
    pub trial: Option<Trial>,
    /// The names of the properties that EB has changed in its environment file since its last flip.
    #[serde(default)]
    pub rotated: BTreeSet<String>,
    /// The last handover.
    #[serde(default)]
    pub handover: Option<LastHandover>,
    /// The last failure.
    #[serde(default)]
    pub failure: Option<Failure>,
}

/// A start of a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Run {
    /// The release's identity.
    pub release: String,
    /// `RELEASE-N`: the instance of the app unit.
    pub run: String,
    /// The time of the run's first start, in seconds since 1970.
    pub since: u64,
    /// The release that EB has deployed, if this run's release is a copy of it with rotated properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
}

/// A run between `stage` and the flip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    #[serde(flatten)]
    pub run: Run,
    /// The boot in which the run was staged. A reboot ends the run.
    pub boot: String,
    /// When the dead man's switch discards the run, in seconds since boot.
    pub deadline: u64,
}

/// The time span of a trial. It uses the time since boot, which a change of the clock does not affect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The boot in which the trial began. A reboot ends the trial.
    pub boot: String,
    /// The end of the trial, in seconds since boot.
    pub until: u64,
}

/// A handover that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastHandover {
    /// Its time, in seconds since 1970; `status` shows it.
    pub at: u64,
    /// The old run.
    pub from: String,
    /// The new run.
    pub to: String,
}

/// A failed command or release; `status` shows the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its time, in seconds since 1970.
    pub at: u64,
    /// The action that failed: `stage`, `commit`, …
    pub during: String,
    /// The reason, in one line.
    pub reason: String,
}

impl Failure {
    /// Returns a failure at this moment. Joins the lines of the reason to one line, and shortens this line.
    pub fn of(system: &System, during: &str, reason: &str) -> Self {
        let mut line: String = reason
            .lines()
            .map(|line| plain(line.trim()))
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("; ");
        if let Some((end, _)) = line.char_indices().nth(REASON_CHARACTERS) {
            line.truncate(end);
            line.push('…');
        }
        Self {
            at: system.commands().unix_time(),
            during: during.to_owned(),
            reason: line,
        }
    }
}

impl Run {
    /// Returns the unit of this run.
    pub fn unit(&self) -> String {
        layout::app_unit(&self.run)
    }

    /// Returns the release that EB has deployed: the run's own release, unless properties have rotated since.
    pub fn deployed(&self) -> &str {
        self.copy_of.as_ref().unwrap_or(&self.release)
    }
}

impl State {
    /// Returns the state of an instance before the first version.
    pub fn new(front: FrontMode) -> Self {
        Self {
            version: VERSION,
            front,
            next_run: 1,
            current: None,
            previous: None,
            staged: None,
            discarded: None,
            instance: None,
            trial: None,
            rotated: BTreeSet::new(),
            handover: None,
            failure: None,
        }
    }

    /// Reads the state. A missing file means a new instance.
    pub fn load(system: &System) -> Result<Self> {
        let read = || match system.read(layout::STATE)? {
            None => Ok(Self::new(system.settings()?.front.mode)),
            Some(content) => Self::parse(&content),
        };
        read().with_context(|| {
            format!(
                "cannot use the state file {0}; move it away (`mv {0} {0}.bad`) and \
                 deploy again; flipless then finds the active runs without it",
                layout::STATE
            )
        })
    }

    /// Replaces the state on disk.
    pub fn save(&self, system: &System) -> Result<()> {
        let mut content = serde_json::to_vec_pretty(self).context("cannot write the state")?;
        content.push(b'\n');
        system.write(layout::STATE, &content, 0o600)
    }

    /// Creates a run of a release, with the next number.
    pub fn new_run(&mut self, release: &str, now: u64) -> Run {
        let number = self.next_run;
        self.next_run += 1;
        Run {
            release: release.to_owned(),
            run: format!("{release}-{number}"),
            since: now,
            copy_of: None,
        }
    }

    /// Marks the staged run as discarded, because its deployment failed or did not end.
    pub fn discard_staged(&mut self) {
        self.discarded = self.staged.take().map(|staged| staged.run);
    }

    /// Returns the releases that must stay on the disk.
    pub fn releases_in_use(&self) -> Vec<&str> {
        let staged = self.staged.as_ref().map(|staged| &staged.run);
        let runs = [self.current.as_ref(), self.previous.as_ref(), staged];
        runs.into_iter()
            .flatten()
            .map(|run| run.release.as_str())
            .collect()
    }

    fn parse(content: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(content)?;
        if version > VERSION {
            bail!(
                "its format has version {version}, but this agent supports only version {VERSION}; \
                 deploy a newer bundle"
            );
        }
        let state: Self = serde_json::from_slice(content)?;
        state.check()?;
        Ok(state)
    }

    /// Checks every name in the state. The names become parts of paths and of unit names, so a damaged name must
    /// not lead to another folder.
    fn check(&self) -> Result<()> {
        let staged = self.staged.as_ref().map(|staged| &staged.run);
        let discarded = self.discarded.as_ref();
        let runs = [
            self.current.as_ref(),
            self.previous.as_ref(),
            staged,
            discarded,
        ];
        for Run { release, run, .. } in runs.into_iter().flatten() {
            if parse_run(run).is_none_or(|(of, _)| of != release) {
                bail!("{run:?} is not a run of the release {release:?}");
            }
        }
        let handover = self.handover.iter();
        for run in handover.flat_map(|handover| [&handover.from, &handover.to]) {
            if parse_run(run).is_none() {
                bail!("{run:?} is not a run");
            }
        }
        if self.next_run > HIGHEST_RUN {
            bail!("{} is too high for the number of a run", self.next_run);
        }
        Ok(())
    }
}

/// Splits the name of a run, `RELEASE-N`, into release and number; `None` if the name has another form.
pub fn parse_run(run: &str) -> Option<(&str, u64)> {
    let (release, number) = run.rsplit_once('-')?;
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
    let number = number.parse().ok().filter(|_| plain(number))?;
    (plain(release) && number <= HIGHEST_RUN).then_some((release, number))
}

#[cfg(test)]
mod tests;
