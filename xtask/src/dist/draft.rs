//! Writes the files of the output folder. Each file is replaced completely or not at all.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use super::manifest::Manifest;

/// A zip that is being written.
pub struct Draft {
    folder: PathBuf,
    zip: NamedTempFile,
}

impl Draft {
    /// Makes a temporary file in `folder`. Makes the folder if it does not exist.
    ///
    /// # Errors
    /// If the folder can't be made or written to.
    pub fn create(folder: &Path) -> Result<Self> {
        let context = || format!("cannot write to {}", folder.display());
        fs::create_dir_all(folder).with_context(context)?;
        let zip = temporary(folder).with_context(context)?;
        let folder = folder.to_owned();
        Ok(Self { folder, zip })
    }

    /// The zip, to write.
    pub fn zip(&mut self) -> &mut File {
        self.zip.as_file_mut()
    }

    /// The zip, to read.
    pub fn zip_path(&self) -> &Path {
        self.zip.path()
    }

    /// Renames the zip, checksum, manifest and SBOM to their final names. All four files are on disk before the first
    /// rename. Returns the path of the zip.
    ///
    /// # Errors
    /// If the disk is full, or one of the names is a folder.
    pub fn publish(self, manifest: &Manifest, sbom: &str) -> Result<PathBuf> {
        let name = &manifest.zip;
        let checksum = self.beside(&format!("{}  {name}\n", manifest.sha256))?;
        let json = self.beside(&(manifest.to_json()? + "\n"))?;
        let sbom = self.beside(sbom)?;
        let stem = name.strip_suffix(".zip").unwrap_or(name);
        let zip = self.folder.join(name);
        let files = [
            (checksum, self.folder.join(format!("{name}.sha256"))),
            (json, self.folder.join(format!("{stem}.json"))),
            (sbom, self.folder.join(&manifest.sbom)),
            (self.zip, zip.clone()),
        ];
        for (file, path) in &files {
            file.as_file().sync_all()?;
            // A file can't be renamed to the name of a folder. This check comes before the first rename, so that no
            // file is replaced alone.
            ensure!(
                !path.is_dir(),
                "cannot write {}: it is a folder",
                path.display()
            );
        }
        for (file, path) in files {
            file.persist(&path)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        // Makes the renames durable (fsync(2): a new name needs an fsync of its folder).
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .ok();
        Ok(zip)
    }

    fn beside(&self, text: &str) -> Result<NamedTempFile> {
        let mut file = temporary(&self.folder)?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    }
}

fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dist-");
    #[cfg(unix)]
    let permissions = Some(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    #[cfg(not(unix))]
    let permissions: Option<Permissions> = None;
    if let Some(permissions) = permissions {
        let permissions: Permissions = permissions;
        builder.permissions(permissions);
    }
    builder.tempfile_in(folder)
}
