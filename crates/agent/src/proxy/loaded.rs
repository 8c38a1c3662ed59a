//! Compares the configuration that nginx has loaded with the one on the disk. Before nginx 1.27.4 a reload closes
//! idle connections, so the agent reloads nginx only after a change.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use crate::instance::digest::{of_bytes, of_tree};
use crate::instance::paths::NGINX;
use crate::instance::system::System;

/// The file with the digest of the configuration that nginx has loaded. A reboot removes it.
const LOADED: &str = "/run/flipless/front-loaded";

/// Returns a digest of the configuration on the disk. It covers everything below /etc/nginx, and the content of
/// every file that nginx.conf names. Such a file, for example a certificate, may be in another folder or behind a
/// link.
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

/// Returns the files that nginx.conf names: included files at any depth, and files for TLS. nginx reads them only
/// at its start and at a reload. Relative paths begin at /etc/nginx (`ngx_conf_full_name`).
fn named(system: &System) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    let mut included = vec![Path::new(NGINX).join("nginx.conf")];
    while let Some(path) = included.pop() {
        if !paths.insert(path.clone()) {
            continue;
        }
        let content = content(system, &path);
        for (name, file) in files(&String::from_utf8_lossy(&content)) {
            let file = Path::new(NGINX).join(file);
            match name {
                "include" => included.extend(matching(system, &file)),
                _ => drop(paths.insert(file)),
            }
        }
    }
    paths
}

/// Returns a file's content. An unreadable file counts as empty, because nginx itself reports it.
fn content(system: &System, path: &Path) -> Vec<u8> {
    system.read(path).ok().flatten().unwrap_or_default()
}

/// Returns every file that a pattern may match: all files at the pattern's depth, below the part of it without
/// wildcards. A file too many can at worst cause an unnecessary reload.
fn matching(system: &System, pattern: &Path) -> Vec<PathBuf> {
    let is_wild = |part: &Component| {
        let part = part.as_os_str().to_string_lossy();
        part.contains(['*', '?', '['])
    };
    let folder: PathBuf = pattern
        .components()
        .take_while(|part| !is_wild(part))
        .collect();
    let depth = pattern.components().count() - folder.components().count();
    let root = system.locate(&folder);
    walkdir::WalkDir::new(&root)
        .follow_links(true)
        .min_depth(depth)
        .max_depth(depth)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| Some(folder.join(entry.path().strip_prefix(&root).ok()?)))
        .collect()
}

/// Returns the directives that name a file, with the file. Omits a path that contains a variable.
fn files(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .flat_map(|line| {
            let parts = line.split([';', '{', '}']).map(str::trim);
            parts.take_while(|part| !part.starts_with('#'))
        })
        .filter_map(|directive| {
            let (name, value) = directive.split_once(char::is_whitespace)?;
            let file = value.trim().trim_matches(['"', '\'']);
            let is_file = name == "include" || name.contains("ssl_");
            (is_file && !file.contains(['$', ':', ' '])).then_some((name, file))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn directives_of_files_name_them() {
        for (text, named) in [
            ("ssl_certificate /etc/pki/a.pem;", vec!["/etc/pki/a.pem"]),
            ("  ssl_certificate_key\t\"/k.pem\" ; # own", vec!["/k.pem"]),
            ("include mime.types;", vec!["mime.types"]),
            ("include conf.d/*.conf;", vec!["conf.d/*.conf"]),
            ("proxy_ssl_trusted_certificate ca.pem;", vec!["ca.pem"]),
            (
                "server { ssl_certificate a.pem; ssl_certificate_key b.pem; }",
                vec!["a.pem", "b.pem"],
            ),
            ("ssl_certificate $name.pem;", vec![]),
            ("# ssl_certificate /x.pem;", vec![]),
            ("listen 443; # include /x.conf;", vec![]),
            ("access_log /var/log/nginx/access.log;", vec![]),
        ] {
            let found: Vec<_> = files(text).into_iter().map(|(_, file)| file).collect();
            assert_eq!(found, named, "{text}");
        }
    }

    /// Returns whether a change of the file `changed` is found, if a file with the text `own` is in conf.d.
    fn is_a_change(own: &str, changed: &str) -> bool {
        let instance = Instance::new();
        let system = &instance.system;
        let put = |path: &str, text: &str| system.write(path, text.as_bytes(), 0o644).unwrap();
        put(
            "/etc/nginx/nginx.conf",
            "http {\n  include conf.d/*.conf;\n}\n",
        );
        put("/etc/nginx/conf.d/own.conf", own);
        put("/etc/nginx/tls/ca.pem", "one");
        put("/etc/live/nested.conf", "ssl_certificate nested.pem;\n");
        put(changed, "one");
        for (target, link) in [
            ("../../live/b.pem", "/etc/nginx/tls/b.pem"),
            ("../../live/linked.conf", "/etc/nginx/conf.d/linked.conf"),
            ("../live/nested.pem", "/etc/nginx/nested.pem"),
        ] {
            system.link(Path::new(target), link).unwrap();
        }
        note(system, &digest(system).unwrap()).unwrap();
        assert!(is_current(system).unwrap());
        put(changed, "two");
        let is_change = !is_current(system).unwrap();
        put(changed, "one");
        assert!(is_current(system).unwrap());
        is_change
    }

    #[test]
    fn a_change_in_another_folder_or_behind_a_link_is_found() {
        for (own, changed) in [
            ("ssl_certificate /etc/live/a.pem;\n", "/etc/live/a.pem"),
            ("ssl_certificate_key tls/b.pem;\n", "/etc/live/b.pem"),
            (
                "server { ssl_certificate /etc/live/a.pem; }\n",
                "/etc/live/a.pem",
            ),
            // Only a wildcard names it.
            ("", "/etc/live/linked.conf"),
            ("include /etc/live/more/*.conf;\n", "/etc/live/more/a.conf"),
            ("include /etc/live/*/a.conf;\n", "/etc/live/more/a.conf"),
            ("include /etc/live/nested.conf;\n", "/etc/live/nested.pem"),
        ] {
            assert!(is_a_change(own, changed), "{own}: {changed}");
        }
    }

    #[test]
    fn a_change_of_a_file_that_nginx_does_not_read_is_ignored() {
        let log = "/var/log/nginx/access.log";
        assert!(!is_a_change(&format!("access_log {log};\n"), log));
        assert!(!is_a_change(
            "ssl_certificate /missing;\n",
            "/etc/live/a.pem"
        ));
        // An include that includes itself ends.
        assert!(!is_a_change("include conf.d/own.conf;\n", log));
    }
}
