//! Files that a command replaced, so that it can put them back when it fails.

use anyhow::Result;

use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// The files as they were, in the order in which they were replaced.
#[derive(Default)]
pub struct Replaced(Vec<Before>);

struct Before {
    path: String,
    /// None where there was no file.
    content: Option<Vec<u8>>,
    mode: u32,
}

impl Replaced {
    /// Writes a file, and remembers what was there.
    pub fn write(&mut self, system: &System, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let before = Before {
            path: path.to_owned(),
            content: system.read(path)?,
            mode,
        };
        self.0.push(before);
        system.write(path, content, mode)
    }

    /// Writes a file whose content differs, and remembers what was there.
    pub fn update(&mut self, system: &System, path: &str, content: &[u8], mode: u32) -> Result<()> {
        match system.read(path)?.as_deref() == Some(content) {
            true => Ok(()),
            false => self.write(system, path, content, mode),
        }
    }

    /// Puts every file back, the last one first, and has systemd read its units again.
    ///
    /// # Errors
    /// With the first that could not be put back, on a full disk say; the others were.
    pub fn restore(&self, system: &System) -> Result<()> {
        let mut restored = Ok(());
        for before in self.0.iter().rev() {
            let done = match &before.content {
                Some(content) => system.write(&before.path, content, before.mode),
                None => system.remove(&before.path),
            };
            restored = restored.and(done);
        }
        match self.0.is_empty() {
            true => restored,
            // systemd reads what was put back, all of it or not.
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
    fn one_that_cannot_be_put_back_is_told_and_the_others_are_put_back() {
        let instance = Instance::new();
        let system = &instance.system;
        let mut replaced = Replaced::default();
        for path in ["/a/first", "/a/last"] {
            system.write(path, b"old", 0o644).unwrap();
            replaced.write(system, path, b"new", 0o644).unwrap();
        }
        // Where the last one's successor would be written there is a folder.
        system.make_folder("/a/last.new").unwrap();
        let error = replaced.restore(system).unwrap_err();
        assert!(format!("{error:#}").contains("/a/last"), "{error:#}");
        assert_eq!(system.read("/a/first").unwrap().unwrap(), b"old");
        assert_eq!(system.read("/a/last").unwrap().unwrap(), b"new");
    }
}
