//! The Procfile, as EB's engine reads it.

use super::Check;
use super::bundle::Bundle;

/// Its grammar, and `web` first.
pub fn check(bundle: &Bundle) -> Vec<Check> {
    let text = bundle.get("Procfile").and_then(|entry| entry.text());
    let findings = match text.map(std::str::from_utf8) {
        None => vec!["missing".into()],
        Some(Err(_)) => vec!["not UTF-8".into()],
        Some(Ok(text)) => findings(text),
    };
    vec![Check::of("Procfile", findings, "`web` comes first")]
}

/// EB's pattern for a line is `^[A-Za-z0-9_-]+:\s*[^\s].*$`.
fn findings(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut names = Vec::new();
    if text.contains('\r') {
        findings.push("lines must end in LF".into());
    }
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
    {
        match process(line) {
            Some(name) if names.contains(&name) => {
                findings.push(format!("line {}: `{name}` again", index + 1));
            }
            Some(name) => names.push(name),
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

fn process(line: &str) -> Option<&str> {
    let (name, command) = line.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let fine = !name.is_empty() && name.chars().all(plain) && !command.trim().is_empty();
    fine.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::findings;

    #[test]
    fn a_main_process_and_another_are_fine() {
        assert!(findings("web: bin/flipless stand-in web\nworker_1:bin/x\n\n").is_empty());
    }

    #[test]
    fn each_mistake_is_named() {
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
