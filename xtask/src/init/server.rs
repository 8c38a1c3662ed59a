//! The server of another repository.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::config::BuildPath;
use flipless_settings::{Config, procfile};

use super::args::Args;
use crate::workspace::Workspace;
use crate::{files, ui};

mod built;

pub use built::Built;
use built::Named;

/// Files of EB in a source bundle.
const FILES_OF_EB: [&str; 3] = [".ebextensions", ".platform", "Procfile"];

/// The server.
pub enum Server {
    /// cargo builds it.
    Built {
        /// The package and the binary.
        built: Box<Built>,
        /// The files of EB in the repository, to include in the bundle.
        files: Vec<String>,
    },
    /// A command line starts it.
    Started {
        /// The command line.
        command: String,
        /// The files of the repository to include in the bundle.
        files: Vec<String>,
    },
}

impl Server {
    /// Finds out which server the repository has. `config` contains the settings of the repository, if they exist
    /// already.
    ///
    /// # Errors
    /// If there is no server, or more than one. The hints name the options that choose the server.
    pub fn find(dir: &Path, args: &Args, config: Option<&Config>) -> Result<Self> {
        if let Some(config) = config {
            return Self::configured(dir, config);
        }
        let named = Named {
            manifest: "Cargo.toml".into(),
            package: args.package.clone(),
            bin: args.bin.clone(),
        };
        if args.command.is_none() && dir.join(&named.manifest).exists() {
            return Self::built(dir, &named);
        }
        let command = match &args.command {
            Some(command) => command.clone(),
            None => web(dir)?,
        };
        let files = all_files(dir, &args.name)?;
        Ok(Self::Started { command, files })
    }

    /// Returns the server that the settings name.
    fn configured(dir: &Path, config: &Config) -> Result<Self> {
        let server = &config.server;
        if let Some(command) = &server.command {
            return Ok(Self::Started {
                command: command.to_string(),
                files: Vec::new(),
            });
        }
        let manifest = server.manifest.as_ref().map(BuildPath::as_str);
        let named = Named {
            manifest: manifest.unwrap_or("Cargo.toml").to_owned(),
            package: server.package.as_ref().map(ToString::to_string),
            bin: Some(server.bin.to_string()),
        };
        Self::built(dir, &named)
    }

    fn built(dir: &Path, named: &Named) -> Result<Self> {
        let files = FILES_OF_EB.iter().filter(|name| dir.join(name).exists());
        Ok(Self::Built {
            files: files.map(|name| (*name).to_owned()).collect(),
            built: built::find(dir, named)?.into(),
        })
    }

    /// The workspace, if cargo builds the server.
    pub fn workspace(&self) -> Option<&Workspace> {
        match self {
            Self::Built { built, .. } => Some(&built.workspace),
            Self::Started { .. } => None,
        }
    }
}

/// Returns the command line of `web` in the repository's Procfile.
fn web(dir: &Path) -> Result<String> {
    let text = files::text(&dir.join("Procfile"))?.unwrap_or_default();
    let mut processes = text.lines().filter_map(procfile::process);
    let web = processes.find(|(name, _)| *name == "web");
    web.map(|(_, command)| command.to_owned()).ok_or_else(|| {
        ui::advised(
            format!("found no server: {} has no Cargo.toml, and no Procfile with a line `web`", dir.display()),
            [
                "for a server that cargo does not build, pass the command line that starts it: --command './shop'",
                "for a zip that you deploy to EB today, run `cargo xtask dist --wrap OLD.zip`; it needs no init",
            ],
        )
    })
}

/// Returns the names in the repository's folder, without hidden files, zips and the files that only build the
/// bundle.
fn all_files(dir: &Path, package: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let name = entry?.file_name();
        let name = name.into_string().map_err(|name| {
            let message = format!(
                "{}: the name {} is not valid UTF-8",
                dir.display(),
                name.display()
            );
            ui::advised(message, ["rename the file: EB could not unpack it"])
        })?;
        let hidden = name.starts_with('.') && !FILES_OF_EB.contains(&name.as_str());
        let tools = [package, "target", "flipless.toml"].contains(&name.as_str());
        if !hidden && !tools && !name.ends_with(".zip") {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}
