//! `eb-engine.log`, and the engine's history: its instructions and commands, on the load's clock.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock::Clock;
use crate::instruction::Instruction;

/// The history of the engine.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The instructions in order.
    pub instructions: Vec<Instruction>,
    /// The engine's own commands, as given to `/bin/sh -c`, with their start times.
    pub commands: Vec<(Duration, String)>,
    /// The parts of the bundles that the model left out.
    pub left_out: Vec<String>,
}

/// Writes the log and keeps the history.
#[derive(Debug)]
pub(super) struct Log {
    pub clock: Clock,
    pub history: History,
    deployments: u32,
}

/// The level of a log line.
#[derive(Debug, Clone, Copy)]
pub(super) enum Level {
    Info,
    Warn,
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        })
    }
}

impl Log {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            history: History::default(),
            deployments: 0,
        }
    }

    /// Begins the log of the next command.
    pub fn begin_deployment(&mut self) {
        self.deployments += 1;
    }

    /// The path of the last command's log. EB names the file after the id of the command's request.
    pub fn of_deployment(&self) -> String {
        let request = self.deployments;
        format!("/var/log/deployments/eb-deployment-{request:08}-0000-0000-0000-000000000000.log")
    }

    /// Appends a line to the instance's `eb-engine.log`.
    pub fn line(&self, root: &Path, level: Level, text: impl fmt::Display) -> io::Result<()> {
        let mut file = append(&root.join("var/log/eb-engine.log"))?;
        writeln!(file, "{} [{level}] {text}", timestamp(SystemTime::now()))
    }

    /// Adds a command to the history and the log, before the command runs.
    pub fn command(&mut self, root: &Path, line: &str) -> io::Result<()> {
        self.history
            .commands
            .push((self.clock.now(), line.to_owned()));
        self.line(
            root,
            Level::Info,
            format_args!("Running command /bin/sh -c {line}"),
        )
    }
}

/// Appends a line to a log.
pub(super) fn append_line(path: &Path, line: &str) -> io::Result<()> {
    writeln!(append(path)?, "{line}")
}

/// Opens a log for appending, and makes its folder.
pub(super) fn append(path: &Path) -> io::Result<File> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    File::options().create(true).append(true).open(path)
}

/// Formats a time in UTC, such as `2020/10/24 18:34:05.719900`.
pub(super) fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let micros = since.subsec_micros();
    format!("{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}")
}

/// Returns the Gregorian date (year, month, day) that is `days` after 1970-01-01. Counts in years that begin in March
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_look_as_in_eb_engine_log() {
        let time = UNIX_EPOCH + Duration::from_micros(1_603_564_445_719_900);
        assert_eq!(timestamp(time), "2020/10/24 18:34:05.719900");
        let leap = UNIX_EPOCH + Duration::from_secs(1_709_164_800);
        assert_eq!(timestamp(leap), "2024/02/29 00:00:00.000000");
    }
}
