//! Compares the configuration that nginx has loaded with the one on the disk. Before nginx 1.27.4 a reload closes
//! idle connections, so the agent reloads nginx only after a change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::configuration::Configuration;
use super::syntax::Directive;
use super::times::{self, Clock, TICK};
use super::view::View;
use crate::instance::digest::{of_bytes, of_tree};
use crate::instance::paths::NGINX;
use crate::instance::system::System;

/// The file with the digest of the configuration that nginx has loaded. A reboot removes it.
const LOADED: &str = "/run/flipless/front-loaded";

/// Directives that name files which nginx writes, or opens for each request. A change of such a file needs no reload.
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

/// Returns a digest of the configuration on the disk, with the files that the process of this view sees. The digest
/// covers everything below /etc/nginx. It also covers the content of every file that the configuration names, if nginx
/// reads the file when it loads the configuration. Such a file, for example a certificate, may be in another folder or
/// behind a link.
pub fn digest(view: &View, configuration: &Configuration) -> Result<String> {
    let mut digests = of_tree(view.system, view.place(NGINX))?;
    for path in named(view, configuration) {
        // An unreadable file counts as empty, because nginx itself reports it.
        digests += &format!(" {}", of_bytes(&view.read(path).unwrap_or_default()));
    }
    Ok(digests)
}

/// Returns whether nginx has loaded the configuration on the disk.
pub fn is_current(view: &View, configuration: &Configuration) -> Result<bool> {
    let loaded = view.system.read(LOADED)?.unwrap_or_default();
    Ok(loaded == digest(view, configuration)?.into_bytes())
}

/// Records the digest of the configuration that nginx has loaded or is about to load.
pub fn note(system: &System, digest: &str) -> Result<()> {
    system.write(LOADED, digest.as_bytes(), 0o644)
}

/// Forgets the digest, because the agent can't tell which files nginx has loaded. The next comparison then finds a
/// difference.
pub fn forget(system: &System) -> Result<()> {
    system.remove(LOADED)
}

/// Returns whether a file of the configuration has changed since `time`, which counts from the boot.
pub fn changed_since(view: &View, configuration: &Configuration, time: Duration) -> bool {
    let clock = Clock::of(view.system);
    let folder = view.system.locate(view.place(NGINX));
    let below = times::files(&folder).into_iter();
    let named = named(view, configuration).into_iter();
    let mut files = below
        .map(|file| folder.join(file))
        .chain(named.map(|path| view.system.locate(view.place(path))));
    files.any(|file| {
        let change = clock.change(&file);
        change.is_some_and(|change| change > time + TICK)
    })
}

/// Returns the included files, and every other file that a directive names. Looks at every directive outside
/// [`NOT_LOADED`], because modules of nginx have many directives that name a file. A superfluous file can only cause an
/// unnecessary reload. Relative paths begin at /etc/nginx (`ngx_conf_full_name`).
fn named(view: &View, configuration: &Configuration) -> BTreeSet<PathBuf> {
    let arguments = configuration.directives().flat_map(loaded_arguments);
    let paths = arguments.map(|argument| Path::new(NGINX).join(argument));
    let mut files: BTreeSet<_> = paths
        // Leaves out folders, and also pipes and devices, whose content would not end.
        .filter(|path| view.is_file(path))
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

#[cfg(test)]
mod tests;
