//! Lets equal files share their blocks on the disk, if the file system can do that. XFS, the file system of Amazon
//! Linux 2023, can.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use super::System;
use super::copy::{open_in, open_plain};

/// How many bytes the kernel compares in one step. During a step it locks both files (xfs_reflink_remap_prep in its
/// xfs_reflink.c), and a server may have to read one of them.
const STEP: usize = 1 << 20;

impl System {
    /// Lets files below `folder` share their blocks with equal files at the same paths below `kept`.
    ///
    /// The kernel compares the bytes, and nothing can write to the files meanwhile (ioctl_fideduperange(2)). Digests
    /// from an earlier time would not show a later change of `kept`. A write to one of the files gives that file blocks
    /// of its own, so no change reaches the other file. With hard links a change would reach both. Content, owner, mode
    /// and times stay the same, so a power cut does no harm.
    ///
    /// # Errors
    /// At the first file that can't share its blocks, for example because the file system can't do that. The caller has
    /// nothing to undo.
    pub fn share_tree(&self, kept: impl AsRef<Path>, folder: impl AsRef<Path>) -> Result<()> {
        let (kept, folder) = (self.locate(kept), folder.as_ref());
        // Otherwise the kernel would write each file to the disk while the files are locked.
        self.sync(folder)?;
        let source = self.locate(folder);
        for entry in walkdir::WalkDir::new(&source).sort_by_file_name() {
            let entry = entry.with_context(|| format!("cannot read {folder:?}"))?;
            let path = entry.path().strip_prefix(&source)?;
            if !entry.file_type().is_file() {
                continue;
            }
            let Ok(twin) = open_in(&kept, path) else {
                continue;
            };
            let path = folder.join(path);
            self.change("share", &path, || share(&twin, &open_plain(entry.path())?))
                .with_context(|| format!("cannot share the blocks of {path:?}"))?;
        }
        Ok(())
    }
}

/// Lets `new` share its blocks with `kept` where both are equal, if they have the same length.
fn share(kept: &File, new: &File) -> io::Result<()> {
    let length = new.metadata()?.len();
    if kept.metadata()?.len() != length {
        return Ok(());
    }
    let mut buffer = Vec::new();
    let mut offset = 0;
    while offset < length {
        let step = (length - offset).min(STEP as u64);
        // Reads `kept` from the disk before the kernel locks it. `new` is in memory, because EB has just written it.
        buffer.resize(usize::try_from(step).unwrap_or(STEP), 0);
        kept.read_exact_at(&mut buffer, offset)?;
        share_range(kept, new, offset, step)?;
        offset += step;
    }
    Ok(())
}

/// `struct file_dedupe_range` of linux/fs.h, with one destination.
#[repr(C)]
#[derive(Default)]
struct Request {
    src_offset: u64,
    src_length: u64,
    dest_count: u16,
    reserved: [u16; 3],
    dest_fd: i64,
    dest_offset: u64,
    bytes_deduped: u64,
    status: i32,
    reserved_of_dest: u32,
}

/// The number of the request. It contains the size of the struct without destinations.
const FIDEDUPERANGE: Opcode = opcode::read_write::<[u64; 3]>(0x94, 54);

/// Compares one range, and shares its blocks if it is equal.
fn share_range(kept: &File, new: &File, offset: u64, length: u64) -> io::Result<()> {
    let mut request = Request {
        src_offset: offset,
        src_length: length,
        dest_count: 1,
        dest_fd: new.as_raw_fd().into(),
        dest_offset: offset,
        ..Request::default()
    };
    // SAFETY: `Request` has the layout that the kernel reads and writes for this number and one destination. Both
    // descriptors are open until the call has ended.
    unsafe { ioctl(kept, Updater::<FIDEDUPERANGE, _>::new(&mut request)) }?;
    // Status 0 means that the range is shared now, and FILE_DEDUPE_RANGE_DIFFERS that the files differ there.
    match request.status < 0 {
        true => Err(io::Error::from_raw_os_error(-request.status)),
        false => Ok(()),
    }
}
