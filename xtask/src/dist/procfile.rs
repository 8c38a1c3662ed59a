//! The bundle's Procfile: the rendered Procfile, joined with the user's own Procfile.

use anyhow::{Result, ensure};
use flipless_settings::procfile;

use crate::ui;

/// The name of the file in a bundle.
pub const FILE: &str = "Procfile";

/// One line of a Procfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The process's name.
    pub name: String,
    /// Its command line.
    pub command: String,
}

/// Parses a Procfile as EB does.
///
/// # Errors
/// If a line is not `NAME: COMMAND`, or if a name occurs twice. `origin` names the file.
pub fn parse(text: &str, origin: &str) -> Result<Vec<Process>> {
    ensure!(
        !text.starts_with('\u{feff}'),
        "{origin} begins with a byte order mark, so EB does not find `web`; save the file without the mark"
    );
    let mut processes: Vec<Process> = Vec::new();
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let Some((name, command)) = procfile::process(line) else {
            return Err(ui::advised(
                format!(
                    "{origin}, line {}, is not `NAME: COMMAND`: {line:?}",
                    index + 1
                ),
                ["EB refuses a Procfile with such a line; a comment is not allowed either"],
            ));
        };
        ensure!(
            processes.iter().all(|other| other.name != name),
            "{origin}, line {}, defines `{name}` again",
            index + 1
        );
        processes.push(Process {
            name: name.to_owned(),
            command: command.to_owned(),
        });
    }
    Ok(processes)
}

/// Adds the processes of the user's Procfile `own` to the rendered Procfile, and returns the text. The rendered `web`
/// replaces the user's `web`.
///
/// # Errors
/// If the user's file is wrong, has a name that EB can't use beside flipless, or defines a process that `[processes]`
/// also defines.
pub fn joined(rendered: &str, own: &str, origin: &str) -> Result<String> {
    let known = parse(rendered, FILE)?;
    let mut text = rendered.to_owned();
    for Process { name, command } in parse(own, origin)? {
        if name == "web" {
            continue;
        }
        ensure!(
            !procfile::is_taken(&name),
            "{origin} has a process `{name}`, for which EB would overwrite the unit {name}.service; rename the process"
        );
        ensure!(
            known.iter().all(|process| process.name != name),
            "`{name}` is defined in {origin} and in `[processes]` of flipless.toml; remove one of them"
        );
        text.push_str(&format!("{name}: {command}\n"));
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RENDERED: &str = "web: bin/flipless stand-in web\nmailer: bin/mailer\n";

    fn said(own: &str) -> String {
        joined(RENDERED, own, "shop/Procfile")
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn further_processes_follow_and_web_is_the_stand_in() {
        let own = "web: ./shop\r\n\r\nworker-1:./work --queue a:b \n";
        let joined = joined(RENDERED, own, "Procfile").unwrap();
        assert_eq!(joined, format!("{RENDERED}worker-1: ./work --queue a:b\n"));
    }

    #[test]
    fn a_line_that_eb_refuses_is_named() {
        for (own, expected) in [
            ("web: x\n# a comment\n", "line 2"),
            ("we b: x\n", "line 1"),
            ("web: x\nweb: y\n", "defines `web` again"),
            ("\u{feff}web: x\n", "byte order mark"),
            ("mailer: x\n", "in `[processes]`"),
            ("nginx: x\n", "overwrite"),
            ("flipless-gate: x\n", "overwrite"),
        ] {
            let said = said(own);
            assert!(
                said.contains(expected) && said.contains("Procfile"),
                "{said}"
            );
        }
    }
}
