//! What the agent knows: one small file, replaced whole.

use anyhow::{Context, Result, bail};
use flipless_settings::{FrontMode, layout};
use serde::{Deserialize, Serialize};

use crate::instance::output::plain;
use crate::instance::system::System;

/// The format's version; a file of a later one is refused.
const VERSION: u32 = 1;
/// No instance comes near: room to count on.
const HIGHEST_RUN: u64 = 1 << 48;
/// As much of a failure's reason as is kept.
const REASON_CHARACTERS: usize = 600;

/// The state file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// The front mode of what is installed.
    pub front: FrontMode,
    /// The number that the next run gets. Never used twice.
    pub next_run: u64,
    /// The run that serves, also after a boot.
    pub current: Option<Run>,
    /// The release that `rollback` goes back to.
    pub previous: Option<Run>,
    /// A run that is ready and held: EB has not flipped to it yet.
    pub staged: Option<Staged>,
    /// The run of the last deployment, if it was discarded: a flip to it must fail.
    #[serde(default, rename = "given_up")]
    pub discarded: Option<Run>,
    /// While the current release is new: too many crashes bring the previous one back.
    #[serde(default)]
    pub trial: Option<Trial>,
    /// The last time that one run took over from another.
    #[serde(default)]
    pub handover: Option<LastHandover>,
    /// The last thing that went wrong.
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
    /// When it was first started, in seconds since 1970.
    pub since: u64,
}

/// A run between `stage` and the flip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    #[serde(flatten)]
    pub run: Run,
    /// The boot it was staged in: it does not outlive a reboot.
    pub boot: String,
    /// Seconds since boot after which it is discarded.
    pub deadline: u64,
}

/// A span of time on one boot's own clock: no clock change moves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The boot it began in; it does not outlive a reboot.
    pub boot: String,
    /// Seconds since boot after which it is over.
    pub until: u64,
}

/// One run took over from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastHandover {
    /// Seconds since 1970, for people.
    pub at: u64,
    /// The run that drains, or has drained.
    pub from: String,
    /// The run that serves since.
    pub to: String,
}

/// Something went wrong, and nothing was lost by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Seconds since 1970, for people.
    pub at: u64,
    /// What was being done: `stage`, `commit`, …
    pub during: String,
    /// Why it failed, in one line.
    pub reason: String,
}

impl Failure {
    /// A failure now; its reason becomes one line, and not a long one.
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
    /// The unit that runs it.
    pub fn unit(&self) -> String {
        layout::app_unit(&self.run)
    }
}

impl State {
    /// The state of an instance that is new to flipless.
    pub fn new(front: FrontMode) -> Self {
        Self {
            version: VERSION,
            front,
            next_run: 1,
            current: None,
            previous: None,
            staged: None,
            discarded: None,
            trial: None,
            handover: None,
            failure: None,
        }
    }

    /// Reads the state; none yet means a new instance.
    pub fn load(system: &System) -> Result<Self> {
        let read = || match system.read(layout::STATE)? {
            None => Ok(Self::new(system.settings()?.front.mode)),
            Some(content) => Self::parse(&content),
        };
        read().with_context(|| {
            format!(
                "the state file {0} can't be used; move it away (`mv {0} {0}.bad`) and \
                 deploy again; flipless finds the active runs without it",
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

    /// A new run of a release, numbered.
    pub fn new_run(&mut self, release: &str, now: u64) -> Run {
        let number = self.next_run;
        self.next_run += 1;
        Run {
            release: release.to_owned(),
            run: format!("{release}-{number}"),
            since: now,
        }
    }

    /// What is staged will not be current: its deployment failed, or did not end.
    pub fn discard_staged(&mut self) {
        self.discarded = self.staged.take().map(|staged| staged.run);
    }

    /// Releases that must stay on the disk.
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
                "it has version {version}, and this agent knows version {VERSION}; deploy a newer bundle"
            );
        }
        let state: Self = serde_json::from_slice(content)?;
        state.check()?;
        Ok(state)
    }

    /// What it names becomes parts of paths and of unit names: nothing in it may lead elsewhere.
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
            bail!("{} is no number for a run", self.next_run);
        }
        Ok(())
    }
}

/// The release and the number of a run, `RELEASE-N`; `None` if it is none.
pub fn parse_run(run: &str) -> Option<(&str, u64)> {
    let (release, number) = run.rsplit_once('-')?;
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
    let number = number.parse().ok().filter(|_| plain(number))?;
    (plain(release) && number <= HIGHEST_RUN).then_some((release, number))
}

#[cfg(test)]
mod tests;
