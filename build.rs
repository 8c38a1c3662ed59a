//! Renders `platform-templates/` from `flipless.toml`, and hands the same values to the code.

use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "build/constants.rs"]
mod constants;
#[allow(dead_code)]
#[path = "src/layout.rs"]
mod layout;
#[path = "build/render.rs"]
mod render;
#[allow(dead_code)]
#[path = "src/settings/mod.rs"]
mod settings;
#[path = "build/templates.rs"]
mod templates;

type BuildResult<T> = Result<T, Box<dyn std::error::Error>>;

fn main() {
    if let Err(error) = generate() {
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    }
}

fn generate() -> BuildResult<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let settings = settings::Settings::load(&settings_path(&root)?)?;
    let settings = settings.with_front_mode(front_override().as_deref())?;
    let folder = root.join("platform-templates");
    println!("cargo::rerun-if-changed={}", folder.display());
    let templates = templates::read_all(&folder)?;
    let rendered = render::render_all(&templates, &render::Context::new(&settings))?;
    write_platform(&out.join("platform"), &rendered)?;
    fs::write(out.join("constants.rs"), constants::source(&settings))?;
    Ok(())
}

/// `FLIPLESS_CONFIG` names another configuration file, relative to the project; it has to be there.
fn settings_path(root: &Path) -> BuildResult<PathBuf> {
    println!("cargo::rerun-if-env-changed=FLIPLESS_CONFIG");
    let named = env::var_os("FLIPLESS_CONFIG").filter(|name| !name.is_empty());
    let path = root.join(named.as_deref().unwrap_or("flipless.toml".as_ref()));
    // A path that does not exist would make cargo run this in every build.
    let watched = if path.exists() { path.as_path() } else { root };
    println!("cargo::rerun-if-changed={}", watched.display());
    if named.is_some() && watched == root {
        return Err(format!("FLIPLESS_CONFIG: there is no {}", path.display()).into());
    }
    Ok(path)
}

/// `FLIPLESS_FRONT` builds for another front mode: how `rehearse --front` compares them.
fn front_override() -> Option<String> {
    println!("cargo::rerun-if-env-changed=FLIPLESS_FRONT");
    env::var("FLIPLESS_FRONT").ok()
}

/// Replaces the whole folder, so that a removed template leaves nothing behind.
fn write_platform(folder: &Path, files: &render::Files) -> BuildResult<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    Ok(())
}
