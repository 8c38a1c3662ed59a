//! The requirements of a rehearsal on this machine, and the command that installs them.

use std::env;
use std::path::Path;

/// A requirement that this machine does not meet.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// Another operating system.
    #[error(
        "cannot run a rehearsal on {0}: a rehearsal boots a Linux container\nhint: run it in a Linux virtual machine or in CI"
    )]
    Linux(&'static str),
    /// Not root.
    #[error(
        "cannot run a rehearsal without root: a rehearsal boots a container\nhint: run `sudo env PATH=\"$PATH\" cargo xtask rehearse`"
    )]
    Root,
    /// Programs that are not installed.
    #[error("not installed: {}\nhint: run `apt-get install {}`", .0.join(", "), packages(.0))]
    Programs(Vec<&'static str>),
}

const FOR_MACHINES: &[&str] = &["systemd-nspawn", "nsenter", "setpriv", "unshare", "mount"];
const FOR_IMAGES: &[&str] = &["mmdebstrap"];

/// Checks the operating system, the user and the programs. With `builds_image`, also checks the programs that
/// build an image.
pub fn check(builds_image: bool) -> Result<(), Missing> {
    if !cfg!(target_os = "linux") {
        return Err(Missing::Linux(env::consts::OS));
    }
    let mut programs = FOR_MACHINES.to_vec();
    if builds_image {
        programs.extend(FOR_IMAGES);
    }
    programs.retain(|program| !is_installed(program));
    if !programs.is_empty() {
        return Err(Missing::Programs(programs));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Missing::Root);
    }
    Ok(())
}

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // The PATH of a user often lacks the sbin folders.
    let system = ["/usr/sbin", "/sbin"].map(Into::into);
    env::split_paths(&path)
        .chain(system)
        .any(|folder: std::path::PathBuf| is_file(&folder.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

fn packages(programs: &[&str]) -> String {
    let mut packages: Vec<_> = programs.iter().map(|program| package(program)).collect();
    packages.dedup();
    packages.join(" ")
}

/// The Debian package of a program.
fn package(program: &str) -> &str {
    match program {
        "systemd-nspawn" => "systemd-container",
        "nsenter" | "setpriv" | "unshare" => "util-linux",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_error_names_the_packages() {
        let text = Missing::Programs(vec!["systemd-nspawn", "mmdebstrap"]).to_string();
        assert!(
            text.starts_with("not installed: systemd-nspawn, mmdebstrap\n"),
            "{text}"
        );
        assert!(
            text.ends_with("`apt-get install systemd-container mmdebstrap`"),
            "{text}"
        );
    }
}
