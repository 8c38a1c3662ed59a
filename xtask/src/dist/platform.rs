//! Renders the platform tree with the build script of the root package.

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

/// A copy of the rendered tree. `dist` reads the tree minutes later, and another cargo may have overwritten the build
/// script's own folder by then.
pub struct PlatformTree {
    /// The files, by their name in the zip.
    pub files: render::Files,
    copy: TempDir,
}

impl PlatformTree {
    /// Copies the files in `folder`, the output of the build script.
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

    /// Replaces the text of a file, and returns its size.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn replace(&self, name: &str, text: &str) -> Result<u64> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(text.len() as u64)
    }

    /// The path of the file with this name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.copy.path().join(name)
    }
}

/// Renders the platform tree. A changed setting or template changes only this tree, so this compiles no program.
///
/// # Errors
/// If a setting or a template is wrong. The build script has then printed the place.
pub fn render(project: &Project) -> Result<PlatformTree> {
    let tree = PlatformTree::copied(&run(project)?)?;
    let settings = project.config.resolve().to_json()?;
    if tree.files.get(layout::SETTINGS_FILE) == Some(&settings) {
        return Ok(tree);
    }
    Err(ui::advised(
        "another cargo has rendered the platform tree with other settings at the same time",
        [
            "run `cargo xtask dist` again, or set CARGO_TARGET_DIR to a folder that no other cargo uses",
        ],
    ))
}

/// Runs the build script, and returns its output folder.
fn run(project: &Project) -> Result<PathBuf> {
    ui::status("Rendering", "the platform tree");
    let package = project.generator()?;
    let mut cargo = tools::cargo();
    cargo
        .args(["build", "--quiet", "--lib", "--no-default-features"])
        .args(["--features", PLATFORM, "--package", package.name.as_str()])
        .arg("--message-format=json-render-diagnostics");
    project.own().select(&mut cargo);
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
        bail!("cannot render the platform tree: the build script failed ({status})");
    }
    folder.context("cargo does not report the output folder of the build script")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rendering_again_does_not_change_a_planned_tree() {
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
