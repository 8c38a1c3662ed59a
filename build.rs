//! Renders the platform tree from `flipless.toml` and `platform-templates/`, with the feature `platform`.
//!
//! `cargo xtask dist` builds the server without that feature, so that a changed setting does not recompile the server.

fn main() {
    // Without this line, cargo would run the script after a change of any file in the package.
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "platform")]
    if let Err(error) = platform::generate() {
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    }
}

#[cfg(feature = "platform")]
mod platform {
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    use flipless_settings::{Config, render, templates};

    type BuildResult<T> = Result<T, Box<dyn std::error::Error>>;

    /// Writes the tree to `OUT_DIR/platform`.
    pub fn generate() -> BuildResult<()> {
        let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
        let out = PathBuf::from(env::var("OUT_DIR")?);
        let config = Config::load(&config_path(&root)?)?;
        let config = config.with_front_mode(front_mode().as_deref())?;
        let folder = root.join("platform-templates");
        println!("cargo::rerun-if-changed={}", folder.display());
        let templates = templates::read_all(&folder)?;
        let tree = render::platform_tree(&templates, &config)?;
        write(&out.join("platform"), &tree)
    }

    /// Returns the path of the configuration file. `FLIPLESS_CONFIG` can name another file than flipless.toml,
    /// relative to `root`. That file must exist.
    fn config_path(root: &Path) -> BuildResult<PathBuf> {
        println!("cargo::rerun-if-env-changed=FLIPLESS_CONFIG");
        let named = env::var_os("FLIPLESS_CONFIG").filter(|name| !name.is_empty());
        let path = root.join(named.as_deref().unwrap_or("flipless.toml".as_ref()));
        // If cargo watched a path that does not exist, it would run this script in every build.
        let watched = if path.exists() { path.as_path() } else { root };
        println!("cargo::rerun-if-changed={}", watched.display());
        if named.is_some() && watched == root {
            return Err(format!("FLIPLESS_CONFIG: {} does not exist", path.display()).into());
        }
        Ok(path)
    }

    /// Returns the front mode in `FLIPLESS_FRONT`. `rehearse --front` sets this variable to compare the modes.
    fn front_mode() -> Option<String> {
        println!("cargo::rerun-if-env-changed=FLIPLESS_FRONT");
        env::var("FLIPLESS_FRONT").ok()
    }

    /// Replaces the whole folder, so that no file of a removed template is left.
    fn write(folder: &Path, files: &render::Files) -> BuildResult<()> {
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
}
