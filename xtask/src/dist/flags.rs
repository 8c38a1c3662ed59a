//! The flags for rustc: the user's own flags, and flags that keep paths of this machine out of the programs.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::cargo_config::CargoConfig;
use super::target::Target;
use crate::project::Project;
use crate::tools;

/// Returns the flags that replace paths of this machine, for a program of flipless itself. These flags contain no path
/// of a server in another project. With such a path, cargo would compile the agent and the relay again for each
/// project.
///
/// # Errors
/// If rustc does not report its folder.
pub fn of_own(project: &Project) -> Result<Vec<String>> {
    let sysroot = tools::output(tools::rustc().args(["--print", "sysroot"]))?;
    let home = std::env::home_dir().unwrap_or_default();
    let cargo_home = tools::variable("CARGO_HOME").map_or(home.join(".cargo"), Into::into);
    // The last flag that matches a path wins, so more specific paths come later.
    Ok([
        remap(&cargo_home, "/cargo"),
        remap(Path::new(&sysroot), "/rust"),
        remap(&project.root, "/source"),
        remap(project.target_folder(), "/source/target"),
    ]
    .into())
}

/// Returns the flags that replace paths of this machine, for the server. If the server is in another project, the flags
/// also replace that project's paths.
///
/// # Errors
/// If rustc does not report its folder.
pub fn of_server(project: &Project) -> Result<Vec<String>> {
    let mut flags = of_own(project)?;
    if project.server_is_elsewhere() {
        flags.push(remap(project.server().root(), "/server"));
        flags.push(remap(project.server().target_folder(), "/server/target"));
    }
    Ok(flags)
}

fn remap(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}

/// Adds flags after the user's own flags. cargo reads flags from one source only, and CARGO_ENCODED_RUSTFLAGS has
/// the highest precedence (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>).
///
/// # Errors
/// If the user's flags can't be read, or if a flag contains the separator.
pub fn add(
    cargo: &mut Command,
    config: &CargoConfig,
    target: Target,
    flags: &[String],
) -> Result<()> {
    let mut all = config.rustflags(target)?;
    flags.iter().for_each(|flag| all.push(flag));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", all.encode()?);
    Ok(())
}

/// Returns a warning if the flags choose a processor, because the server may then crash on some instance types.
/// `check` can't find this: rustc does not write the processor into its programs.
pub fn processor<'a>(flags: impl Iterator<Item = &'a String>) -> Option<String> {
    let chosen = flags.filter_map(|flag| flag.split_once("target-cpu=").map(|(_, name)| name));
    let name = chosen.last()?;
    let baseline = ["generic", "x86-64", "x86-64-v2", "neoverse-n1"];
    (!baseline.contains(&name)).then(|| {
        format!(
            "`target-cpu={name}` in the rustc flags: the server may crash on instance types with another processor"
        )
    })
}

#[cfg(test)]
mod tests;
