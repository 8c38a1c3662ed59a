//! rustc's flags: no path of this machine in what is shipped, and the user's own flags kept.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::target::Target;
use crate::project::Project;
use crate::tools;

/// Between two flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// Replaces this machine's paths.
///
/// # Errors
/// When rustc can't be asked for its folder.
pub fn remap(project: &Project) -> Result<Vec<String>> {
    let sysroot = tools::output(tools::rustc().args(["--print", "sysroot"]))?;
    let home = std::env::home_dir().unwrap_or_default();
    let cargo_home = tools::variable("CARGO_HOME").map_or(home.join(".cargo"), Into::into);
    // The last one that fits wins: the more special come later.
    let mut places: Vec<(&Path, &str)> = vec![
        (cargo_home.as_path(), "/cargo"),
        (Path::new(&sysroot), "/rust"),
        (&project.root, "/source"),
        (project.target_folder(), "/source/target"),
    ];
    if project.server_is_elsewhere() {
        places.push((project.server().root(), "/server"));
        places.push((project.server().target_folder(), "/server/target"));
    }
    let flag = |(from, to): (&Path, &str)| format!("--remap-path-prefix={}={to}", from.display());
    Ok(places.into_iter().map(flag).collect())
}

/// Adds flags to those that cargo would use. It takes one source only: a variable before the
/// configuration (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>).
pub fn add(cargo: &mut Command, target: Target, flags: &[String]) {
    let encoded = std::env::var("CARGO_ENCODED_RUSTFLAGS").ok();
    let plain = std::env::var("RUSTFLAGS").ok();
    let own =
        encoded.or(plain.map(|flags| flags.split_whitespace().collect::<Vec<_>>().join(SEPARATOR)));
    let added = flags.join(SEPARATOR);
    match own.filter(|own| !own.is_empty()) {
        Some(own) => {
            cargo.env("CARGO_ENCODED_RUSTFLAGS", own + SEPARATOR + &added);
        }
        // An array is joined with the one in the user's configuration.
        None => {
            let list = toml::Value::from(flags.to_vec());
            cargo
                .arg("--config")
                .arg(format!("target.{}.rustflags={list}", target.triple()));
        }
    }
}
