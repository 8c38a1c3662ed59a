//! The changes of a repository. Either all of them are made, or none.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::{NamedTempFile, TempDir};

use super::edits::Edit;
use crate::ui;

/// The names of temporary files and folders begin with this prefix.
const PREFIX: &str = ".flipless-init-";

/// Planned changes.
pub struct Changes {
    dir: PathBuf,
    files: Vec<Change>,
    /// A new folder, which is complete under a temporary name, and its final name.
    folder: Option<(TempDir, String)>,
    kept: Vec<String>,
}

/// A file that is written.
struct Change {
    /// Relative to the repository.
    name: String,
    /// The text of the file before the change; `None` for a new file.
    old: Option<String>,
    new: String,
    about: String,
}

impl Changes {
    /// Plans no changes yet.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            files: Vec::new(),
            folder: None,
            kept: Vec::new(),
        }
    }

    /// The repository's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Notes that a file stays as it is.
    pub fn keep(&mut self, name: &str) {
        self.kept.push(name.to_owned());
    }

    /// Plans a file to write.
    pub fn file(&mut self, name: &str, old: Option<String>, new: String, about: &str) {
        let (name, about) = (name.to_owned(), about.to_owned());
        self.files.push(Change {
            name,
            old,
            new,
            about,
        });
    }

    /// Plans an edit of a file, or notes that the file stays as it is.
    pub fn edit(&mut self, name: &str, old: Option<String>, edit: Edit, about: &str) {
        match edit {
            Edit::None => self.keep(name),
            Edit::Text(new) => self.file(name, old, new, about),
        }
    }

    /// Makes a temporary folder directly in the repository. A relative path then means the same there as in the
    /// package's folder.
    ///
    /// # Errors
    /// If the repository's folder can't be written to.
    pub fn temporary_folder(&self) -> Result<TempDir> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(PREFIX).permissions(mode(0o755));
        let folder = builder.tempdir_in(&self.dir);
        folder.with_context(|| format!("cannot write to {}", self.dir.display()))
    }

    /// Makes a temporary folder in the repository, which becomes the folder `name`.
    ///
    /// # Errors
    /// If the repository's folder can't be written to.
    pub fn new_folder(&mut self, name: &str) -> Result<&Path> {
        let folder = self.temporary_folder()?;
        Ok(self.folder.insert((folder, name.to_owned())).0.path())
    }

    /// Makes the changes, and prints a line for each. Finds a full disk or an unwritable folder before the first
    /// change.
    ///
    /// # Errors
    /// If a file can't be written. The changes so far are then undone.
    pub fn make(self) -> Result<()> {
        let mut undo = Undo::default();
        let drafts: Vec<_> = self
            .files
            .iter()
            .map(|change| self.draft(change, &mut undo))
            .collect::<Result<_>>()?;
        if let Some((folder, name)) = &self.folder {
            let place = self.dir.join(name);
            fs::rename(folder.path(), &place).with_context(|| cannot_write(&place))?;
            undo.0.push(Box::new(move || fs::remove_dir_all(&place)));
        }
        for (change, (draft, place)) in self.files.iter().zip(drafts) {
            draft
                .persist(&place)
                .with_context(|| cannot_write(&place))?;
            let old = change.old.clone();
            undo.0.push(Box::new(move || match old {
                Some(text) => fs::write(&place, text),
                None => fs::remove_file(&place),
            }));
        }
        undo.0.clear();
        self.explain();
        Ok(())
    }

    /// Writes the text to a temporary file beside the final file. Returns the temporary file, and the path of the final
    /// file. A symbolic link stays a link, because the path is the path of its target.
    fn draft(&self, change: &Change, undo: &mut Undo) -> Result<(NamedTempFile, PathBuf)> {
        let place = self.dir.join(&change.name);
        let place = place.canonicalize().unwrap_or(place);
        let context = || cannot_write(&place);
        let folder = place.parent().unwrap_or(&self.dir);
        if !folder.exists() {
            fs::create_dir(folder).with_context(context)?;
            let folder = folder.to_owned();
            undo.0.push(Box::new(move || fs::remove_dir(folder)));
        }
        let permissions = match place.metadata() {
            Ok(data) => data.permissions(),
            Err(_) => mode(0o644),
        };
        let mut builder = tempfile::Builder::new();
        let mut draft = builder
            .prefix(PREFIX)
            .tempfile_in(folder)
            .with_context(context)?;
        draft
            .write_all(change.new.as_bytes())
            .with_context(context)?;
        draft
            .as_file()
            .set_permissions(permissions)
            .with_context(context)?;
        draft.as_file().sync_all().with_context(context)?;
        Ok((draft, place))
    }

    fn explain(&self) {
        if let Some((_, name)) = &self.folder {
            ui::status(
                "Created",
                format!("{name}/, a package that depends on flipless"),
            );
        }
        for change in &self.files {
            let verb = if change.old.is_some() {
                "Changed"
            } else {
                "Created"
            };
            ui::status(verb, format!("{}: {}", change.name, change.about));
        }
        self.kept
            .iter()
            .for_each(|name| ui::status("Unchanged", name));
    }
}

fn cannot_write(place: &Path) -> String {
    format!("cannot write {}", place.display())
}

#[cfg(unix)]
fn mode(mode: u32) -> Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

/// The steps that undo the changes. They run in reverse order if a later change fails.
#[derive(Default)]
struct Undo(Vec<Box<dyn FnOnce() -> io::Result<()>>>);

impl Drop for Undo {
    fn drop(&mut self) {
        while let Some(step) = self.0.pop() {
            if let Err(error) = step() {
                ui::warning(format!("cannot undo a change: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
