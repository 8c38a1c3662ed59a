//! Checks the Procfile in the way in which EB's engine reads it.

use flipless_settings::procfile::{process, program_in_bundle};

use super::outcome::Check;
use crate::bundle::{Bundle, Entry};

/// Checks the syntax, that `web` comes first, and that the programs are in the bundle.
pub fn check(bundle: &Bundle, may_install: bool) -> Check {
    let text = bundle.get("Procfile").and_then(|entry| entry.text());
    let mut findings = match text.map(std::str::from_utf8) {
        None => vec!["missing".into()],
        Some(Err(_)) => vec!["not UTF-8".into()],
        Some(Ok(text)) => findings(text),
    };
    let (missing, unusable) =
        programs(bundle).partition::<Vec<_>, _>(|name| bundle.get(name).is_none());
    let missing = missing
        .iter()
        .map(|name| format!("{name} is not in the bundle"));
    let mut warnings = Vec::new();
    // A hook or a build command may make the program.
    match may_install {
        true => warnings.extend(missing),
        false => findings.extend(missing),
    }
    findings.extend(
        unusable
            .into_iter()
            .filter_map(|name| no_exec_bit(bundle.get(name)?)),
    );
    let check = Check::of("Procfile", findings, "`web` comes first").with_warnings(&warnings);
    check.with_hint(
        "write each line as `NAME: COMMAND`; paths are relative to the root of the bundle",
    )
}

fn findings(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut names = Vec::new();
    // Some editors on Windows write a byte order mark. EB's pattern for a name does not match it.
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => {
            findings.push("the file begins with a byte order mark".into());
            rest
        }
        None => text,
    };
    if text.contains('\r') {
        findings.push("lines must end in LF".into());
    }
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
    {
        match process(line) {
            Some((name, _)) if names.contains(&name) => {
                findings.push(format!("line {} defines `{name}` again", index + 1));
            }
            Some((name, _)) => names.push(name),
            None => findings.push(format!(
                "line {} is not `NAME: COMMAND`: {line:?}",
                index + 1
            )),
        }
    }
    if names.first() != Some(&"web") {
        findings.push("the first process must be `web`".into());
    }
    findings
}

/// A finding if the program can't be executed.
pub fn no_exec_bit(entry: &Entry) -> Option<String> {
    let fine = entry.is_link() || entry.executable();
    (!fine).then(|| format!("{} has no exec bit", entry.name))
}

/// The programs of the bundle that the Procfile starts.
pub fn programs(bundle: &Bundle) -> impl Iterator<Item = &str> {
    let text = bundle.get("Procfile").and_then(|entry| entry.text());
    let text = text.and_then(|text| std::str::from_utf8(text).ok());
    let lines = text.unwrap_or_default().lines();
    let commands = lines.filter_map(process).map(|(_, command)| command);
    commands.filter_map(program_in_bundle)
}

#[cfg(test)]
mod tests {
    use super::findings;

    #[test]
    fn a_main_process_and_another_are_fine() {
        assert!(findings("web: bin/flipless stand-in web\nworker_1:bin/x\n\n").is_empty());
    }

    #[test]
    fn the_finding_names_each_mistake() {
        for (text, expected) in [
            ("worker: x\nweb: y\n", "must be `web`"),
            ("", "must be `web`"),
            ("web: x\nbroken\n", "line 2"),
            ("web: x\nwe b: y\n", "line 2"),
            ("web:   \n", "line 1"),
            ("web: x\r\n", "LF"),
            ("web: x\nweb: y\n", "again"),
        ] {
            let found = findings(text).join("; ");
            assert!(found.contains(expected), "{text:?}: {found:?}");
        }
    }
}
