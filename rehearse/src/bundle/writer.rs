//! Writes the zip of a bundle.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::error::BundleError;

/// The mode of a symbolic link (inode(7)).
pub const LINK: u32 = 0o120_777;

type ZipResult = zip::result::ZipResult<()>;

/// Writes a zip to another name, and renames it. Several instances may use the same path, and one of them may be reading
/// the file.
pub(super) fn write(
    target: &Path,
    fill: impl FnOnce(&mut ZipWriter<&File>) -> ZipResult,
) -> Result<(), BundleError> {
    let name = || target.display().to_string();
    let failed = |error| BundleError::File(name(), error);
    let folder = target.parent().unwrap_or(Path::new("."));
    let partial = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    let mut writer = ZipWriter::new(partial.as_file());
    fill(&mut writer)
        .and_then(|()| writer.finish().map(drop))
        .map_err(|error| BundleError::Zip(name(), error))?;
    let renamed = partial.persist(target);
    renamed.map(drop).map_err(|error| failed(error.error))
}

pub(super) fn add(writer: &mut ZipWriter<&File>, name: &str, text: &str, mode: u32) -> ZipResult {
    if mode == LINK {
        return writer.add_symlink(name, text, options(mode));
    }
    writer.start_file(name, options(mode))?;
    Ok(writer.write_all(text.as_bytes())?)
}

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(mode)
}
