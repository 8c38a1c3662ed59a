//! Files that a command replaced, so that it can put them back when it fails.

use anyhow::Result;

use crate::system::System;
use crate::systemd::Systemd;

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
            false => restored.and(Systemd::new(system).reload_units()),
        }
    }
}
