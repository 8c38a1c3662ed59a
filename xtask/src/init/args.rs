//! The options of `cargo xtask init`.

use std::path::PathBuf;

/// `cargo xtask init`
#[derive(clap::Args)]
pub struct Args {
    /// The folder of the other repository
    #[arg(value_parser = crate::arguments::existing_folder)]
    pub dir: PathBuf,
    /// Depend on this checkout of flipless by its path [default: depend on the checkout's commit in its git
    /// remote, if the remote has this commit]
    #[arg(long, conflicts_with_all = ["git", "rev"])]
    pub path: bool,
    /// Depend on flipless in this git repository [default: the remote of this checkout]
    #[arg(long, value_name = "URL")]
    pub git: Option<String>,
    /// Depend on this commit of the git repository [default: the commit of this checkout]
    #[arg(long, value_name = "COMMIT")]
    pub rev: Option<String>,
    /// The Cargo package that contains the server [default: the only package with a binary]
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    pub package: Option<String>,
    /// The package's binary [default: the only binary]
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    pub bin: Option<String>,
    /// A command line that starts the server, if cargo does not build it [default: `web` of the Procfile]
    #[arg(long, value_name = "COMMAND")]
    pub command: Option<String>,
    /// The name of the package and of the cargo command, for a repository that already has an xtask
    #[arg(long, default_value = "xtask", value_parser = package_name)]
    pub name: String,
}

/// A name that cargo accepts for a package and in an alias.
fn package_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    match text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("use lower-case letters, digits, `-` and `_`, and begin with a letter".into()),
    }
}
