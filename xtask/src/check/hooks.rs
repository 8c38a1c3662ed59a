//! Hooks: older platforms neither repair a lost exec bit nor CR LF.

use super::Check;
use super::bundle::{Bundle, Content, Entry};

const FOLDERS: [&str; 2] = [".platform/hooks/", ".platform/confighooks/"];
const STAGES: [&str; 3] = ["prebuild", "predeploy", "postdeploy"];

/// Every hook can be run.
pub fn check(bundle: &Bundle) -> Vec<Check> {
    let hooks: Vec<&Entry> = bundle
        .entries
        .iter()
        .filter(|entry| is_hook(entry))
        .collect();
    let findings = hooks.iter().filter_map(|hook| wrong(hook)).collect();
    vec![Check::of(
        "hooks",
        findings,
        format!("{} hooks, executable, LF, `#!`", hooks.len()),
    )]
}

fn is_hook(entry: &Entry) -> bool {
    !entry.folder && FOLDERS.iter().any(|folder| entry.name.starts_with(folder))
}

fn wrong(hook: &Entry) -> Option<String> {
    let name = &hook.name;
    let stage = name.split('/').nth(2).unwrap_or_default();
    if !STAGES.contains(&stage) {
        return Some(format!("{name}: EB has no stage `{stage}`"));
    }
    if !hook.executable() {
        return Some(format!("{name} has no exec bit"));
    }
    let why = match &hook.content {
        Content::Elf(_) => return None,
        Content::Text(text) if !text.starts_with(b"#!") => "does not begin with `#!`",
        Content::Text(text) if text.contains(&b'\r') => "has CR: lines must end in LF",
        Content::Text(_) => return None,
        _ => "can't be read",
    };
    Some(format!("{name} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: &str, mode: u32, text: &str) -> Entry {
        Entry {
            name: name.into(),
            mode: Some(mode),
            content: Content::Text(text.into()),
            ..Entry::default()
        }
    }

    #[test]
    fn each_mistake_is_named() {
        let path = ".platform/hooks/predeploy/a.sh";
        for (entry, expected) in [
            (hook(path, 0o100644, "#!/bin/sh\n"), "exec bit"),
            (hook(path, 0o100755, "echo\n"), "#!"),
            (hook(path, 0o100755, "#!/bin/sh\r\n"), "LF"),
            (
                hook(".platform/hooks/deploy/a.sh", 0o100755, "#!/bin/sh\n"),
                "stage",
            ),
        ] {
            let found = wrong(&entry).unwrap_or_default();
            assert!(found.contains(expected), "{expected}: {found:?}");
        }
        assert_eq!(wrong(&hook(path, 0o100755, "#!/bin/sh\n")), None);
    }
}
