//! Remembers the files that a command replaces, so that the command can restore them if it fails.

use anyhow::Result;

use crate::instance::labels;
use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// The old files, in the order of their replacement.
#[derive(Default)]
pub struct Replaced(Vec<Before>);

struct Before {
    path: String,
    /// `None` if there was no file.
    content: Option<Vec<u8>>,
    /// The old file's mode. Without an old file, it has no meaning.
    mode: u32,
}

impl Replaced {
    /// Writes a file, and remembers the old one.
    pub fn write(&mut self, system: &System, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let before = Before {
            path: path.to_owned(),
            content: system.read(path)?,
            mode: system.mode(path).unwrap_or(mode),
        };
        self.0.push(before);
        system.write(path, content, mode)
    }

    /// Writes a file if its content differs, and remembers the old one.
    pub fn update(&mut self, system: &System, path: &str, content: &[u8], mode: u32) -> Result<()> {
        match system.read(path)?.as_deref() == Some(content) {
            true => Ok(()),
            false => self.write(system, path, content, mode),
        }
    }

    /// Restores the files in reverse order, and makes systemd read the units again.
    ///
    /// # Errors
    /// If a file can't be restored, for example on a full disk. This function still restores the other files, and
    /// returns the first error.
    pub fn restore(&self, system: &System) -> Result<()> {
        let mut restored = Ok(());
        for before in self.0.iter().rev() {
            let done = match &before.content {
                Some(content) => system.write(&before.path, content, before.mode),
                None => system.remove(&before.path),
            };
            labels::restore(system, &[&before.path]);
            restored = restored.and(done);
        }
        match self.0.is_empty() {
            true => restored,
            // systemd has to read the restored units, even if some could not be restored.
            false => Systemd::new(system).reload_units().and(restored),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn a_restored_file_has_its_old_content_and_mode() {
        let instance = Instance::new();
        let system = &instance.system;
        system.write("/key", b"old", 0o600).unwrap();
        let mut replaced = Replaced::default();
        replaced.write(system, "/key", b"new", 0o644).unwrap();
        replaced.write(system, "/none", b"new", 0o644).unwrap();
        replaced.restore(system).unwrap();
        assert_eq!(system.read("/key").unwrap().unwrap(), b"old");
        assert_eq!(system.mode("/key"), Some(0o600));
        assert!(!system.exists("/none"));
    }

    #[test]
    fn a_file_that_cannot_be_restored_is_named_and_the_others_are_restored() {
        let instance = Instance::new();
        let system = &instance.system;
        let mut replaced = Replaced::default();
        for path in ["/a/first", "/a/last"] {
            system.write(path, b"old", 0o644).unwrap();
            replaced.write(system, path, b"new", 0o644).unwrap();
        }
        // A folder is at the path of the last file's temporary file.
        system.make_folder("/a/last.new").unwrap();
        let error = replaced.restore(system).unwrap_err();
        assert!(format!("{error:#}").contains("/a/last"), "{error:#}");
        assert_eq!(system.read("/a/first").unwrap().unwrap(), b"old");
        assert_eq!(system.read("/a/last").unwrap().unwrap(), b"new");
    }
}
