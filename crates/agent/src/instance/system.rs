//! The seam between the agent and the instance. Effects, which are changes outside the agent's process, go through
//! [`System`].
//!
//! Files are real, and a test sets another root for them. Commands and signals go through [`Commands`], which a test
//! replaces.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use flipless_settings::{Settings, layout};

mod commands;
mod copy;
mod real;
mod share;

pub use commands::{Commands, Signal};
pub use copy::open_plain;
use real::RealCommands;

/// The files below a root, and [`Commands`].
pub struct System {
    root: PathBuf,
    commands: Box<dyn Commands>,
}

impl System {
    /// Returns the real instance.
    pub fn real() -> Self {
        Self::new(Path::new("/"), Box::new(RealCommands))
    }

    /// Returns an instance with its files below `root`. Tests use a temporary folder.
    pub fn new(root: &Path, commands: Box<dyn Commands>) -> Self {
        Self {
            root: root.to_owned(),
            commands,
        }
    }

    /// Reads the settings of the newest bundle. Returns the defaults before the first version.
    ///
    /// # Errors
    /// If the file can't be read, or does not have the form that the build script writes.
    pub fn settings(&self) -> Result<Settings> {
        self.settings_in(layout::SETTINGS)
    }

    /// Reads the settings of the last bundle that EB has flipped to. If their file is missing, returns
    /// [`System::settings`].
    ///
    /// # Errors
    /// As [`System::settings`].
    pub fn settings_in_force(&self) -> Result<Settings> {
        match self.exists(layout::SETTINGS_IN_FORCE) {
            true => self.settings_in(layout::SETTINGS_IN_FORCE),
            false => self.settings(),
        }
    }

    fn settings_in(&self, path: &str) -> Result<Settings> {
        match self.read(path)? {
            None => Ok(Settings::default()),
            Some(content) => Settings::from_json(&content)
                .with_context(|| format!("cannot use the settings in {path}: deploy again")),
        }
    }

    /// Returns the commands, signals and clocks.
    pub fn commands(&self) -> &dyn Commands {
        self.commands.as_ref()
    }

    /// Returns the real place of `path`, an absolute path on the instance.
    pub fn locate(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Reads a file; `None` if there is no such file.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
        match fs::read(self.locate(&path)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(format!("cannot read {}", path.as_ref().display())),
        }
    }

    /// Returns the permissions of a file; `None` if its metadata can't be read.
    pub fn mode(&self, path: impl AsRef<Path>) -> Option<u32> {
        let metadata = self.locate(path).metadata().ok()?;
        Some(metadata.permissions().mode() & 0o7777)
    }

    /// Reads a file in a folder whose content is not trusted, such as a bundle; `None` if there is no such file.
    /// Follows no link below the folder.
    pub fn read_in(&self, folder: &Path, file: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
        let path = folder.join(&file);
        let read = || -> io::Result<Vec<u8>> {
            let mut content = Vec::new();
            copy::open_in(&self.locate(folder), file.as_ref())?.read_to_end(&mut content)?;
            Ok(content)
        };
        match read() {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(format!("cannot read {}", path.display())),
        }
    }

