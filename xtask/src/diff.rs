//! `cargo xtask diff`: what changed between two bundles.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::{print, println};
use anyhow::{Result, bail};
use serde::Serialize;

use crate::bundle::{Bundle, manifest};
use crate::ui;

mod entries;
mod manifests;

/// `cargo xtask diff`
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The older bundle
    #[arg(value_name = "A.ZIP", value_parser = crate::arguments::existing_file)]
    old: PathBuf,
    /// The newer bundle
    #[arg(value_name = "B.ZIP", value_parser = crate::arguments::existing_file)]
    new: PathBuf,
    /// Exit with 1 when anything differs, as `git diff` does
    #[arg(long)]
    exit_code: bool,
    /// Print the differences as JSON
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
The manifests beside the zips (A.json, B.json) are compared, too, where both are there: commit,
compiler, target and whatever else `dist` wrote there. Not what follows from the content (sizes,
digests, label), nor the checks, which depend on the machine.

Exit status: 0 compared; with --exit-code, 0 the same, 1 something differs; 2 not compared.";

/// All that differs.
#[derive(Serialize)]
struct Differences {
    /// None: not both have one.
    manifest: Option<Vec<manifests::Difference>>,
    entries: Vec<entries::Difference>,
}

/// Compares two bundles and prints what differs. An error has its own exit status, as with diff(1): it
/// must not be taken for a difference.
pub fn run(args: &Args) -> Result<ExitCode> {
    let differ = compare(args).and_then(|differences| differences.print(args.json));
    Ok(match differ {
        Ok(true) if args.exit_code => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            ui::error(&error);
            ExitCode::from(2)
        }
    })
}

fn compare(args: &Args) -> Result<Differences> {
    let (old, new) = (open(&args.old)?, open(&args.new)?);
    let old_manifest = manifest::whole(&args.old, old.zip_bytes)?;
    let new_manifest = manifest::whole(&args.new, new.zip_bytes)?;
    for (zip, manifest) in [(&args.old, &old_manifest), (&args.new, &new_manifest)] {
        if manifest.is_none() {
            let path = zip.with_extension("json");
            ui::warning(format!("no {}: manifests not compared", path.display()));
        }
    }
    let manifests = old_manifest.zip(new_manifest);
    Ok(Differences {
        manifest: manifests.map(|(old, new)| manifests::compare(&old, &new)),
        entries: entries::compare(&old, &new),
    })
}

/// What can't be read whole is not compared: a difference would be missing in silence.
fn open(path: &Path) -> Result<Bundle> {
    let bundle = Bundle::open(path)?;
    match &bundle.fault {
        Some(fault) => bail!("{}: {fault}", path.display()),
        None => Ok(bundle),
    }
}

impl Differences {
    /// Is there any?
    fn print(&self, json: bool) -> Result<bool> {
        let fields = self.manifest.as_deref().unwrap_or_default();
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
        } else {
            fields
                .iter()
                .for_each(|field| print!("{}", field.describe()));
            self.entries
                .iter()
                .for_each(|entry| print!("{}", entry.describe()));
        }
        let (entries, fields) = (self.entries.len(), fields.len());
        let counts = format!("{entries} entries and {fields} fields of the manifest differ");
        ui::status("Compared", counts);
        Ok(entries + fields > 0)
    }
}
