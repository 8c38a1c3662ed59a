//! The manifest that `dist` writes beside a zip.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{files, ui};

/// The most bytes of a manifest that are read.
const MOST: u64 = 64 << 20;
/// The hint for a manifest that does not belong to its zip.
pub const HINT: &str = "build both again with `cargo xtask dist`, or remove the manifest";

/// The part of the manifest that says for which target the zip is.
#[derive(Debug, Deserialize)]
pub struct Purpose {
    sha256: String,
    bytes: u64,
    /// The server's target triple.
    pub target: String,
}

impl Purpose {
    /// Reads the manifest beside `zip`; `None` if there is none.
    ///
    /// # Errors
    /// If the file can't be read, or is not a manifest.
    pub fn beside(zip: &Path) -> io::Result<Option<Self>> {
        match File::open(zip.with_extension("json")) {
            Ok(file) => Ok(Some(parse(file)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns a finding if the manifest describes another zip than this one.
    pub fn is_of_another(&self, zip: &Path, zip_bytes: u64) -> Option<String> {
        let same =
            self.bytes == zip_bytes && files::sha256(zip).is_ok_and(|sum| sum == self.sha256);
        let path = zip.with_extension("json");
        (!same).then(|| format!("{} describes another zip than this one", path.display()))
    }
}

/// The whole manifest beside `zip`; `None` if there is none.
///
/// # Errors
/// If the file can't be read, is not a manifest, or describes another zip.
pub fn whole(zip: &Path, zip_bytes: u64) -> Result<Option<Value>> {
    let path = zip.with_extension("json");
    let context = || format!("cannot read {}", path.display());
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(context)?,
    };
    let value: Value = parse(file).with_context(context)?;
    let purpose = Purpose::deserialize(&value).with_context(context)?;
    match purpose.is_of_another(zip, zip_bytes) {
        Some(finding) => Err(ui::advised(finding, [HINT])),
        None => Ok(Some(value)),
    }
}

fn parse<T: DeserializeOwned>(file: File) -> serde_json::Result<T> {
    serde_json::from_reader(io::BufReader::new(file.take(MOST)))
}
