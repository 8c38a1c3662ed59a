//! The Procfile, and the units that EB makes from it.

use flipless_settings::procfile;

use super::error::EngineError;

/// One line of a Procfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The name of the process and of its unit.
    pub name: String,
    /// Its command.
    pub command: String,
}

/// Parses a Procfile. Its first process must be `web`.
///
/// # Errors
/// If a line isn't `NAME: COMMAND`, or the first process isn't `web`.
pub fn parse(text: &str) -> Result<Vec<Process>, EngineError> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let processes: Vec<_> = lines.map(parse_line).collect::<Result<_, _>>()?;
    match processes.first() {
        Some(first) if first.name == "web" => Ok(processes),
        _ => Err(EngineError::Procfile(
            "the first process must be `web`".into(),
        )),
    }
}

fn parse_line(line: &str) -> Result<Process, EngineError> {
    let refused = || EngineError::Procfile(format!("`{line}` is not `NAME: COMMAND`"));
    let (name, command) = procfile::process(line).ok_or_else(refused)?;
    Ok(Process {
        name: name.to_owned(),
        command: command.to_owned(),
    })
}

impl Process {
    /// Its unit's name.
    pub fn unit(&self) -> String {
        format!("{}.service", self.name)
    }

    /// The text of its unit, as in published copies of EB's units.
    pub fn render_unit(&self) -> String {
        let Self { name, command } = self;
        format!(
            r#"[Unit]
Description=This is {name} daemon
PartOf=eb-app.target

[Service]
User=webapp
Type=simple
EnvironmentFile=/opt/elasticbeanstalk/deployment/env
ExecStart=/bin/sh -c "{command}"
ExecStartPost=/bin/sh -c "systemctl show -p MainPID {name}.service | cut -d= -f2 > /var/pids/{name}.pid"
ExecStopPost=/bin/sh -c "rm -f /var/pids/{name}.pid"
Restart=always
SyslogIdentifier={name}
WorkingDirectory=/var/app/current/

[Install]
WantedBy=multi-user.target
"#
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_unit_is_made_of_each_process() {
        let processes =
            parse("web: bin/flipless stand-in web\n\nworker:  bin/work --fast \n").unwrap();
        assert_eq!(processes.len(), 2);
        let unit = processes[1].render_unit();
        assert!(
            unit.contains("\nExecStart=/bin/sh -c \"bin/work --fast\"\n"),
            "{unit}"
        );
        assert!(
            unit.contains("MainPID worker.service | cut -d= -f2 > /var/pids/worker.pid"),
            "{unit}"
        );
        assert!(unit.contains("\nPartOf=eb-app.target\n"), "{unit}");
    }

    proptest::proptest! {
        #![proptest_config(flipless_testing::any_input(2048))]

        /// A name becomes a part of paths and of shell commands, so it must be plain. Parsing the result again
        /// must give the same processes.
        #[test]
        fn any_text_gives_processes_or_is_refused(
            text in "(web: ?[ -~]{0,9}\n)?([a-z0-9_./ -]{1,4}: ?[ -~]{1,5}\n|.{0,9}\n){0,3}",
        ) {
            if let Ok(processes) = parse(&text) {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                for process in &processes {
                    proptest::prop_assert!(process.name.chars().all(plain), "{:?}", process);
                    proptest::prop_assert!(!process.command.contains('\n'), "{:?}", process);
                }
                let line = |p: &Process| format!("{}: {}\n", p.name, p.command);
                let again: String = processes.iter().map(line).collect();
                proptest::prop_assert_eq!(parse(&again).unwrap(), processes);
            }
        }
    }

    #[test]
    fn what_eb_refuses_is_refused() {
        for text in ["", "web:", "web: ", "we b: x", "worker: x\nweb: y", "web x"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
