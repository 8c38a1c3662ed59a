//! `cargo xtask bench`: compares flipless with its peers. Each figure comes from both sides in one run on one
//! machine, so it does not depend on the machine's speed.
//!
//! `rows` → `server` → `load`: a module calls only modules to its right. Rows that need an instance boot one with the
//! package `rehearse` (`instance`).

mod context;
mod figure;
mod files;
mod instance;
mod load;
mod machine;
mod measurement;
mod page;
mod peer;
mod plot;
mod process;
mod progress;
mod result;
mod row;
mod rows;
mod server;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use context::Context;
use peer::Peer;
use rehearse::interruption;
use rehearse::machine::tear_down_on_signals;
use result::Report;

/// Compare flipless with its peers, in one run on this machine
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as an HTML page with a plot for each row
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// List the rows, and measure nothing
    #[arg(long)]
    list: bool,
    /// Measure only this row and the other rows of its measurement (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = rows::known)]
    row: Vec<String>,
    /// How many times to measure both sides; a row shows the median
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve as one of the peers
    #[command(hide = true)]
    Peer(Peer),
}

/// Exit status: 0 if every measured row meets its budget, 1 if a row misses its budget or its measurement fails, 2 for
/// a usage error. It is no failure if this machine lacks something that a row needs.
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Peer(peer)) = &arguments.command {
        return peer.serve();
    }
    if arguments.list {
        print!("{}", table::list());
        return ExitCode::SUCCESS;
    }
    let result = run(&arguments);
    interruption::hold();
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress::failure("error", format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures the chosen rows, and prints the report. Returns false if a row failed or missed its budget.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    tear_down_on_signals().context("cannot install signal handlers")?;
    let context = Context::new(arguments.runs)?;
    let mut results = Vec::new();
    for measurement in rows::chosen(&arguments.row) {
        results.extend(measurement.measure(&context));
    }
    let report = Report::new(results, arguments.runs);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::print!("{}", table::report(&report));
    }
    // The page comes last. If its path is not writable, the result is already printed.
    if let Some(path) = &arguments.report {
        fs::write(path, page::html(&report))
            .with_context(|| format!("cannot write the report {}", path.display()))?;
        progress::status("Wrote", path.display());
    }
    Ok(report.ok())
}
