//! A real file system on a loop device.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A new file system, unmounted and removed when it is dropped.
pub struct FileSystem {
    // Fields are dropped in this order, so the file system is unmounted before its folder is removed.
    mounted: Option<Mounted>,
    folder: tempfile::TempDir,
}

impl FileSystem {
    /// Makes a file system with `mkfs`, in a file in `folder`.
    pub fn make(mkfs: &[&str], bytes: u64, folder: &Path) -> Self {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let image = folder.path().join("image");
        File::create(&image).unwrap().set_len(bytes).unwrap();
        run(Command::new(mkfs[0]).args(&mkfs[1..]).arg(&image));
        let mut made = Self {
            mounted: None,
            folder,
        };
        made.mount();
        made
    }

    fn mount(&mut self) {
        let image = self.folder.path().join("image");
        self.mounted = Some(Mounted::at(&image, &self.root(), &[]));
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Returns how many bytes are in use. Unmounts the file system and mounts it again first, because XFS frees the
    /// blocks of removed files later. The unmount also removes the content of the files from the page cache.
    pub fn used(&mut self) -> u64 {
        self.mounted = None;
        self.mount();
        let found = rustix::fs::statvfs(self.root()).unwrap();
        (found.f_blocks - found.f_bfree) * found.f_frsize
    }
}

/// A mounted file system with an empty `/run` in memory; unmounted when it is dropped.
pub struct Mounted(PathBuf);

impl Mounted {
    /// Mounts an image. The mount replays the file system's journal, as a boot does.
    pub fn at(image: &Path, root: &Path, options: &[&str]) -> Self {
        fs::create_dir_all(root).unwrap();
        run(Command::new("mount")
            .args(["-o", "loop"])
            .args(options)
            .args([image, root]));
        let mounted = Self(root.to_owned());
        let runtime = root.join("run");
        fs::create_dir_all(&runtime).unwrap();
        run(Command::new("mount")
            .args(["-t", "tmpfs", "tmpfs"])
            .arg(runtime));
        mounted
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.join("run")).status();
        if std::thread::panicking() {
            // The test may still have files open.
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
            return;
        }
        // Another test may be starting a program. Until its execve(2), the new process has this test's files open, and
        // umount(8) fails.
        flipless_testing::wait_for("unmount", || {
            let status = Command::new("umount").arg(&self.0).status();
            status.is_ok_and(|status| status.success()).then_some(())
        });
    }
}

/// Runs a program that must succeed.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
}
