//! The platform tree, rendered by the build script of the root package.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;
use flipless_settings::{layout, render, templates};
use tempfile::TempDir;

use super::job;
use crate::project::Project;
use crate::{tools, ui};

/// The feature of the root package that renders the platform tree.
pub const PLATFORM: &str = "platform";

/// The tree as it was rendered: every other cargo may render over the build script's own folder, and this
/// one is read minutes later.
pub struct PlatformTree {
    /// The files, by their name in the zip.
    pub files: render::Files,
    copy: TempDir,
}

impl PlatformTree {
    /// Copies what the build script wrote.
    fn copied(folder: &Path) -> Result<Self> {
        let files = templates::read_all(folder).map_err(anyhow::Error::msg)?;
        let copy = tempfile::tempdir().context("cannot make a temporary folder")?;
        for (name, text) in &files {
            let path = copy.path().join(name);
            let write = || {
                fs::create_dir_all(path.parent().unwrap_or(copy.path()))?;
                fs::write(&path, text)
            };
            write().with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self { files, copy })
    }

    /// Where the file of this name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.copy.path().join(name)
    }
}

/// Renders the platform tree. This compiles no program: a changed setting or template changes this tree alone.
///
/// # Errors
/// When a setting or a template is wrong; the build script has said where.
pub fn render(project: &Project) -> Result<PlatformTree> {
    let tree = PlatformTree::copied(&run(project)?)?;
    let settings = project.config.resolve().to_json()?;
    if tree.files.get(layout::SETTINGS_FILE) == Some(&settings) {
        return Ok(tree);
    }
    Err(ui::advised(
        "another cargo rendered the platform tree with other settings meanwhile",
        ["run it again, or set CARGO_TARGET_DIR to a folder that no other cargo uses"],
    ))
}

/// Runs the build script, and returns the folder of what it wrote.
fn run(project: &Project) -> Result<PathBuf> {
    ui::status("Rendering", "the platform tree");
    let package = project.generator()?;
    let mut cargo = tools::cargo();
    cargo
        .args(["build", "--quiet", "--lib", "--no-default-features"])
        .args(["--features", PLATFORM, "--package", package.name.as_str()])
        .arg("--manifest-path")
        .arg(&project.own().cargo_toml)
        .arg("--message-format=json-render-diagnostics");
    if project.config_file.exists() {
        cargo.env("FLIPLESS_CONFIG", &project.config_file);
    }
    let mut folder = None;
    let status = job::messages(&mut cargo, |message| match message {
        Message::BuildScriptExecuted(script) if script.package_id == package.id => {
            folder = Some(script.out_dir.join(PLATFORM).into());
        }
        _ => {}
    })?;
    if !status.success() {
        bail!("the platform tree could not be rendered ({status})");
    }
    folder.context("cargo did not say where the build script's output is")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_that_is_rendered_again_changes_nothing_that_was_planned() {
        let rendered = tempfile::tempdir().unwrap();
        let write = |text: &str| {
            fs::create_dir_all(rendered.path().join("systemd")).unwrap();
            fs::write(rendered.path().join("systemd/a.timer"), text).unwrap();
        };
        write("OnActiveSec=60\n");
        let tree = PlatformTree::copied(rendered.path()).unwrap();
        write("OnActiveSec=900\n");
        assert_eq!(tree.files["systemd/a.timer"], "OnActiveSec=60\n");
        let path = tree.path("systemd/a.timer");
        assert_eq!(fs::read_to_string(path).unwrap(), "OnActiveSec=60\n");
    }
}
