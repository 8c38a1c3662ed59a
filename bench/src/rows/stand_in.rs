//! The memory of a stand-in against that of the smallest idle program: `sleep infinity`.

use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::context::Context;
use crate::figure::{Budget, Figure, MIB, Pair};
use crate::measurement::Measurement;
use crate::process::{Process, bound, require, wait_for};
use crate::row::{Row, Samples, Trouble};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[Row {
        name: "stand-in-memory",
        what: "resident memory of a stand-in against `sleep infinity`",
        unit: "MiB",
        figure: Figure::Ratio,
        budget: Budget::AtMost(0.7),
    }],
    samples,
};

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    require("unzip", "unzip")?;
    let agent = context.shipped("flipless")?;
    let pairs = context.each_run(|_| {
        let ours = idle(bound(&agent).args(["stand-in", "web"]))?;
        let peer = idle(bound("sleep").arg("infinity"))?;
        anyhow::Ok(Pair { ours, peer })
    })?;
    Ok(vec![pairs.into()])
}

/// Starts a program, and returns its resident memory once it sleeps.
fn idle(command: &mut Command) -> anyhow::Result<f64> {
    let command = command.stdin(Stdio::null()).stderr(Stdio::null());
    let process = Process(command.spawn().context("cannot start an idle program")?);
    let pid = process.0.id();
    // Both programs sleep only after their start is complete.
    wait_for("idle program", || {
        let wait = std::fs::read_to_string(format!("/proc/{pid}/wchan"))?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let sleeps = name
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('S'));
        Ok((sleeps && !wait.is_empty()).then_some(()))
    })?;
    Ok(process.resident()? / MIB)
}
