//! Plans the files of the zip before any program is built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flipless_settings::{Handover, layout};

use super::file_list::{EXECUTABLE, File, FileList, Origin, PLAIN};
use super::include;
use super::platform::PlatformTree;
use super::procfile;
use super::wrap::Wrapped;
use crate::project::Project;
use crate::ui;

/// Lists every file of the bundle before any program is built, so that `dist` finds a missing file or a collision
/// early. `platform` is the rendered platform tree, `server` a prebuilt server, and `wrapped` a source bundle to ship.
/// Calls `say_joined` with the path of an included Procfile.
///
/// # Errors
/// If a prebuilt server would not be used, an include is missing, a link has no target, or two files have the same name.
pub fn plan(
    project: &Project,
    platform: &PlatformTree,
    server: Option<&Path>,
    wrapped: Option<&Wrapped>,
    say_joined: impl Fn(&Path),
) -> Result<FileList> {
    refuse_unused_server(project, server)?;
    let config = &project.config;
    let mut files = FileList::default();
    let mut program = |name: &str, origin, source| {
        let file = File::new(EXECUTABLE, origin, source);
        files.add(layout::in_bin(name), file)
    };
    if config.server.command.is_none() {
        let server = server.map(Path::to_owned).unwrap_or_default();
        program(config.server.bin.as_str(), Origin::Server, server)?;
    }
    program(layout::AGENT_BIN, Origin::Agent, PathBuf::new())?;
    if config.handover() == Handover::Port {
        program(layout::RELAY, Origin::Relay, PathBuf::new())?;
    }
    if config.https.needs_authority() {
        program(
            layout::CERTIFICATES_BIN,
            Origin::Certificates,
            PathBuf::new(),
        )?;
    }
    for (name, content) in &platform.files {
        let (mode, source) = (template_mode(name), platform.path(name));
        let mut file = File::new(mode, Origin::Rendered, source);
        file.bytes = u64::try_from(content.len()).ok();
        files.add(name.clone(), file)?;
    }
    let mut found = include::find(&config.bundle.include, &project.config_folder)?;
    let own = found.iter().position(|entry| entry.name == procfile::FILE);
    let own = own.map(|index| found.remove(index).path);
    if let Some(path) = &own {
        say_joined(path);
    }
    for entry in found {
        files.add(entry.name.clone(), included(entry))?;
    }
    if let Some(wrapped) = wrapped {
        wrapped.add_to(&mut files)?;
    }
    join_procfile(&mut files, platform, own.as_deref(), wrapped)?;
    files.refuse_files_as_folders()?;
    files.refuse_links_without_target()?;
    Ok(files)
}

/// Refuses `--server` for a project whose settings start the server with a command line, because the bundle would not
/// contain the executable.
fn refuse_unused_server(project: &Project, server: Option<&Path>) -> Result<()> {
    let (Some(path), Some(command)) = (server, &project.config.server.command) else {
        return Ok(());
    };
    Err(ui::advised(
        format!(
            "`--server {}` has no effect, because `[server] command` starts {command:?}",
            path.display()
        ),
        ["ship the executable with `[bundle] include`, or remove `command` from flipless.toml"],
    ))
}

/// Tells the user that the zip has another Procfile than the included one.
pub fn say_joined(procfile: &Path) {
    let message = format!("the line `web` of {} with the stand-in", procfile.display());
    ui::status("Replacing", message);
}

fn included(entry: include::Found) -> File {
    let mut file = File::new(entry.mode, Origin::Include(entry.path.clone()), entry.path);
    file.bytes = match &entry.link {
        Some(target) => u64::try_from(target.len()).ok(),
        None => file.source.metadata().map(|data| data.len()).ok(),
    };
    file.link = entry.link;
    file
}

/// Joins the rendered Procfile with an included Procfile and with the Procfile of a wrapped bundle.
fn join_procfile(
    files: &mut FileList,
    platform: &PlatformTree,
    included: Option<&Path>,
    wrapped: Option<&Wrapped>,
) -> Result<()> {
    let mut text = platform
        .files
        .get(procfile::FILE)
        .cloned()
        .unwrap_or_default();
    if let Some(path) = included {
        let own = fs::read_to_string(path);
        let own = own.with_context(|| format!("cannot read {}", path.display()))?;
        text = procfile::joined(&text, &own, &path.display().to_string())?;
    }
    if let Some((own, origin)) = wrapped.map(Wrapped::procfile) {
        text = procfile::joined(&text, own, &origin)?;
    }
    let bytes = platform.replace(procfile::FILE, &text)?;
    files.resize(procfile::FILE, bytes);
    Ok(())
}

/// The mode of a rendered file. Only hooks are executable.
fn template_mode(name: &str) -> u32 {
    let hook = name.starts_with(".platform/") && name.ends_with(".sh");
    if hook { EXECUTABLE } else { PLAIN }
}
