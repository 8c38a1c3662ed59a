//! What was made, for machines.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::provenance::Provenance;
use crate::bundle::Bundle;
use crate::check::Check;
use crate::files;

/// `cargo xtask dist --json`, and the `.json` beside the zip.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// The zip: its name in the file beside it, its path on standard output.
    pub zip: String,
    /// The SBOM beside the zip, named in the same way.
    pub sbom: String,
    /// Of the zip, in hex.
    pub sha256: String,
    /// Of the zip.
    pub bytes: u64,
    /// EB's version label: changes with the content.
    pub label: String,
    /// The server's target triple.
    pub target: String,
    /// Commit, compiler, glibc.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// What is in the zip, as read back from it.
    pub entries: Vec<ManifestEntry>,
    /// What was checked.
    pub checks: Vec<Check>,
}

/// A file of the zip.
#[derive(Debug, Clone, Serialize)]
pub struct ManifestEntry {
    path: String,
    mode: String,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Describes the finished zip; `name` is NAME-VERSION-ARCH.
    ///
    /// # Errors
    /// When the zip can't be read.
    pub fn new(
        zip: &Path,
        name: &str,
        target: &str,
        provenance: Provenance,
        bundle: &Bundle,
        checks: Vec<Check>,
    ) -> Result<Self> {
        let sha256 = files::sha256(zip)?;
        let without_arch = name.rsplit_once('-').map_or(name, |(start, _)| start);
        let entries = bundle.entries.iter().map(|entry| ManifestEntry {
            path: entry.name.clone(),
            mode: format!("{:04o}", entry.mode.unwrap_or(0) & 0o7777),
            bytes: entry.bytes,
            sha256: entry.sha256.clone(),
        });
        Ok(Self {
            zip: format!("{name}.zip"),
            sbom: format!("{name}.cdx.json"),
            bytes: bundle.zip_bytes,
            label: format!("{without_arch}-{}", &sha256[..12]),
            target: target.to_owned(),
            provenance,
            entries: entries.collect(),
            checks,
            sha256,
        })
    }

    /// SHA-256 of each entry, by its name.
    pub fn hashes(&self) -> BTreeMap<&str, &str> {
        let entries = self.entries.iter();
        let pairs = entries.map(|entry| (entry.path.as_str(), entry.sha256.as_str()));
        pairs.collect()
    }

    /// The same, with the paths of the zip and of what lies beside it.
    pub fn at(&self, path: &Path) -> Self {
        Self {
            zip: path.display().to_string(),
            sbom: path.with_file_name(&self.sbom).display().to_string(),
            ..self.clone()
        }
    }

    /// As text.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}
