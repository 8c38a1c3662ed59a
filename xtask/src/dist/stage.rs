//! What goes into the zip: a sorted list of names, each with its mode and where it comes from.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::{in_bin, include};
use crate::project::Project;
use crate::{render, templates};

/// Readable by everyone: the release's files are read by `webapp`.
pub const PLAIN: u32 = 0o644;
/// The same, executable.
pub const EXECUTABLE: u32 = 0o755;
/// The agent's name in `bin/`.
const AGENT: &str = "flipless";

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built by cargo, or given by `--server`.
    Server,
    /// Built by cargo.
    Agent,
    /// A template that the build script rendered.
    Template(String),
    /// `[bundle] include`.
    Include(PathBuf),
}

impl Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => write!(formatter, "the server"),
            Self::Agent => write!(formatter, "the agent"),
            Self::Template(name) => write!(formatter, "platform-templates/{name}"),
            Self::Include(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// One file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// 0644 or 0755.
    pub mode: u32,
    /// For messages.
    pub origin: Origin,
    /// Where its content is; empty until it was built.
    pub source: PathBuf,
}

/// The bundle's files by their `/`-separated name, sorted.
#[derive(Debug, Default)]
pub struct Stage(BTreeMap<String, File>);

/// Everything, before anything is built: what is missing or collides is found at once.
///
/// # Errors
/// On a broken template, a missing include, a link, or two files of one name.
pub fn plan(project: &Project, server: Option<&Path>) -> Result<Stage> {
    let settings = &project.settings;
    let templates = templates::read_all(&project.root.join("platform-templates"))
        .map_err(anyhow::Error::msg)?;
    let rendered = render::render_all(&templates, &render::Context::new(settings))
        .map_err(anyhow::Error::msg)?;

    let mut stage = Stage::default();
    let server = server.map(Path::to_owned).unwrap_or_default();
    stage.add(
        in_bin(settings.server.bin.as_str()),
        EXECUTABLE,
        Origin::Server,
        server,
    )?;
    stage.add(in_bin(AGENT), EXECUTABLE, Origin::Agent, PathBuf::new())?;
    for name in rendered.into_keys() {
        let mode = template_mode(&name);
        stage.add(name.clone(), mode, Origin::Template(name), PathBuf::new())?;
    }
    for entry in include::find(&settings.bundle.include, &project.settings_folder)? {
        let origin = Origin::Include(entry.path.clone());
        stage.add(entry.name, entry.mode, origin, entry.path)?;
    }
    stage.refuse_files_as_folders()?;
    Ok(stage)
}

/// Hooks are run; all else that is rendered is read.
fn template_mode(name: &str) -> u32 {
    let hook = name.starts_with(".platform/") && name.ends_with(".sh");
    if hook { EXECUTABLE } else { PLAIN }
}

impl Stage {
    /// The files, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &File)> {
        self.0.iter()
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Fills in what was built.
    ///
    /// # Errors
    /// When the build script rendered other files than were planned: a template or the settings
    /// changed meanwhile.
    pub fn complete(mut self, server: &Path, agent: &Path, platform: &Path) -> Result<Self> {
        let rendered = templates::read_all(platform).map_err(anyhow::Error::msg)?;
        for file in self.0.values_mut() {
            file.source = match &file.origin {
                Origin::Server => server.to_owned(),
                Origin::Agent => agent.to_owned(),
                Origin::Template(name) => platform.join(name),
                Origin::Include(path) => path.clone(),
            };
        }
        let planned = self.0.values().filter_map(|file| match &file.origin {
            Origin::Template(name) => Some(name),
            _ => None,
        });
        if !planned.eq(rendered.keys()) {
            return Err(anyhow!(
                "a template or the settings changed during the build"
            ));
        }
        Ok(self)
    }

    /// For `--plan --json`.
    pub fn to_json(&self) -> Value {
        let entry = |(path, file): (&String, &File)| {
            json!({
                "path": path,
                "mode": format!("{:04o}", file.mode),
                "from": file.origin.to_string(),
            })
        };
        json!({ "entries": self.iter().map(entry).collect::<Vec<_>>() })
    }

    fn add(&mut self, name: String, mode: u32, origin: Origin, source: PathBuf) -> Result<()> {
        if let Some(other) = self.0.get(&name) {
            let first = &other.origin;
            return Err(anyhow!(
                "two files would be `{name}` in the zip: {first} and {origin}"
            ));
        }
        self.0.insert(
            name,
            File {
                mode,
                origin,
                source,
            },
        );
        Ok(())
    }

    fn refuse_files_as_folders(&self) -> Result<()> {
        for (name, file) in &self.0 {
            let parents = name.match_indices('/').map(|(end, _)| &name[..end]);
            if let Some((parent, other)) = parents
                .filter_map(|parent| Some((parent, self.0.get(parent)?)))
                .next()
            {
                let (first, second) = (&other.origin, &file.origin);
                return Err(anyhow!(
                    "`{parent}` would be a file ({first}) and a folder ({second}) in the zip"
                ));
            }
        }
        Ok(())
    }
}
