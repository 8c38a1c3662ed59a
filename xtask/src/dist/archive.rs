//! Writes the zip: the same bytes from the same files, whatever the machine.

use std::fs::File;
use std::io::{BufWriter, Write, copy};

use anyhow::{Context, Result, ensure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::stage::Stage;
use crate::ui;

/// Writes the staged files in their sorted order. Folders get no entries: `unzip` makes them.
///
/// # Errors
/// When a file can't be read, or changes while it is.
pub fn write(zip: &mut File, stage: &Stage, time: DateTime) -> Result<()> {
    let sizes = stage
        .iter()
        .map(|(_, file)| file.source.metadata().map_or(0, |data| data.len()));
    let bar = ui::bytes_bar("Packing", sizes.sum());
    let mut writer = ZipWriter::new(BufWriter::new(&mut *zip));
    for (name, file) in stage.iter() {
        let mut source = super::open(&file.source)?;
        let expected = source.metadata()?.len();
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .system(System::Unix)
            .last_modified_time(time)
            .unix_permissions(file.mode)
            .large_file(expected > u64::from(u32::MAX));
        writer.start_file(name.as_str(), options)?;
        let written = copy(&mut source, &mut bar.wrap_write(&mut writer))
            .with_context(|| format!("cannot pack {}", file.source.display()))?;
        let path = file.source.display();
        ensure!(written == expected, "{path} changed while it was read");
    }
    writer.finish()?.flush()?;
    bar.finish_and_clear();
    Ok(())
}
