//! `dist` with nothing to do against `cargo build` with nothing to do.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::ensure;

use crate::context::{Context, cargo, dist};
use crate::figure::{Budget, Figure, Pair};
use crate::measurement::Measurement;
use crate::row::{Row, Samples, Trouble};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[Row {
        name: "dist-idle",
        what: "`dist` with nothing to do minus `cargo build` with nothing to do",
        unit: "s",
        figure: Figure::Difference,
        budget: Budget::AtMost(0.3),
    }],
    samples,
};

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    let out = context.scratch.path().join("dist");
    let ours = || seconds(dist().arg("--out").arg(&out));
    let peer = || seconds(cargo().arg("build"));
    // The first call of each side compiles or packs something.
    ours()?;
    peer()?;
    let pairs = context.each_run(|_| {
        anyhow::Ok(Pair {
            ours: ours()?,
            peer: peer()?,
        })
    })?;
    Ok(vec![pairs.into()])
}

fn seconds(command: &mut Command) -> anyhow::Result<f64> {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let began = Instant::now();
    let output = command.output()?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(seconds)
}
