//! The manifest: a description of the bundle for programs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::provenance::Provenance;
use crate::bundle::Bundle;
use crate::check::Check;
use crate::files;

/// The output of `cargo xtask dist --json`, and the content of the `.json` file beside the zip.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// The zip: a name in the file beside the zip, and a path on standard output.
    pub zip: String,
    /// The SBOM beside the zip: a name or a path, as in `zip`.
    pub sbom: String,
    /// SHA-256 of the zip, in hex.
    pub sha256: String,
    /// The size of the zip in bytes.
    pub bytes: u64,
    /// EB's version label. It changes with the content.
    pub label: String,
    /// The server's target triple.
    pub target: String,
    /// Commit, compiler, glibc.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The files, as read back from the zip.
    pub entries: Vec<ManifestEntry>,
    /// The results of the checks.
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
    /// If the zip can't be read.
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

    /// SHA-256 of each entry, by the entry's name.
    pub fn hashes(&self) -> BTreeMap<&str, &str> {
        let entries = self.entries.iter();
        let pairs = entries.map(|entry| (entry.path.as_str(), entry.sha256.as_str()));
        pairs.collect()
    }

    /// Returns this manifest with paths instead of names for the zip and the SBOM.
    pub fn at(&self, path: &Path) -> Self {
        Self {
            zip: path.display().to_string(),
            sbom: path.with_file_name(&self.sbom).display().to_string(),
            ..self.clone()
        }
    }

    /// The manifest as JSON text.
    ///
    /// # Errors
    /// If the manifest can't be serialised. No such case is known.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}
