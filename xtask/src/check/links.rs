//! Checks symbolic links. EB's `unzip` and the agent's copy to a release keep every link, whatever its target is.
//! The server finds its release at EB's path, so a link leads to the same place as on stock EB.

use super::outcome::Check;
use crate::bundle::{Bundle, Content, Entry};

/// The folder of a bundle on the instance. The folder of the staged bundle is beside it, so relative links lead to
/// the same places from there.
const CURRENT: [&str; 3] = ["var", "app", "current"];

/// Checks the target of every link.
pub fn check(bundle: &Bundle) -> Check {
    let links = bundle.entries.iter().filter(|entry| entry.is_link());
    let findings = links.clone().filter_map(leads_nowhere).collect();
    let warnings: Vec<_> = links.clone().filter_map(leads_out).collect();
    let fine = match links.count() {
        0 => "none".into(),
        count => format!("{count}, all inside the bundle"),
    };
    Check::of("links", findings, fine)
        .with_warnings(&warnings)
        .with_hint(
            "a server that writes through a link needs the link's target in `[server] writable-paths`",
        )
}

/// A finding about a link that Linux can't make (symlink(2)).
fn leads_nowhere(entry: &Entry) -> Option<String> {
    let target = target(entry)?;
    let nowhere = target.is_empty() || target.contains('\0');
    nowhere.then(|| format!("{} -> {target:?} leads nowhere", entry.name))
}

/// A warning about a link out of the bundle.
fn leads_out(entry: &Entry) -> Option<String> {
    let target = target(entry).filter(|_| leads_nowhere(entry).is_none())?;
    let place = place(&entry.name, target);
    let outside = place.strip_prefix(&CURRENT).is_none();
    outside.then(|| {
        let (name, place) = (&entry.name, place.join("/"));
        format!("{name} -> {target:?} leads out of the bundle: the instance has to have /{place}")
    })
}

fn target(entry: &Entry) -> Option<&str> {
    match &entry.content {
        Content::Link(target) => Some(target),
        _ => None,
    }
}

/// The parts of the path to which a link leads on the instance, derived only from the link's name and target, not from
/// other links.
fn place<'a>(name: &'a str, target: &'a str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    if !target.starts_with('/') {
        let folders = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        parts.extend(CURRENT);
        parts.extend(folders.split('/'));
    }
    parts.retain(|part| !part.is_empty());
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_out_of_the_bundle_is_named_with_its_place() {
        for (name, target, place) in [
            ("a", "b/c", None),
            ("x/y/a", "../../b", None),
            ("x/a", "..", None),
            ("a", "b/../c", None),
            ("a", "/var/app/current/b", None),
            ("x/a", "../..", Some("/var/app")),
            ("a", "../shared", Some("/var/app/shared")),
            ("a", "..", Some("/var/app")),
            ("a", "/mnt/efs/", Some("/mnt/efs")),
            ("x/a", "../../../../../../etc/passwd", Some("/etc/passwd")),
            ("a", "/", Some("/")),
        ] {
            let content = Content::Link(target.into());
            let entry = Entry {
                name: name.into(),
                content,
                ..Entry::default()
            };
            let found = leads_out(&entry);
            let found = found
                .as_deref()
                .map(|said| said.split("has to have ").nth(1));
            assert_eq!(found.flatten(), place, "{name} -> {target}");
        }
    }
}
