//! Checks that the manifest beside a zip belongs to the zip, and reads the processor from it.

use std::path::Path;

use super::outcome::Check;
use crate::arch::Arch;
use crate::bundle::manifest::{HINT, Purpose};

const NAME: &str = "manifest";

/// The processor that the manifest beside `zip` names, and the check that the manifest belongs to the zip.
pub fn beside(zip: &Path, zip_bytes: u64) -> (Option<Arch>, Check) {
    let path = zip.with_extension("json");
    let shown = path.display();
    let purpose = match Purpose::beside(zip) {
        Ok(Some(purpose)) => purpose,
        Ok(None) => {
            let why = format!("no {shown}; assuming that the instances have the agent's processor");
            return (None, Check::skipped(NAME, why));
        }
        Err(error) => return (None, Check::of(NAME, vec![format!("{shown}: {error}")], "")),
    };
    let arch = purpose.target.split('-').next().and_then(Arch::from_name);
    let findings = purpose.is_of_another(zip, zip_bytes);
    let findings = findings.into_iter().collect();
    let check = Check::of(NAME, findings, format!("for {}", purpose.target));
    (arch, check.with_hint(HINT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_manifest_names_the_target_and_belongs_to_one_zip() {
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
