//! Checks hooks. All of EB's platforms on Amazon Linux 2023 make every hook executable, and turn CRLF into LF. So a
//! missing exec bit and CRLF are only warnings:
//! <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/platforms-linux-extend.hooks.html>

use super::outcome::Check;
use crate::bundle::{Bundle, Content, Entry};

/// The folders of the hooks: for a deployment, and for a change of the configuration.
pub const FOLDERS: [&str; 2] = [".platform/hooks/", ".platform/confighooks/"];
const STAGES: [&str; 3] = ["prebuild", "predeploy", "postdeploy"];
/// Our hooks, in both trees: a configuration deployment runs the hooks of the second tree, and flips too.
const OURS: [&str; 3] = [
    "predeploy/~flipless-stage.sh",
    "postdeploy/!flipless-commit.sh",
    "postdeploy/~flipless-settle.sh",
];

/// Checks that our hooks exist, and that EB can run every hook.
pub fn check(bundle: &Bundle) -> Check {
    let hooks: Vec<&Entry> = bundle
        .entries
        .iter()
        .filter(|entry| is_hook(entry))
        .collect();
    let ours = FOLDERS
        .iter()
        .flat_map(|folder| OURS.map(|hook| format!("{folder}{hook}")));
    let missing = ours.filter(|name| bundle.get(name).is_none());
    let missing = missing.map(|name| format!("{name} is missing"));
    let wrong = hooks.iter().filter_map(|hook| wrong(hook));
    let late = hooks.iter().filter_map(|hook| out_of_order(&hook.name));
    let repaired = hooks.iter().flat_map(|hook| repaired(hook));
    let ignored = bundle.entries.iter().filter_map(ignored);
    let fine = format!("{} hooks with `#!`", hooks.len());
    Check::of("hooks", missing.chain(wrong).collect(), fine)
        .with_warnings(&late.chain(repaired).chain(ignored).collect::<Vec<_>>())
        .with_hint("run `chmod +x FILE`, and `sed -i 's/\\r$//' FILE` for LF; then pack again")
}

/// The folder and the name of a file below a folder of hooks.
fn place(entry: &Entry) -> Option<(&str, &str)> {
    let below = FOLDERS
        .iter()
        .find_map(|folder| entry.name.strip_prefix(folder));
    below.filter(|_| !entry.folder)?.rsplit_once('/')
}

/// Whether EB runs the file. EB runs the files directly in a stage's folder, and no others.
pub fn is_hook(entry: &Entry) -> bool {
    place(entry).is_some_and(|(stage, _)| STAGES.contains(&stage))
}

/// Whether `dist` adds this hook.
pub fn is_ours(name: &str) -> bool {
    let hook = FOLDERS.iter().find_map(|folder| name.strip_prefix(folder));
    hook.is_some_and(|hook| OURS.contains(&hook))
}

/// A warning about an executable in a folder whose name may be a misspelt stage.
fn ignored(entry: &Entry) -> Option<String> {
    let (folder, _) = place(entry)?;
    let stage = !folder.contains('/') && !STAGES.contains(&folder) && entry.executable();
    stage.then(|| format!("EB ignores {}: there is no stage `{folder}`", entry.name))
}

/// Returns why the hook fails on the instance. `dist` packs flipless's own hooks with the exec bit. If they lack the
/// bit, the zip was packed again without modes, so the programs lack the bit, too. EB does not add the bit to programs.
fn wrong(hook: &Entry) -> Option<String> {
    let name = &hook.name;
    let file = name.rsplit('/').next().unwrap_or_default();
    if is_ours(name) && !hook.executable() {
        return Some(format!("{name} has no exec bit"));
    }
    let why = match &hook.content {
        Content::Text(text) if is_ours(name) && text.contains(&b'\r') => {
            "contains CR: lines must end in LF"
        }
        Content::Text(text) if text.starts_with(b"\xef\xbb\xbf") => {
            "begins with a byte order mark, so Linux does not see its `#!`"
        }
        Content::Text(_) | Content::Other if file.starts_with("._") => {
            "is a file that macOS adds, and EB runs it as a hook: leave it out"
        }
        Content::Text(text) if !text.starts_with(b"#!") => "does not begin with `#!`",
        Content::Text(text) if !has_interpreter(text) => "has no path of a program after `#!`",
        Content::Text(_) | Content::Elf(_) | Content::Link(_) | Content::Unchecked(_) => {
            return None;
        }
        // Other checks name the reason.
        Content::Odd(_) | Content::Other | Content::Script(_) | Content::Broken(_) => {
            "cannot be read"
        }
    };
    Some(format!("{name} {why}"))
}

