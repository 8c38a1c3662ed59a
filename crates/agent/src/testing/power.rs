//! A disk whose power can be cut: a real file system on a device that records its writes and flushes.
//!
//! `qemu-storage-daemon` records the writes (driver `blklogwrites`), and shows the device as a file (FUSE export) for
//! mount(8). [`Replay::cut`] makes an image of the disk as a power cut may leave it: with every write before the last
//! flush, and with some of the later writes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::file_system::{Mounted, run};

mod log;

pub use log::Log;

/// The size of the device. `mkfs.xfs` refuses a device of less than 300 MB.
const BYTES: u64 = 320 << 20;

/// A mounted file system whose writes are recorded.
pub struct Recorder {
    folder: tempfile::TempDir,
    daemon: Child,
    mounted: Option<Mounted>,
}

impl Recorder {
    /// Starts the recorder, makes a file system with `mkfs`, and mounts it.
    pub fn start(mkfs: &[&str]) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        File::create(path("disk")).unwrap().set_len(BYTES).unwrap();
        File::create(path("log")).unwrap();
        File::create(path("device")).unwrap();
        let daemon = Command::new("qemu-storage-daemon")
            .args([
                "--blockdev",
                &format!("driver=file,node-name=disk,filename={}", path("disk")),
            ])
            .args([
                "--blockdev",
                &format!("driver=file,node-name=log,filename={}", path("log")),
            ])
            .args(["--blockdev", RECORDING])
            .args(["--export", &format!("{EXPORT}{}", path("device"))])
            .stdin(Stdio::null())
            .spawn()
            .expect("qemu-storage-daemon (Debian package qemu-utils) starts");
        let mut recorder = Self {
            folder,
            daemon,
            mounted: None,
        };
        let device = recorder.path("device");
        flipless_testing::wait_for("the device", || {
            (fs::metadata(&device).ok()?.len() == BYTES).then_some(())
        });
        run(Command::new(mkfs[0]).args(&mkfs[1..]).arg(&device));
        recorder.mounted = Some(Mounted::at(&device, &recorder.path("root"), &[]));
        recorder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The root of the file system.
    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// Returns how many writes and flushes are recorded.
    pub fn recorded(&self) -> usize {
        log::count(&self.path("log"))
    }

    /// Unmounts the file system, and reads the record.
    pub fn finish(mut self) -> Log {
        self.mounted = None;
        Log::read(&self.path("log"))
    }
}

/// Records in the format of the kernel's dm-log-writes. With an update interval of 1, the number of records in the head
/// of the log is always right.
const RECORDING: &str =
    "driver=blklogwrites,node-name=device,file=disk,log=log,log-super-update-interval=1";
const EXPORT: &str = "type=fuse,id=export,node-name=device,writable=on,mountpoint=";

impl Drop for Recorder {
    fn drop(&mut self) {
        self.mounted = None;
        // SIGTERM ends the export, too.
        let _ = Command::new("kill")
            .arg(self.daemon.id().to_string())
            .status();
        let _ = self.daemon.wait();
    }
}

/// The disk as it was at some moment of the recording. It moves forward from cut to cut.
pub struct Replay<'a> {
    log: &'a Log,
    /// A file with every write up to the last flush before the cut.
    flushed: PathBuf,
    /// The number of records in `flushed`.
    done: usize,
}

impl<'a> Replay<'a> {
    /// Returns the empty disk, as a file in `folder`.
    pub fn new(log: &'a Log, folder: &Path) -> Self {
        let flushed = folder.join("flushed");
        File::create(&flushed).unwrap().set_len(BYTES).unwrap();
        Self {
            log,
            flushed,
            done: 0,
        }
    }

    /// Makes the image of a disk whose power is cut after `records` records. Calls `survives` for each unflushed write
    /// to decide whether the write is on the disk.
    pub fn cut(&mut self, records: usize, image: &Path, mut survives: impl FnMut() -> bool) {
        let flush = self.log.last_flush_before(records);
        let disk = File::options().write(true).open(&self.flushed).unwrap();
        for write in &self.log.writes[self.done..flush] {
            write.apply(&disk);
        }
        self.done = flush;
        run(Command::new("cp")
            .arg("--sparse=always")
            .args([&self.flushed, &image.to_owned()]));
        let disk = File::options().write(true).open(image).unwrap();
        for write in &self.log.writes[flush..records] {
            if survives() {
                write.apply(&disk);
            }
        }
    }
}
