//! What nginx has loaded, held against what is on the disk: a reload closes idle connections before
//! nginx 1.27.4, so that there is one only for a change.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use crate::instance::digest::{of_bytes, of_tree};
use crate::instance::paths::NGINX;
use crate::instance::system::System;

/// The digest of the configuration that nginx has loaded; gone after a reboot, as nginx is.
const LOADED: &str = "/run/flipless/front-loaded";

/// The configuration on the disk: all below /etc/nginx, and the content of what nginx.conf leads to, which
/// may be elsewhere or behind links: certificates above all.
pub fn digest(system: &System) -> Result<String> {
    let mut digests = of_tree(system, NGINX)?;
    for path in named(system) {
        digests += &format!(" {}", of_bytes(&content(system, &path)));
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

/// The files that nginx.conf leads to: what it includes, what that includes, and what TLS needs. nginx reads
/// them once, at its start and at a reload; relative names begin at /etc/nginx (`ngx_conf_full_name`).
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

/// A file's content; none of one that can't be read, which is nginx's to tell of.
fn content(system: &System, path: &Path) -> Vec<u8> {
    system.read(path).ok().flatten().unwrap_or_default()
}

/// The files that a pattern may mean: all that are as deep as it is, below what it has no wildcard in. One
/// too many costs a reload at worst.
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

/// The directives that name a file, and the files; one with a variable names none.
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

    /// Where nginx.conf includes conf.d, `own` is in it, and what `changed` holds is changed: a difference?
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
    fn what_nginx_reads_elsewhere_or_behind_a_link_is_a_change() {
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
    fn what_nginx_does_not_read_is_none() {
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