    /// Returns whether a file, folder or link exists at `path`.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.locate(path).symlink_metadata().is_ok()
    }

    /// Returns the sorted names in a folder. A missing folder has no names.
    pub fn names(&self, folder: impl AsRef<Path>) -> Result<Vec<String>> {
        let entries = match fs::read_dir(self.locate(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).context(format!("cannot list {}", folder.as_ref().display()));
            }
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Returns the target of a link; `None` if there is no link at `path`.
    pub fn link_target(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        fs::read_link(self.locate(path)).ok()
    }

    /// Runs a program, waits for its end, and captures its output.
    pub fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Output> {
        self.effect(program, || self.commands.run(program, arguments))
    }

    /// Sends a signal to one process.
    pub fn signal(&self, pid: u32, signal: Signal) -> io::Result<()> {
        self.effect("signal", || self.commands.signal(pid, signal))
    }

    /// Gives systemd a copy of another process's descriptor, for the unit of the process `sender`. systemd passes the
    /// copy to the next main process of that unit. `of` is the pid of the other process, and the number of the
    /// descriptor.
    pub fn keep_descriptor(&self, sender: u32, of: (u32, i32), name: &str) -> io::Result<()> {
        let keep = || self.commands.keep_descriptor(sender, of, name);
        self.effect("keep a descriptor", keep)
    }

    /// Makes systemd close the descriptor of this name, for the unit of the process `sender`.
    pub fn drop_descriptor(&self, sender: u32, name: &str) -> io::Result<()> {
        let drop = || self.commands.drop_descriptor(sender, name);
        self.effect("drop a descriptor", drop)
    }

    /// Does one effect. A test can kill the agent before and after the effect.
    fn effect<T>(&self, name: &str, effect: impl FnOnce() -> T) -> T {
        self.commands.crash_point(name);
        let done = effect();
        self.commands.crash_point(name);
        done
    }

    /// Does one effect on a file.
    pub(super) fn change<T>(
        &self,
        name: &str,
        path: &Path,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.effect(name, || {
            self.commands.fault(name, path)?;
            change()
        })
    }

    /// Makes a folder and its parents. Each new folder has mode 0755, whatever the umask is.
    pub fn make_folder(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if self.locate(path).is_dir() {
            return Ok(());
        }
        let make = || -> io::Result<()> {
            let mut folder = self.root.clone();
            for part in path.strip_prefix("/").unwrap_or(path) {
                folder.push(part);
                match fs::DirBuilder::new().mode(0o755).create(&folder) {
                    Ok(()) => fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?,
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        self.change("make a folder", path, make)
            .with_context(|| format!("cannot make the folder {}", path.display()))
    }

    /// Makes a folder that only root can enter.
    pub fn make_private_folder(&self, path: impl AsRef<Path>) -> Result<()> {
        self.make_folder(&path)?;
        fs::set_permissions(self.locate(&path), fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot protect {}", path.as_ref().display()))
    }

    /// Replaces a file atomically: writes a new file beside it, syncs that file, and renames it (rename(2)).
    pub fn write(&self, path: impl AsRef<Path>, content: &[u8], mode: u32) -> Result<()> {
        let path = path.as_ref();
        let Some(folder) = path.parent() else {
            bail!("{} is not a file", path.display())
        };
        self.make_folder(folder)?;
        let target = self.locate(path);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let temporary = target.with_file_name(name);
        let write = || -> io::Result<()> {
            match fs::remove_file(&temporary) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&temporary)?;
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            self.commands.fault("fill", path)?;
            file.write_all(content)?;
            file.sync_all()?;
            self.commands.crash_point("rename what was written");
            fs::rename(&temporary, &target)?;
            fs::File::open(self.locate(folder))?.sync_all()
        };
        self.change("write", path, write).map_err(|error| {
            // Removes the half-written file. The old file is unchanged.
            let _ = fs::remove_file(&temporary);
            anyhow::Error::new(error).context(format!("cannot write {}", path.display()))
        })
    }

    /// Writes into a file of the kernel, such as one in `/proc`, which a rename can't replace.
    pub fn set(&self, path: impl AsRef<Path>, content: &[u8]) -> Result<()> {
        let path = path.as_ref();
        let set = || {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(self.locate(path))?;
            file.write_all(content)
        };
        self.change("set", path, set)
            .with_context(|| format!("cannot write to {}", path.display()))
    }

    /// Makes a link, and syncs its folder. A link with the same target stays as it is.
    pub fn link(&self, target: &Path, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if self.link_target(path).as_deref() == Some(target) {
            return Ok(());
        }
        self.change("link", path, || {
            std::os::unix::fs::symlink(target, self.locate(path))?;
            sync_folder_of(&self.locate(path))
        })
        .with_context(|| format!("cannot make the link {}", path.display()))
    }

    /// Renames a file or folder, and syncs the folder of the new name.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let rename = || {
            fs::rename(self.locate(&from), self.locate(&to))?;
            sync_folder_of(&self.locate(&to))
        };
        self.change("rename", to.as_ref(), rename).with_context(|| {
            format!(
                "cannot rename {} to {}",
                from.as_ref().display(),
                to.as_ref().display()
            )
        })
    }

    /// Removes a file, a link, or a folder with its content. Ignores a missing path.
    pub fn remove(&self, path: impl AsRef<Path>) -> Result<()> {
        let real = self.locate(&path);
        let removed = |folder| match folder {
            true => fs::remove_dir_all(&real),
            false => fs::remove_file(&real),
        };
        let removed = match real.symlink_metadata() {
            Ok(metadata) => self.change("remove", path.as_ref(), || removed(metadata.is_dir())),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).context(format!("cannot remove {}", path.as_ref().display()))
            }
            _ => Ok(()),
        }
    }

    /// Copies a folder over another. Folders get mode 0755. Files get 0755 if their owner may execute them, otherwise
    /// 0644. Links stay links, and are not followed. The copy does not depend on owners, umask or hard links.
    ///
    /// A file or folder without rights for others stays private: the copy belongs to root and `group`, with the mode
    /// 0640 or 0750. A client of PostgreSQL accepts a private key of this kind
    /// (<https://www.postgresql.org/docs/current/libpq-ssl.html>). Without `group` only root has rights.
    ///
    /// # Errors
    /// If the folder contains anything but files, folders and links.
    pub fn copy_tree(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        group: Option<u32>,
    ) -> Result<()> {
        let source = self.locate(&from);
        self.make_folder(&to)?;
        for entry in walkdir::WalkDir::new(&source)
            .min_depth(1)
            .sort_by_file_name()
        {
            let entry = entry.with_context(|| format!("cannot read {:?}", from.as_ref()))?;
            let path = to.as_ref().join(entry.path().strip_prefix(&source)?);
            self.change("copy", &path, || {
                copy::entry(&entry, &self.locate(&path), group)
            })
            // A name may contain a line break, so the message contains the name in an escaped form.
            .with_context(|| format!("cannot copy {:?} to {path:?}", entry.path()))?;
        }
        Ok(())
    }

    /// Sets the time of the last change of a file.
    ///
    /// # Errors
    /// If the file can't be opened, or is a link or a folder.
    pub fn set_time(&self, path: impl AsRef<Path>, time: SystemTime) -> Result<()> {
        let path = path.as_ref();
        let set = || copy::open_plain(&self.locate(path))?.set_modified(time);
        self.change("set a time", path, set)
            .with_context(|| format!("cannot set the time of {path:?}"))
    }

    /// Waits until everything written to the file system of `path` is on the disk (syncfs(2)).
    pub fn sync(&self, path: impl AsRef<Path>) -> Result<()> {
        let sync =
            || -> io::Result<()> { Ok(rustix::fs::syncfs(fs::File::open(self.locate(&path))?)?) };
        sync().with_context(|| format!("cannot sync {}", path.as_ref().display()))
    }
}

/// Makes a new name durable. fsync(2) of a file does not sync the folder that contains the file's name.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    fs::File::open(path.parent().unwrap_or(path))?.sync_all()
}

#[cfg(test)]
mod tests;
