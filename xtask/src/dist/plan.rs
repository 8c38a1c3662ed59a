//! Plans the files of the zip before any program is built.

use std::path::{Path, PathBuf};

use anyhow::Result;
use flipless_settings::{Handover, layout};

use super::file_list::{EXECUTABLE, File, FileList, Origin, PLAIN};
use super::include;
use super::platform::PlatformTree;
use crate::project::Project;

/// Lists every file of the bundle before any program is built, so that a missing file or a collision is found
/// early. `platform` is the rendered platform tree.
///
/// # Errors
/// If an include is missing, a link leads out of the bundle, or two files have the same name.
pub fn plan(project: &Project, platform: &PlatformTree, server: Option<&Path>) -> Result<FileList> {
    let config = &project.config;
    let mut files = FileList::default();
    let server = server.map(Path::to_owned).unwrap_or_default();
    let mut program = |name: &str, origin, source| {
        let file = File::new(EXECUTABLE, origin, source);
        files.add(layout::in_bin(name), file)
    };
    program(config.server.bin.as_str(), Origin::Server, server)?;
    program(layout::AGENT_BIN, Origin::Agent, PathBuf::new())?;
    if config.server.handover == Handover::Port {
        program(layout::RELAY, Origin::Relay, PathBuf::new())?;
    }
    for (name, content) in &platform.files {
        let (mode, source) = (template_mode(name), platform.path(name));
        let mut file = File::new(mode, Origin::Rendered, source);
        file.bytes = u64::try_from(content.len()).ok();
        files.add(name.clone(), file)?;
    }
    for entry in include::find(&config.bundle.include, &project.config_folder)? {
        let mut file = File::new(entry.mode, Origin::Include(entry.path.clone()), entry.path);
        file.bytes = match &entry.link {
            Some(target) => u64::try_from(target.len()).ok(),
            None => file.source.metadata().map(|data| data.len()).ok(),
        };
        file.link = entry.link;
        files.add(entry.name, file)?;
    }
    files.refuse_files_as_folders()?;
    files.refuse_links_that_lead_out()?;
    Ok(files)
}

/// The mode of a rendered file. Only hooks are executable.
fn template_mode(name: &str) -> u32 {
    let hook = name.starts_with(".platform/") && name.ends_with(".sh");
    if hook { EXECUTABLE } else { PLAIN }
}
