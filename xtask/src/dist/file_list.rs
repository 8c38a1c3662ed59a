//! The list of files in the zip, sorted by name, each with its mode and its origin.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::link;
use crate::ui;

/// Every user can read the file, because the user `webapp` reads the files of a release.
pub const PLAIN: u32 = 0o644;
/// Every user can read and execute the file.
pub const EXECUTABLE: u32 = 0o755;
/// The mode bits of a symbolic link, which Linux ignores (symlink(7)).
pub const LINK: u32 = 0o777;

/// The origin of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built by cargo, or given by `--server`.
    Server,
    /// Built by cargo.
    Agent,
    /// Built by cargo, for a server that opens its port itself.
    Relay,
    /// Built by cargo, for HTTPS with an authority's certificate.
    Certificates,
    /// Rendered by the build script, from a template or from the settings.
    Rendered,
    /// A file of `[bundle] include`, with its path on disk.
    Include(PathBuf),
    /// A file of the bundle that `--wrap` names.
    Wrapped(PathBuf),
}

impl Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => write!(formatter, "the server"),
            Self::Agent => write!(formatter, "the agent"),
            Self::Relay => write!(formatter, "the relay"),
            Self::Certificates => write!(formatter, "the program for certificates"),
            Self::Rendered => write!(formatter, "rendered from platform-templates"),
            Self::Wrapped(zip) => write!(formatter, "from {}", zip.display()),
            Self::Include(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// One file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// 0644 or 0755; 0777 for a link.
    pub mode: u32,
    /// The origin, for messages.
    pub origin: Origin,
    /// The path of its content; empty for a program that is not built yet.
    pub source: PathBuf,
    /// The target of a symbolic link.
    pub link: Option<String>,
    /// The size in bytes, if it is known before the build.
    pub bytes: Option<u64>,
}

/// The paths of the built programs.
pub struct Programs {
    /// The server; none if a command line starts the server.
    pub server: Option<PathBuf>,
    /// The relay, if the bundle has one.
    pub relay: Option<PathBuf>,
    /// The program for certificates, if the bundle has one.
    pub certificates: Option<PathBuf>,
    /// The agent.
    pub agent: PathBuf,
}

/// The bundle's files by their `/`-separated name, sorted.
#[derive(Debug, Default)]
pub struct FileList(BTreeMap<String, File>);

impl File {
    pub fn new(mode: u32, origin: Origin, source: PathBuf) -> Self {
        Self {
            mode,
            origin,
            source,
            link: None,
            bytes: None,
        }
    }
}

impl FileList {
    /// The files, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &File)> {
        self.0.iter()
    }

    /// The number of files.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the same list with the paths of the built programs.
    pub fn with(mut self, programs: &Programs) -> Self {
        for file in self.0.values_mut() {
            match &file.origin {
                Origin::Server => file.source = programs.server.clone().unwrap_or_default(),
                Origin::Agent => file.source.clone_from(&programs.agent),
                Origin::Relay => file.source = programs.relay.clone().unwrap_or_default(),
                Origin::Certificates => {
                    file.source = programs.certificates.clone().unwrap_or_default();
                }
                Origin::Rendered | Origin::Include(_) | Origin::Wrapped(_) => {}
            }
        }
        self
    }

    /// The list as JSON, for `--plan --json`.
    pub fn to_json(&self) -> Value {
        let entry = |(path, file): (&String, &File)| {
            json!({
                "path": path,
                "mode": format!("{:04o}", file.mode),
                "bytes": file.bytes,
                "from": file.origin.to_string(),
            })
        };
        json!({ "entries": self.iter().map(entry).collect::<Vec<_>>() })
    }

    /// Sets the size of a file whose text has changed.
    pub fn resize(&mut self, name: &str, bytes: u64) {
        if let Some(file) = self.0.get_mut(name) {
            file.bytes = Some(bytes);
        }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// If the list contains a file of this name already.
    pub fn add(&mut self, name: String, file: File) -> Result<()> {
        if let Some(other) = self.0.get(&name) {
            let (first, second) = (&other.origin, &file.origin);
            return Err(anyhow!(
                "two files have the name `{name}` in the zip: {first} and {second}"
            ));
        }
        self.0.insert(name, file);
        Ok(())
    }

    /// Refuses a name that is both a file and a folder.
    ///
    /// # Errors
    /// If a file has the name of a folder with files.
    pub fn refuse_files_as_folders(&self) -> Result<()> {
        for (name, file) in &self.0 {
            let parents = name.match_indices('/').map(|(end, _)| &name[..end]);
            if let Some((parent, other)) = parents
                .filter_map(|parent| Some((parent, self.0.get(parent)?)))
                .next()
            {
                let (first, second) = (&other.origin, &file.origin);
                return Err(anyhow!(
                    "`{parent}` is both a file ({first}) and a folder ({second}) in the zip"
                ));
            }
        }
        Ok(())
    }

    /// Refuses a relative link of an include if the bundle lacks the link's target, because a target that exists on
    /// this machine may be missing on the instance. An absolute link may lead to any file of the instance. Every link
    /// of a wrapped bundle may do so, too.
    ///
    /// # Errors
    /// If the bundle lacks the target of such a link.
    pub fn refuse_links_without_target(&self) -> Result<()> {
        for (name, file) in &self.0 {
            let Some(target) = &file.link else { continue };
            let is_of_instance =
                target.starts_with('/') || matches!(file.origin, Origin::Wrapped(_));
            if !is_of_instance
                && !link::target_in_zip(name, target).is_some_and(|place| self.has(&place))
            {
                let path = file.source.display();
                return Err(ui::advised(
                    format!("{path} is a link to `{target}`, which is not in the bundle"),
                    [
                        "set `symlinks = \"follow\"` to ship the link's target, or exclude the link with `exclude`; \
                         a link to a file of the instance must be absolute",
                    ],
                ));
            }
        }
        Ok(())
    }

    /// Whether there is a file with this name, or a file in a folder with this name.
    fn has(&self, place: &str) -> bool {
        self.0.contains_key(place) || self.has_below(place)
    }

    /// Whether there is a file in a folder with this name.
    pub fn has_below(&self, folder: &str) -> bool {
        let inside = format!("{folder}/");
        let mut after = self.0.range(inside.clone()..).map(|(name, _)| name);
        after.next().is_some_and(|name| name.starts_with(&inside))
    }
}
