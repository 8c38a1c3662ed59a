//! What nginx has loaded, held against what is on the disk: a reload closes idle connections before
//! nginx 1.27.4, so that there is one only for a change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::paths::NGINX;
use crate::release::{digest_tree, hex_digest};
use crate::system::System;

/// The digest of the configuration that nginx has loaded; gone after a reboot, as nginx is.
const LOADED: &str = "/run/flipless/front-loaded";

/// The configuration on the disk: all below /etc/nginx, and the content of what it names elsewhere,
/// certificates above all, which are renewed behind links.
pub fn digest(system: &System) -> Result<String> {
    let mut digests = digest_tree(system, NGINX)?;
    for path in named(system)? {
        // One that nginx can't read is its own to tell of.
        let content = system.read(&path).ok().flatten().unwrap_or_default();
        digests += &format!(" {}", hex_digest(&content));
    }
    Ok(digests)
}

/// Whether nginx has loaded what is on the disk.
pub fn is_current(system: &System) -> Result<bool> {
    let loaded = system.read(LOADED)?.unwrap_or_default();
    Ok(loaded == digest(system)?.into_bytes())
}

/// Notes what nginx has loaded, or is about to.
pub fn note(system: &System, digest: &str) -> Result<()> {
    system.write(LOADED, digest.as_bytes(), 0o644)
}

/// Files that the configuration names by their path: what TLS needs, and what is included. nginx reads
/// them once, at its start and at a reload; relative names begin at /etc/nginx (`ngx_conf_full_name`).
fn named(system: &System) -> Result<BTreeSet<PathBuf>> {
    let root = system.locate(NGINX);
    let mut paths = BTreeSet::new();
    for entry in walkdir::WalkDir::new(&root) {
        let path = entry?.into_path();
        if path.extension().is_some_and(|name| name == "conf")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            paths.extend(text.lines().filter_map(file_of).map(PathBuf::from));
        }
    }
    Ok(paths
        .into_iter()
        .map(|path| Path::new(NGINX).join(path))
        .collect())
}

/// The file that a directive names; one with a wildcard or a variable names none.
fn file_of(line: &str) -> Option<&str> {
    let (name, value) = line.trim().split_once(char::is_whitespace)?;
    let is_file = name == "include" || name.starts_with("ssl_") || name.starts_with("proxy_ssl_");
    let file = value.split(';').next()?.trim().trim_matches(['"', '\'']);
    (is_file && !file.contains(['*', '?', '[', '$', ':', ' '])).then_some(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn directives_of_files_name_them() {
        for (line, file) in [
            ("ssl_certificate /etc/pki/a.pem;", Some("/etc/pki/a.pem")),
            ("  ssl_certificate_key\t\"/k.pem\" ; # own", Some("/k.pem")),
            ("include mime.types;", Some("mime.types")),
            ("proxy_ssl_trusted_certificate ca.pem;", Some("ca.pem")),
            ("include conf.d/*.conf;", None),
            ("ssl_certificate $name.pem;", None),
            ("# ssl_certificate /x.pem;", None),
            ("access_log /var/log/nginx/access.log;", None),
        ] {
            assert_eq!(file_of(line), file, "{line}");
        }
    }

    #[test]
    fn a_renewed_certificate_elsewhere_or_behind_a_link_is_a_change() {
        let instance = Instance::new();
        let system = &instance.system;
        let put = |path: &str, text: &str| system.write(path, text.as_bytes(), 0o644).unwrap();
        put("/etc/live/a.pem", "one");
        put("/etc/live/b.pem", "one");
        put("/var/log/nginx/access.log", "one");
        put("/etc/nginx/tls/ca.pem", "one");
        let link = "/etc/nginx/tls/b.pem";
        system.link(Path::new("../../live/b.pem"), link).unwrap();
        put(
            "/etc/nginx/conf.d/own.conf",
            "ssl_certificate /etc/live/a.pem;\nssl_certificate_key tls/b.pem;\n\
             access_log /var/log/nginx/access.log;\nssl_trusted_certificate /missing;\n",
        );
        note(system, &digest(system).unwrap()).unwrap();
        assert!(is_current(system).unwrap());
        put("/var/log/nginx/access.log", "two");
        assert!(is_current(system).unwrap(), "a log is no configuration");
        for renewed in ["/etc/live/a.pem", "/etc/live/b.pem"] {
            put(renewed, "two");
            assert!(!is_current(system).unwrap(), "{renewed}");
            put(renewed, "one");
            assert!(is_current(system).unwrap());
        }
    }
}
