//! The manifest that `dist` puts beside a zip: what the zip is meant for.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::bundle::Meter;
use super::elf::Arch;
use super::outcome::Check;
use crate::ui;

const NAME: &str = "manifest";
/// Bytes of a manifest that are read.
const MOST: u64 = 64 << 20;
const WAY_OUT: &str = "build both again: `cargo xtask dist`; or remove the manifest";

#[derive(Deserialize)]
struct Manifest {
    sha256: String,
    bytes: u64,
    target: String,
}

/// The processor that the manifest beside `zip` names, and whether it is this zip's.
pub fn beside(zip: &Path, zip_bytes: u64) -> (Option<Arch>, Check) {
    let path = zip.with_extension("json");
    let shown = path.display();
    let Ok(file) = File::open(&path) else {
        let why = format!("no {shown}; the agent's processor is taken for the instances'");
        return (None, Check::skipped(NAME, why));
    };
    let manifest: Manifest = match parse(file) {
        Ok(manifest) => manifest,
        Err(error) => return (None, Check::of(NAME, vec![format!("{shown}: {error}")], "")),
    };
    let arch = manifest.target.split('-').next().and_then(Arch::from_name);
    let findings = manifest.is_of_another(zip, zip_bytes);
    let findings = findings.into_iter().collect();
    let check = Check::of(NAME, findings, format!("for {}", manifest.target));
    (arch, check.with_hint(WAY_OUT))
}

/// The whole manifest beside `zip`; none if there is none.
///
/// # Errors
/// When it can't be read, is no manifest, or is another zip's.
pub fn whole(zip: &Path, zip_bytes: u64) -> Result<Option<Value>> {
    let path = zip.with_extension("json");
    let context = || format!("cannot read {}", path.display());
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(context)?,
    };
    let value: Value = parse(file).with_context(context)?;
    let manifest = Manifest::deserialize(&value).with_context(context)?;
    match manifest.is_of_another(zip, zip_bytes) {
        Some(finding) => Err(ui::advised(finding, [WAY_OUT])),
        None => Ok(Some(value)),
    }
}

impl Manifest {
    /// Says so, if it does not describe this zip.
    fn is_of_another(&self, zip: &Path, zip_bytes: u64) -> Option<String> {
        let same = self.bytes == zip_bytes && sha256(zip).is_ok_and(|sum| sum == self.sha256);
        let path = zip.with_extension("json");
        (!same).then(|| format!("{} describes another zip than this one", path.display()))
    }
}

fn parse<T: DeserializeOwned>(file: File) -> serde_json::Result<T> {
    serde_json::from_reader(io::BufReader::new(file.take(MOST)))
}

fn sha256(zip: &Path) -> io::Result<String> {
    let mut meter = Meter::new(File::open(zip)?);
    io::copy(&mut meter, &mut io::sink())?;
    Ok(meter.sha256())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_manifest_tells_the_target_and_belongs_to_one_zip() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("a.zip");
        std::fs::write(&zip, "abc").unwrap();
        let checked = || beside(&zip, 3);
        assert_eq!(checked().1.ok, None, "there is none");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let manifest = |sha256: &str, bytes: u64| {
            let target = "aarch64-unknown-linux-gnu";
            let json = serde_json::json!({"sha256": sha256, "bytes": bytes, "target": target});
            std::fs::write(zip.with_extension("json"), json.to_string()).unwrap();
        };
        manifest(abc, 3);
        let (arch, check) = checked();
        assert_eq!((arch, check.ok), (Some(Arch::Aarch64), Some(true)));
        for (sha256, bytes) in [(abc, 4), (&abc.replace('b', "c"), 3)] {
            manifest(sha256, bytes);
            assert!(checked().1.failed());
        }
        std::fs::write(zip.with_extension("json"), "{}").unwrap();
        assert!(checked().1.failed());
    }
}
