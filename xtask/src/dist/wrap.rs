//! `dist --wrap OLD.zip`: unpacks a source bundle without flipless, and derives flipless's settings for this bundle.

use std::fs::{self, File as FsFile};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flipless_settings::layout;
use tempfile::TempDir;
use zip::ZipArchive;

use super::file_list::{EXECUTABLE, File, FileList, LINK, Origin, PLAIN};
use super::link;
use super::procfile;
use super::sbom::Executable;
use crate::bundle::{Bundle, Content, Entry};
use crate::check;
use crate::project::Project;
use crate::roots::Roots;
use crate::ui;

mod command;
mod health;
mod settings;

/// The folder of units in a bundle. `stage` installs all of its files.
const UNITS: &str = "systemd/";

/// A source bundle that was unpacked.
pub struct Wrapped {
    zip: PathBuf,
    /// The files of the bundle, without its Procfile.
    files: Vec<(String, File)>,
    /// The names of its ELF files.
    executables: Vec<String>,
    /// The text of its Procfile; empty without one.
    procfile: String,
    /// The project, with flipless's settings for the bundle.
    project: Project,
    /// The folder with the content of the files. Dropping this value removes the folder.
    _content: TempDir,
}

/// Unpacks a source bundle, and finds out how to start its server. `config` is the flipless.toml to use. By default
/// this is the flipless.toml beside the zip, if it exists.
///
/// # Errors
/// If flipless can't serve the bundle. The error contains the reason.
pub fn open(roots: &Roots, zip: &Path, config: Option<&Path>) -> Result<Wrapped> {
    ui::status("Wrapping", zip.display());
    let bundle = Bundle::open(zip)?;
    refuse(zip, &bundle)?;
    let content = tempfile::tempdir().context("cannot make a temporary folder")?;
    let files = unpack(zip, &bundle, content.path())?;
    let procfile = text_of(&bundle, procfile::FILE)?;
    let config = settings::file(zip, config)?;
    let settings = settings::derive(zip, &bundle, &procfile, &config)?;
    let derived = content.path().join("flipless.toml");
    fs::write(&derived, settings).with_context(|| format!("cannot write {}", derived.display()))?;
    let project = Project::load(roots, Some(&derived))?.relative_to(&config);
    let elf = |entry: &&Entry| matches!(entry.content, Content::Elf(_));
    let executables = bundle.entries.iter().filter(elf);
    Ok(Wrapped {
        zip: zip.to_owned(),
        files,
        executables: executables.map(|entry| entry.name.clone()).collect(),
        procfile,
        project,
        _content: content,
    })
}

impl Wrapped {
    /// The project, with flipless's settings for the bundle.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Returns the Procfile's text, and a description of its place for messages.
    pub fn procfile(&self) -> (&str, String) {
        (
            &self.procfile,
            format!("{} in {}", procfile::FILE, self.zip.display()),
        )
    }

    /// The executables and libraries of the bundle, whose dependencies are unknown.
    pub fn executables(&self) -> impl Iterator<Item = Executable> {
        self.executables.iter().map(|name| Executable {
            place: name.clone(),
            tree: None,
        })
    }

    /// Adds the bundle's files to the list.
    ///
    /// # Errors
    /// If a file has the name of one of flipless's files.
    pub fn add_to(&self, files: &mut FileList) -> Result<()> {
        for (name, file) in &self.files {
            match self.behind(name, file) {
                Some(folder) if files.has_below(name) => self.add_copies(&folder, name, files)?,
                _ => files.add(name.clone(), file.clone())?,
            }
        }
        Ok(())
    }

    /// Returns the folder of the bundle to which a link leads, if that folder contains files.
    fn behind(&self, name: &str, file: &File) -> Option<String> {
        let folder = link::target_in_zip(name, file.link.as_deref()?)? + "/";
        let mut names = self.files.iter().map(|(name, _)| name);
        names
            .any(|name| name.starts_with(&folder))
            .then_some(folder)
    }

    /// Adds copies of a folder's files in place of a link to the folder, because flipless adds its own files under
    /// the link's name. For example, people link `.platform/confighooks` to `hooks`.
    fn add_copies(&self, folder: &str, link: &str, files: &mut FileList) -> Result<()> {
        for (name, file) in &self.files {
            if let Some(below) = name.strip_prefix(folder) {
                files.add(format!("{link}/{below}"), file.clone())?;
            }
        }
        Ok(())
    }
}

/// Refuses a zip that EB could not unpack, or that flipless can't serve.
fn refuse(zip: &Path, bundle: &Bundle) -> Result<()> {
    let place = zip.display();
    let failed = check::of_zip(bundle).into_iter().find(check::Check::failed);
    if let Some(check) = failed {
        return Err(ui::advised(
            format!("{place}: {}", check.detail),
            check.hint,
        ));
    }
    if bundle.get(layout::SETTINGS_FILE).is_some() {
        return Err(ui::advised(
            format!(
                "{place} is a bundle of flipless already: it contains {}",
                layout::SETTINGS_FILE
            ),
            ["wrap the source bundle that you deployed before flipless"],
        ));
    }
    if let Some(unit) = bundle
        .entries
        .iter()
        .find(|entry| entry.name.starts_with(UNITS))
    {
        return Err(ui::advised(
            format!(
                "{place} contains {}: flipless installs every file of `{UNITS}` as a unit",
                unit.name
            ),
            ["rename the folder, and the paths in your hooks that name it"],
        ));
    }
    Ok(())
}

/// Writes the content of each file to `folder`, with a number as the file's name, so that no name in the zip becomes a
/// path on this machine. Returns the files by their names in the zip.
fn unpack(zip: &Path, bundle: &Bundle, folder: &Path) -> Result<Vec<(String, File)>> {
    let context = || format!("cannot read {}", zip.display());
    let mut archive =
        ZipArchive::new(FsFile::open(zip).with_context(context)?).with_context(context)?;
    let mut files = Vec::new();
    let wanted = bundle.entries.iter().enumerate();
    for (index, entry) in wanted.filter(|(_, entry)| !entry.folder && entry.name != procfile::FILE)
    {
        let path = folder.join(index.to_string());
        let mut file = File::new(mode(entry), Origin::Wrapped(zip.to_owned()), path.clone());
        file.bytes = Some(entry.bytes);
        match &entry.content {
            Content::Link(target) => file.link = Some(target.clone()),
            _ => {
                let mut content = archive.by_index(index).with_context(context)?;
                let mut target = FsFile::create(&path)?;
                io::copy(&mut content, &mut target)
                    .with_context(|| format!("cannot unpack {}", entry.name))?;
            }
        }
        files.push((entry.name.clone(), file));
    }
    Ok(files)
}

/// Returns the mode for the new bundle. Every user may read a file of a release, so only the exec bit of the old mode
/// matters.
fn mode(entry: &Entry) -> u32 {
    match entry {
        _ if entry.is_link() => LINK,
        _ if entry.executable() => EXECUTABLE,
        _ => PLAIN,
    }
}

/// Returns the text of a file in the zip's root, or an empty text if the file does not exist.
fn text_of(bundle: &Bundle, name: &str) -> Result<String> {
    let Some(entry) = bundle.get(name) else {
        return Ok(String::new());
    };
    let Some(text) = entry.text() else {
        bail!("{name} in the bundle is not a text file");
    };
    let text = String::from_utf8(text.to_vec());
    let text = text.with_context(|| format!("{name} in the bundle is not UTF-8"))?;
    ensure!(!text.contains('\0'), "{name} in the bundle contains a NUL");
    Ok(text)
}