/// Warnings about faults that EB repairs.
fn repaired(hook: &Entry) -> Vec<String> {
    let (name, text) = (&hook.name, hook.text().unwrap_or_default());
    let no_bit = !hook.executable() && !hook.is_link();
    let no_bit = no_bit.then(|| format!("{name} has no exec bit: EB adds it"));
    let crlf = text.windows(2).any(|two| two == b"\r\n");
    let crlf = crlf.then(|| format!("{name} has CRLF line ends: EB turns them into LF"));
    let both = no_bit.into_iter().chain(crlf);
    both.filter(|_| !is_ours(name)).collect()
}

/// Returns a warning if this is a predeploy hook that runs after `stage`, or a postdeploy hook that runs before
/// `commit` or after `front-settle`. EB sorts hooks by the bytes of their names. A hook after `stage` can no longer
/// change a file of the release.
fn out_of_order(name: &str) -> Option<String> {
    let hook = FOLDERS
        .iter()
        .find_map(|folder| name.strip_prefix(folder))?;
    let [stage, commit, settle] = OURS;
    let why = match hook.split('/').next()? {
        "predeploy" if hook > stage => {
            format!(
                "sorts after {stage}, so it runs later, and the release lacks the files that it makes"
            )
        }
        "postdeploy" if hook < commit => format!("sorts before {commit}, so it runs earlier"),
        "postdeploy" if hook > settle => format!(
            "sorts after {settle}, so a listener of nginx that this hook adds is closed until the hook has run"
        ),
        _ => return None,
    };
    Some(format!("{name} {why}: rename it"))
}

/// Whether `#!` is followed by a path. execve(2) does not search PATH for a name.
fn has_interpreter(text: &[u8]) -> bool {
    let line = text[2..].split(|&byte| byte == b'\n').next();
    line.is_some_and(|line| line.trim_ascii_start().starts_with(b"/"))
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
    fn our_hooks_are_last_before_the_flip_and_first_after_it() {
        let order = |name: &str| out_of_order(&format!(".platform/hooks/{name}"));
        for name in [
            "zz_last.sh",
            "zzz",
            "99-x",
            "_x",
            "~a.sh",
            "!x",
            "~flipless-stage.sh",
        ] {
            assert_eq!(order(&format!("predeploy/{name}")), None, "{name}");
        }
        for name in [
            "00_first.sh",
            "0.sh",
            "000",
            "-x",
            "#x",
            "A",
            "!flipless-commit.sh",
        ] {
            assert_eq!(order(&format!("postdeploy/{name}")), None, "{name}");
        }
        for name in [
            "predeploy/~z",
            "predeploy/~~",
            "predeploy/\u{e9}t\u{e9}",
            "postdeploy/!a",
            "postdeploy/~~",
        ] {
            let found = order(name).unwrap_or_default();
            assert!(found.contains("rename it"), "{name}: {found}");
        }
        assert_eq!(order("prebuild/~~"), None);
    }

    #[test]
    fn the_finding_names_each_mistake() {
        let path = ".platform/hooks/predeploy/a.sh";
        for (entry, expected) in [
            (hook(path, 0o100755, "echo\n"), "#!"),
            (
                hook(path, 0o100755, "\u{feff}#!/bin/sh\n"),
                "byte order mark",
            ),
            (
                hook(".platform/hooks/predeploy/._a.sh", 0o100755, "\0\u{5}"),
                "macOS",
            ),
            (hook(path, 0o100755, "#!sh\n"), "path"),
            (hook(path, 0o100755, "#!"), "path"),
        ] {
            let found = wrong(&entry).unwrap_or_default();
            assert!(found.contains(expected), "{expected}: {found:?}");
        }
        assert_eq!(wrong(&hook(path, 0o100755, "#!/bin/sh\n")), None);
    }
}
