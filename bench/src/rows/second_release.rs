//! The second release of a bundle of 400 MB against a plain copy, on XFS as on Amazon Linux 2023. A test of the agent
//! plays EB's part, because only the agent's tests can run its functions on another file system.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::context::{Context, cargo};
use crate::figure::{Budget, Figure, Pair};
use crate::files::{gather, gather_large};
use crate::measurement::Measurement;
use crate::process::{self, require};
use crate::row::{Row, Samples, Trouble};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        Row {
            name: "second-release-time",
            what: "time of `stage` to make the second release of 400 MB (a few large files), beside `cp`; both until \
                   the files are on the disk",
            unit: "s",
            figure: Figure::Alone,
            budget: Budget::AtMost(1.0),
        },
        Row {
            name: "second-release-disk",
            what: "growth of the used disk space in this deployment, beside the size of a plain copy",
            unit: "MB",
            figure: Figure::Alone,
            budget: Budget::AtMost(5.0),
        },
        Row {
            name: "second-release-time-texts",
            what: "the same time if half of the 400 MB are small texts",
            unit: "s",
            figure: Figure::Alone,
            budget: Budget::AtMost(1.0),
        },
        Row {
            name: "second-release-disk-texts",
            what: "the growth of the used disk space for these files",
            unit: "MB",
            figure: Figure::Alone,
            budget: Budget::AtMost(5.0),
        },
    ],
    samples,
};

const TEST: &str = "deployment::release::tests::shared::measured::the_second_release";

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    require("mkfs.xfs", "xfsprogs")?;
    if !rustix::process::geteuid().is_root() {
        return Err(Trouble::Missing("root, to mount a file system".into()));
    }
    let folder = context.scratch.path().join("second-release");
    let (large, texts) = (folder.join("large"), folder.join("texts"));
    gather_large(&large)?;
    gather(&texts)?;
    let mut rows = of_files(context, &large)?;
    rows.extend(of_files(context, &texts)?);
    Ok(rows)
}

/// Returns the samples for the two rows about these files.
fn of_files(context: &Context, files: &Path) -> anyhow::Result<Vec<Samples>> {
    // One sample writes the files four times.
    let runs = context.runs.min(3);
    let runs = (0..runs).map(|_| {
        let mut test = cargo();
        test.args(["test", "--quiet", "--profile", "agent"])
            .args(["--package", "flipless-agent", "--bin", "flipless", "--"])
            .args(["--ignored", "--nocapture", "--exact", TEST])
            .env("FLIPLESS_BENCH_FILES", files);
        measured(&process::stdout(&mut test)?)
    });
    let runs: Vec<_> = runs.collect::<anyhow::Result<_>>()?;
    let row = |of: fn(&[f64; 4]) -> Pair| Samples::from(runs.iter().map(of).collect::<Vec<_>>());
    Ok(vec![
        row(|&[ours, peer, ..]| Pair { ours, peer }),
        row(|&[.., ours, peer]| Pair {
            ours: ours / 1e6,
            peer: peer / 1e6,
        }),
    ])
}

/// Parses the line that the test prints: the seconds of both sides, then the bytes of both sides.
fn measured(output: &str) -> anyhow::Result<[f64; 4]> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("measured: "));
    let words = line.with_context(|| format!("the test measured nothing: {output}"))?;
    let figures: Result<Vec<f64>, _> = words.split(' ').map(str::parse).collect();
    let figures = figures?;
    ensure!(figures.len() == 4, "cannot read {words}");
    Ok([figures[0], figures[1], figures[2], figures[3]])
}
