//! `cargo xtask diff`: compares two bundles.

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
    /// Exit with 1 if anything differs, like `git diff --exit-code`
    #[arg(long)]
    exit_code: bool,
    /// Print the differences as JSON
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
If both zips have a manifest beside them (A.json, B.json), `diff` also compares the manifests: commit,
compiler, target and every other field. It leaves out the fields that follow from the content (sizes,
digests, label), and the checks, which depend on the machine.

Exit status: 0 if the bundles were compared; 2 if they could not be compared. With --exit-code, 1 if
anything differs.";

/// All differences.
#[derive(Serialize)]
struct Differences {
    /// `None` if one of the bundles has no manifest.
    manifest: Option<Vec<manifests::Difference>>,
    entries: Vec<entries::Difference>,
}

/// Compares two bundles and prints the differences. An error has its own exit status, as in diff(1), so that a caller
/// does not mistake an error for a difference.
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
            ui::warning(format!(
                "found no {}: the manifests are not compared",
                path.display()
            ));
        }
    }
    let manifests = old_manifest.zip(new_manifest);
    Ok(Differences {
        manifest: manifests.map(|(old, new)| manifests::compare(&old, &new)),
        entries: entries::compare(&old, &new),
    })
}

/// Opens a bundle. Refuses a zip with a fault, because `diff` could silently miss differences in it.
fn open(path: &Path) -> Result<Bundle> {
    let bundle = Bundle::open(path)?;
    match &bundle.fault {
        Some(fault) => bail!("{}: {fault}", path.display()),
        None => Ok(bundle),
    }
}

impl Differences {
    /// Prints the differences. Returns whether there are any.
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
