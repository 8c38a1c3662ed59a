//! Symbolic links in a bundle.

/// Returns the name in the zip to which the link `name` leads. Does not look at other files. Returns `None` if the
/// target is absolute, contains a `\`, or is not inside the zip. Also returns `None` if `..` follows a name in the
/// target: this name may be a link, and `..` could then lead anywhere.
pub fn target_in_zip(name: &str, target: &str) -> Option<String> {
    if target.starts_with('/') || target.contains('\\') {
        return None;
    }
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let mut down = false;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if down => return None,
            ".." => {
                parts.pop()?;
            }
            part => {
                down = true;
                parts.push(part);
            }
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_name_in_the_zip_or_out_of_it() {
        for (name, target, expected) in [
            ("public/latest", "v2", Some("public/v2")),
            ("public/latest", "./v2/", Some("public/v2")),
            ("public/a/b", "../../data/x", Some("data/x")),
            ("a", "b//c", Some("b/c")),
            ("public/a", "b/../c", None),
            ("a", "../b", None),
            ("public/a", "../../b", None),
            ("public/a", "/etc/passwd", None),
            ("a", ".", None),
            ("a", "b\\c", None),
        ] {
            let found = target_in_zip(name, target);
            assert_eq!(found.as_deref(), expected, "{name} -> {target}");
        }
    }
}
