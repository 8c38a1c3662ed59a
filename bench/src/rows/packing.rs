//! Compares the packing of `dist` with Info-ZIP, both at level 9. Both pack 400 MB of real files: many small texts and
//! one large file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::context::{Context, cargo, workspace};
use crate::figure::{Budget, Figure, MIB, Pair};
use crate::files::gather;
use crate::measurement::Measurement;
use crate::process::{self, Process, bound, require};
use crate::row::{Row, Samples, Trouble};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        Row {
            name: "pack-time",
            what: "time to pack 400 MB: Info-ZIP divided by `dist`, both with level 9",
            unit: "s",
            figure: Figure::Speedup,
            budget: Budget::AtLeast(1.8),
        },
        Row {
            name: "pack-size",
            what: "size of the zip of 400 MB, against Info-ZIP",
            unit: "MiB",
            figure: Figure::Ratio,
            budget: Budget::AtMost(1.01),
        },
        Row {
            name: "pack-memory",
            what: "peak resident memory of `dist` while it packs 400 MB, beside Info-ZIP's",
            unit: "MiB",
            figure: Figure::Alone,
            budget: Budget::AtMost(64.0),
        },
    ],
    samples,
};

/// The beginning of a `flipless.toml` for a bundle whose server is /bin/true. [`dist`] adds the end of the list
/// `include`.
const CONFIG: &str =
    "[app]\nname = \"packing\"\n[server]\ncommand = \"bin/true\"\n[bundle]\ninclude = [\"bin\"";

/// The cost of packing.
struct Packed {
    seconds: f64,
    bytes: f64,
    memory: f64,
}

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    require("zip", "zip")?;
    let folder = context.scratch.path().join("packing");
    let files = folder.join("files");
    gather(&files)?;
    fs::create_dir_all(folder.join("bin")).context("cannot make a folder")?;
    let server = folder.join("bin/true");
    fs::copy("/bin/true", &server).context("cannot copy /bin/true")?;
    let xtask = xtask()?;
    let without = dist(&xtask, &folder, "]\n")?;
    // One sample takes half a minute.
    let runs = context.runs.min(3);
    let pairs = (0..runs).map(|_| {
        let ours = dist(&xtask, &folder, ", \"files\"]\n")?;
        let peer = info_zip(&files, &folder.join("peer.zip"))?;
        let bytes = ours.bytes - without.bytes;
        anyhow::Ok((Packed { bytes, ..ours }, peer))
    });
    let pairs: Vec<_> = pairs.collect::<anyhow::Result<_>>()?;
    let row = |of: fn(&Packed) -> f64| -> Samples {
        let pair = |(ours, peer): &(Packed, Packed)| Pair {
            ours: of(ours),
            peer: of(peer),
        };
        pairs.iter().map(pair).collect::<Vec<_>>().into()
    };
    Ok(vec![
        row(|one| one.seconds),
        row(|one| one.bytes / MIB),
        row(|one| one.memory / MIB),
    ])
}

/// Builds the program that `cargo xtask` runs, and returns its path.
fn xtask() -> anyhow::Result<PathBuf> {
    process::stdout(cargo().args(["build", "--quiet", "--package", "xtask"]))?;
    let path = workspace().join("target/debug/xtask");
    ensure!(path.exists(), "{} does not exist", path.display());
    Ok(path)
}

/// Runs `dist`, and returns the cost of packing. The status lines of `dist` show when the packing begins and ends.
fn dist(xtask: &Path, folder: &Path, included: &str) -> anyhow::Result<Packed> {
    let (config, out) = (folder.join("flipless.toml"), folder.join("out"));
    fs::write(&config, format!("{CONFIG}{included}"))?;
    let mut command = bound(xtask);
    command
        .current_dir(workspace())
        .args(["dist", "--config"])
        .arg(&config)
        .arg("--out")
        .arg(&out);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut process = Process(child);
    let stderr = process
        .0
        .stderr
        .take()
        .context("the standard error is not captured")?;
    let (mut began, mut packed, mut text) = (None, None, String::new());
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        match line.split_whitespace().next() {
            Some("Packing") => began = Some(Instant::now()),
            Some("Checking") => {
                let seconds = began.map_or(f64::NAN, |began| began.elapsed().as_secs_f64());
                packed = Some((seconds, process.peak()?));
            }
            _ => {}
        }
        text.push_str(&line);
        text.push('\n');
    }
    ensure!(process.ended()?.success(), "`dist` failed: {text}");
    let (seconds, memory) = packed.context("`dist` printed no line `Checking`")?;
    let zip = fs::metadata(out.join("packing-x86_64.zip"))?;
    Ok(Packed {
        seconds,
        memory,
        bytes: zip.len() as f64,
    })
}

fn info_zip(files: &Path, zip: &Path) -> anyhow::Result<Packed> {
    let _ = fs::remove_file(zip);
    let mut command = bound("zip");
    command
        .current_dir(files)
        .args(["-9", "-q", "-r", "-X"])
        .arg(zip)
        .arg(".");
    let began = Instant::now();
    let mut process = Process(command.spawn().context("cannot run zip")?);
    let mut memory = 0.0_f64;
    process::wait_for_long("end of zip", || {
        memory = memory.max(process.peak().unwrap_or(0.0));
        Ok(process.0.try_wait()?)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Packed {
        seconds,
        memory,
        bytes: fs::metadata(zip)?.len() as f64,
    })
}
