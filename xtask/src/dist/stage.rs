//! What goes into the zip: a sorted list of names, each with its mode and where it comes from.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::{in_bin, include, link};
use crate::project::Project;
use crate::settings::Handover;
use crate::{layout, render, templates, ui};

/// Readable by everyone: the release's files are read by `webapp`.
pub const PLAIN: u32 = 0o644;
/// The same, executable.
pub const EXECUTABLE: u32 = 0o755;
/// A symbolic link's: no system looks at it.
pub const LINK: u32 = 0o777;
/// The agent's name in `bin/`.
pub const AGENT: &str = "flipless";

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built by cargo, or given by `--server`.
    Server,
    /// Built by cargo.
    Agent,
    /// Built by cargo, for a server that listens on a port of its own.
    Relay,
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
            Self::Relay => write!(formatter, "the relay"),
            Self::Template(name) => write!(formatter, "platform-templates/{name}"),
            Self::Include(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// One file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// 0644 or 0755; of a link 0777.
    pub mode: u32,
    /// For messages.
    pub origin: Origin,
    /// Where its content is; empty until it was built.
    pub source: PathBuf,
    /// What a symbolic link points to.
    pub link: Option<String>,
    /// Bytes, where they are known before the build.
    pub bytes: Option<u64>,
}

/// What cargo has built.
pub struct Built {
    /// The server.
    pub server: PathBuf,
    /// The relay, if the bundle has one.
    pub relay: Option<PathBuf>,
    /// The agent.
    pub agent: PathBuf,
    /// The folder of the rendered templates.
    pub platform: PathBuf,
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
    let mut program = |name: &str, origin, source| {
        let file = File::new(EXECUTABLE, origin, source);
        stage.add(in_bin(name), file)
    };
    program(settings.server.bin.as_str(), Origin::Server, server)?;
    program(AGENT, Origin::Agent, PathBuf::new())?;
    if settings.server.handover == Handover::Port {
        program(layout::RELAY, Origin::Relay, PathBuf::new())?;
    }
    for (name, content) in rendered {
        let origin = Origin::Template(name.clone());
        let mut file = File::new(template_mode(&name), origin, PathBuf::new());
        file.bytes = u64::try_from(content.len()).ok();
        stage.add(name, file)?;
    }
    for entry in include::find(&settings.bundle.include, &project.settings_folder)? {
        let mut file = File::new(entry.mode, Origin::Include(entry.path.clone()), entry.path);
        file.bytes = match &entry.link {
            Some(target) => u64::try_from(target.len()).ok(),
            None => file.source.metadata().map(|data| data.len()).ok(),
        };
        file.link = entry.link;
        stage.add(entry.name, file)?;
    }
    stage.refuse_files_as_folders()?;
    stage.refuse_links_that_lead_out()?;
    Ok(stage)
}

/// Hooks are run; all else that is rendered is read.
fn template_mode(name: &str) -> u32 {
    let hook = name.starts_with(".platform/") && name.ends_with(".sh");
    if hook { EXECUTABLE } else { PLAIN }
}

impl File {
    pub(super) fn new(mode: u32, origin: Origin, source: PathBuf) -> Self {
        Self {
            mode,
            origin,
            source,
            link: None,
            bytes: None,
        }
    }
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
    pub fn complete(mut self, built: &Built) -> Result<Self> {
        let rendered = templates::read_all(&built.platform).map_err(anyhow::Error::msg)?;
        for file in self.0.values_mut() {
            file.source = match &file.origin {
                Origin::Server => built.server.clone(),
                Origin::Agent => built.agent.clone(),
                Origin::Relay => built.relay.clone().unwrap_or_default(),
                Origin::Template(name) => built.platform.join(name),
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
                "bytes": file.bytes,
                "from": file.origin.to_string(),
            })
        };
        json!({ "entries": self.iter().map(entry).collect::<Vec<_>>() })
    }

    /// # Errors
    /// When there is a file of this name.
    pub(super) fn add(&mut self, name: String, file: File) -> Result<()> {
        if let Some(other) = self.0.get(&name) {
            let (first, second) = (&other.origin, &file.origin);
            return Err(anyhow!(
                "two files would be `{name}` in the zip: {first} and {second}"
            ));
        }
        self.0.insert(name, file);
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

    /// On the instance a link leads from the release's folder: only what the bundle has is there.
    fn refuse_links_that_lead_out(&self) -> Result<()> {
        for (name, file) in &self.0 {
            let Some(target) = &file.link else { continue };
            if !link::target_in_zip(name, target).is_some_and(|place| self.has(&place)) {
                let path = file.source.display();
                return Err(ui::advised(
                    format!("{path} is a link to `{target}`, which is not in the bundle"),
                    ["`symlinks = \"follow\"` ships what it points to; `exclude` leaves it out"],
                ));
            }
        }
        Ok(())
    }

    /// A file, or a folder with files.
    fn has(&self, place: &str) -> bool {
        let inside = format!("{place}/");
        let mut after = self.0.range(inside.clone()..).map(|(name, _)| name);
        self.0.contains_key(place) || after.next().is_some_and(|name| name.starts_with(&inside))
    }
}
