//! Compares the configuration that nginx has loaded with the one on the disk. Before nginx 1.27.4 a reload closes
//! idle connections, so the agent reloads nginx only after a change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::configuration::Configuration;
use super::syntax::Directive;
use crate::instance::digest::{of_bytes, of_tree};
use crate::instance::paths::NGINX;
use crate::instance::system::System;

/// The file with the digest of the configuration that nginx has loaded. A reboot removes it.
const LOADED: &str = "/run/flipless/front-loaded";

/// Directives with files that nginx writes, or opens again for a request. Their change needs no reload.
const NOT_LOADED: [&str; 12] = [
    "access_log",
    "alias",
    "auth_basic_user_file",
    "error_log",
    "fastcgi_param",
    "index",
    "lock_file",
    "pid",
    "root",
    "scgi_param",
    "try_files",
    "uwsgi_param",
];

/// Returns a digest of the configuration on the disk. It covers everything below /etc/nginx, and the content of
/// every file that the configuration names and nginx reads when it loads it. Such a file, for example a certificate,
/// may be in another folder or behind a link.
pub fn digest(system: &System) -> Result<String> {
    let mut digests = of_tree(system, NGINX)?;
    for path in named(system) {
        digests += &format!(" {}", of_bytes(&content(system, &path)));
    }
    Ok(digests)
}

/// Returns whether nginx has loaded the configuration on the disk.
pub fn is_current(system: &System) -> Result<bool> {
    let loaded = system.read(LOADED)?.unwrap_or_default();
    Ok(loaded == digest(system)?.into_bytes())
}

/// Records the digest of the configuration that nginx has loaded or is about to load.
pub fn note(system: &System, digest: &str) -> Result<()> {
    system.write(LOADED, digest.as_bytes(), 0o644)
}

/// Returns the included files, and every other file that a directive names. Does not look at the name of the
/// directive, because modules of nginx have many directives that name a file. A file too many can only cause an
/// unnecessary reload. Relative paths begin at /etc/nginx (`ngx_conf_full_name`).
fn named(system: &System) -> BTreeSet<PathBuf> {
    let configuration = Configuration::in_force(system);
    let arguments = configuration.directives().flat_map(loaded_arguments);
    let paths = arguments.map(|argument| Path::new(NGINX).join(argument));
    let mut files: BTreeSet<_> = paths
        // Leaves out folders, and also pipes and devices, whose content would not end.
        .filter(|path| system.locate(path).is_file())
        .collect();
    files.extend(configuration.paths().map(Path::to_owned));
    files
}

fn loaded_arguments(directive: &Directive) -> &[String] {
    match NOT_LOADED.contains(&directive.name()) {
        true => &[],
        false => directive.arguments(),
    }
}

/// Returns a file's content. An unreadable file counts as empty, because nginx itself reports it.
fn content(system: &System, path: &Path) -> Vec<u8> {
    system.read(path).ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests;
