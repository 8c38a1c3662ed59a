//! The platform tree, rendered by the build script of the root package.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;

use super::job;
use crate::project::Project;
use crate::{tools, ui};

/// The feature of the root package that renders the platform tree.
pub const PLATFORM: &str = "platform";

/// Renders the platform tree, and returns its folder. This compiles no program: a changed setting or template
/// changes this tree alone.
///
/// # Errors
/// When a setting or a template is wrong; the build script has said where.
pub fn render(project: &Project) -> Result<PathBuf> {
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
