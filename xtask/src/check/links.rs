//! Checks symbolic links. They must stay inside the bundle, in whichever folder EB unpacks it.

use super::outcome::Check;
use crate::bundle::{Bundle, Content, Entry};

/// Checks the target of every link.
pub fn check(bundle: &Bundle) -> Check {
    let links = bundle.entries.iter().filter(|entry| entry.is_link());
    let findings = links.clone().filter_map(leads_out).collect();
    let fine = match links.count() {
        0 => "none".into(),
        count => format!("{count}, all inside the bundle"),
    };
    Check::of("links", findings, fine)
}

/// Whether a link leads out of the bundle. `..` may appear only at the beginning, and not more often than the link
/// is deep: after a name that is itself a link, `..` could lead anywhere.
fn leads_out(entry: &Entry) -> Option<String> {
    let Content::Link(target) = &entry.content else {
        return None;
    };
    let depth = entry.name.matches('/').count();
    let up = target.split('/').take_while(|part| *part == "..").count();
    let rest = target.split('/').skip(up);
    let why = if target.is_empty() || target.contains('\0') {
        "leads nowhere"
    } else if target.starts_with('/') {
        "is absolute: on the instance, the bundle is in another folder"
    } else if up > depth || rest.into_iter().any(|part| part == "..") {
        "leads out of the bundle"
    } else {
        return None;
    };
    Some(format!("{} -> {target:?} {why}", entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_stay_inside_are_fine() {
        for (name, target, fine) in [
            ("a", "b/c", true),
            ("x/y/a", "../../b", true),
            ("x/a", "..", true),
            ("x/a", "../..", false),
            ("a", "b/../c", false),
            ("a", "/etc/passwd", false),
            ("a", "..", false),
            ("a", "", false),
        ] {
            let content = Content::Link(target.into());
            let entry = Entry {
                name: name.into(),
                content,
                ..Entry::default()
            };
            assert_eq!(leads_out(&entry).is_none(), fine, "{name} -> {target}");
        }
    }
}
