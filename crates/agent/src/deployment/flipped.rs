//! The bundle that EB has flipped to, in `/var/app/current`.
//!
//! `stage` writes the marker with the run's name into the unpacked bundle. EB's own rename moves the marker to
//! `/var/app/current`. EB may make the application's user the owner of that folder, so the agent only trusts
//! a marker that agrees with the state file, which only root can write.

use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::layout;

use super::state::{Run, parse_run};
use crate::instance::paths::{FLIPPED, FLIPPED_AGENT, STAGED};
use crate::instance::system::System;

/// The second line of the marker that [`disown`] writes. A reboot does not make this marker invalid.
pub const OF_ANOTHER_INSTANCE: &str = "of another instance";

/// The bundle that EB has flipped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flipped {
    /// There is no complete bundle. The instance is new, or EB's flip ended before the rename, for example in a power
    /// cut.
    Nothing,
    /// The bundle is without flipless.
    Foreign,
    /// The bundle contains flipless, but no valid marker.
    Unmarked,
    /// The marker names this run.
    Run(String),
}

/// Returns which bundle EB has flipped to.
pub fn flipped(system: &System) -> Flipped {
    let marker = system.read_in(Path::new(FLIPPED), layout::MARKER);
    let marker = marker.ok().flatten().and_then(|content| {
        let content = String::from_utf8(content).ok()?;
        let run = content.lines().next()?.trim().to_owned();
        parse_run(&run).is_some().then_some(run)
    });
    match marker {
        Some(run) => Flipped::Run(run),
        None if system.exists(FLIPPED_AGENT) => Flipped::Unmarked,
        // EB removes the old folder file by file before it renames the new one. So while `/var/app/staging` exists,
        // `/var/app/current` may be half removed.
        None if system.exists(FLIPPED) && !system.exists(STAGED) => Flipped::Foreign,
        None => Flipped::Nothing,
    }
}

/// Returns whether EB has flipped to this staged run.
pub fn is_to(system: &System, run: &Run) -> bool {
    flipped(system) == Flipped::Run(run.run.clone())
}

/// Writes the marker of this run into an unpacked bundle. The second line is the boot's identity. A reboot ends a
/// deployment. So this line shows the stand-in whether the deployment may still be in progress
/// (`commands/stand_in.rs`).
pub fn mark(system: &System, bundle: &Path, run: &Run) -> Result<()> {
    let boot = system.commands().boot_id();
    let boot = boot.context("cannot read the boot's identity")?;
    let content = format!("{}\n{boot}\n", run.run);
    system.write(bundle.join(layout::MARKER), content.as_bytes(), 0o644)
}

/// Marks the bundle in `/var/app/current` as that of another instance. Without flipless's drop-in, EB's web.service
/// would run the server of that bundle. With this marker the process of web.service stays idle
/// (`commands/stand_in.rs`).
pub fn disown(system: &System) -> Result<()> {
    let bundle = Path::new(FLIPPED);
    match flipped(system) {
        Flipped::Run(_) | Flipped::Unmarked => {
            let content = format!("\n{OF_ANOTHER_INSTANCE}\n");
            system.write(bundle.join(layout::MARKER), content.as_bytes(), 0o644)
        }
        Flipped::Foreign | Flipped::Nothing => Ok(()),
    }
}

/// Removes the marker from a bundle, and a half-written marker, too. The bundle then belongs to no run.
pub fn unmark(system: &System, bundle: &Path) -> Result<()> {
    system.remove(bundle.join(format!("{}.new", layout::MARKER)))?;
    system.remove(bundle.join(layout::MARKER))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn a_bundle_is_recognized_by_its_marker_and_its_agent() {
        let instance = Instance::new();
        let system = &instance.system;
        assert_eq!(flipped(system), Flipped::Nothing);
        system
            .write(format!("{FLIPPED}/Procfile"), b"web: x", 0o644)
            .unwrap();
        assert_eq!(flipped(system), Flipped::Nothing, "it may be half removed");
        system.remove(STAGED).unwrap();
        assert_eq!(flipped(system), Flipped::Foreign);
        system.write(FLIPPED_AGENT, b"", 0o755).unwrap();
        assert_eq!(flipped(system), Flipped::Unmarked);
        let run = Run {
            release: "abc".into(),
            run: "abc-7".into(),
            since: 0,
            copy_of: None,
        };
        mark(system, Path::new(FLIPPED), &run).unwrap();
        assert_eq!(flipped(system), Flipped::Run("abc-7".into()));
        assert!(is_to(system, &run));
        unmark(system, Path::new(FLIPPED)).unwrap();
        assert_eq!(flipped(system), Flipped::Unmarked);
    }

    #[test]
    fn a_marker_that_is_no_run_marks_nothing() {
        for content in [&b""[..], b"../../etc-1", b"abc", b"\xff-1", b"abc-1 abc-2"] {
            let instance = Instance::new();
            let system = &instance.system;
            system.write(FLIPPED_AGENT, b"", 0o755).unwrap();
            let marker = format!("{FLIPPED}/{}", layout::MARKER);
            system.write(&marker, content, 0o644).unwrap();
            assert_eq!(flipped(system), Flipped::Unmarked, "{content:?}");
            system.remove(&marker).unwrap();
            system.link(Path::new("/etc/passwd"), &marker).unwrap();
            assert_eq!(flipped(system), Flipped::Unmarked, "a link");
        }
    }
}
