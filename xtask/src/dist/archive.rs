//! Writes the zip. The same files give the same bytes on every machine.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, Scope};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use tempfile::SpooledTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

use super::file_list::{File as Planned, FileList};
use super::source;
use crate::ui;

/// The most compressed bytes of one file that stay in memory. If there are more, they go to a temporary file.
const IN_MEMORY: usize = 1 << 20;

/// A zip with one deflated entry, which is copied unchanged into the bundle.
type Packed = SpooledTempFile;

/// Writes the files in sorted order. Folders get no entries, because `unzip` makes missing folders.
///
/// # Errors
/// If a file can't be read, or changes while it is read.
pub fn write(zip: &mut File, files: &FileList, time: DateTime) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let sizes = files
        .iter()
        .map(|(_, file)| file.source.metadata().map_or(0, |data| data.len()));
    let bar = ui::bytes_bar("Packing", sizes.sum());
    let result = write_with(threads, zip, files, time, &bar);
    bar.finish_and_clear();
    result
}

/// Writes the zip with this number of threads. The zip does not depend on the number: with n threads, each thread
/// deflates every nth file, and this function takes the results in the order of the files. Each thread has at most two
/// results in memory.
fn write_with(
    threads: usize,
    zip: &mut File,
    files: &FileList,
    time: DateTime,
    bar: &ProgressBar,
) -> Result<()> {
    let files: Vec<_> = files.iter().collect();
    let mut writer = ZipWriter::new(BufWriter::new(zip));
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..threads)
            .map(|lane| {
                let every = files.iter().skip(lane).step_by(threads);
                deflate_all(scope, every.copied(), time, bar)
            })
            .collect();
        for (index, (name, _)) in files.iter().enumerate() {
            let packed = lanes[index % threads].recv();
            let packed =
                packed.with_context(|| format!("cannot pack `{name}`: its thread ended"))??;
            // The writer keeps parts of the entry until the end, so this thread allocates them. In a thread that
            // deflates, each would split the memory of a freed compressor, and the heap would grow with each file.
            let mut packed = ZipArchive::new(packed)?;
            writer.raw_copy_file(packed.by_index_raw(0)?)?;
        }
        anyhow::Ok(())
    })?;
    writer.finish()?.flush()?;
    Ok(())
}

/// Starts a thread that deflates these files one after another. The thread ends when its receiver is dropped.
fn deflate_all<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    files: impl Iterator<Item = (&'env String, &'env Planned)> + Send + 'scope,
    time: DateTime,
    bar: &'env ProgressBar,
) -> Receiver<Result<Packed>> {
    let (results, lane) = sync_channel(1);
    scope.spawn(move || {
        for (name, file) in files {
            if results.send(deflate(name, file, time, bar)).is_err() {
                return;
            }
        }
    });
    lane
}

fn deflate(name: &str, file: &Planned, time: DateTime, bar: &ProgressBar) -> Result<Packed> {
    let mut writer = ZipWriter::new(SpooledTempFile::new(IN_MEMORY));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .system(System::Unix)
        .last_modified_time(time)
        .unix_permissions(file.mode);
    if let Some(target) = &file.link {
        writer.add_symlink(name, target.as_str(), options)?;
    } else {
        writer.start_file(name, options)?;
        source::copy_unchanged(&file.source, &mut bar.wrap_write(&mut writer))?;
    }
    Ok(writer.finish()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::io::read_to_string;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::dist::file_list::{EXECUTABLE, LINK, Origin, PLAIN};

    fn file(name: &str, content: &str, mode: u32, folder: &Path) -> Planned {
        let source = folder.join(name.replace('/', "-"));
        fs::write(&source, content).unwrap();
        Planned::new(mode, Origin::Include(source.clone()), source)
    }

    fn some_files(folder: &Path) -> FileList {
        let mut files = FileList::default();
        for number in 0..40 {
            // One file is larger than the limit for memory, and hard to compress.
            let bytes = if number == 7 {
                IN_MEMORY + 1
            } else {
                number * 997
            };
            let content: String = (0_u64..bytes as u64)
                .map(|at| char::from(b'!' + (at * at % 8191 * (at % 127) % 89) as u8))
                .collect();
            let name = format!("public/{number:02}");
            let mode = if number % 2 == 0 { PLAIN } else { EXECUTABLE };
            let file = file(&name, &content, mode, folder);
            files.add(name, file).unwrap();
        }
        let mut link = Planned::new(LINK, Origin::Agent, PathBuf::new());
        link.link = Some("07".into());
        files.add("public/latest".into(), link).unwrap();
        files
    }

    fn zipped(threads: usize, files: &FileList) -> Result<Vec<u8>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = file.reopen().unwrap();
        let bar = ProgressBar::hidden();
        write_with(threads, &mut zip, files, DateTime::default(), &bar)?;
        Ok(fs::read(file.path()).unwrap())
    }

    #[test]
    fn the_zip_does_not_depend_on_the_number_of_threads() {
        let folder = tempfile::tempdir().unwrap();
        let files = some_files(folder.path());
        let alone = zipped(1, &files).unwrap();
        for threads in [2, 64] {
            assert!(zipped(threads, &files).unwrap() == alone, "{threads}");
        }
        let mut archive = ZipArchive::new(std::io::Cursor::new(alone)).unwrap();
        assert_eq!(archive.len(), 41);
        for (index, (name, file)) in files.iter().enumerate() {
            let entry = archive.by_index(index).unwrap();
            assert_eq!(entry.name().unwrap(), name.as_str());
            let (mode, expected) = match &file.link {
                Some(target) => (0o120_000 | LINK, target.clone()),
                None => (
                    0o100_000 | file.mode,
                    fs::read_to_string(&file.source).unwrap(),
                ),
            };
            assert_eq!(entry.unix_mode(), Some(mode), "{name}");
            assert!(read_to_string(entry).unwrap() == expected, "{name}");
        }
    }

    #[test]
    fn the_error_names_a_missing_file_and_all_threads_end() {
        let folder = tempfile::tempdir().unwrap();
        let files = some_files(folder.path());
        fs::remove_file(folder.path().join("public-20")).unwrap();
        for threads in [1, 3] {
            let error = zipped(threads, &files).unwrap_err().to_string();
            assert!(error.contains("public-20"), "{error}");
        }
    }
}
