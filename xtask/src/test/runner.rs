//! Runs the steps, and reports the outcome of each.

use std::fs::File;
use std::io::{self, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::step::{Step, Turn};
use crate::ui;

/// The outcome of a step.
#[derive(Debug)]
pub enum Outcome {
    Passed(Duration),
    Failed(Duration, String),
    Skipped(String),
}

/// A step that has started.
enum Begun {
    Ended(Outcome),
    Running(JoinHandle<Outcome>),
}

impl Begun {
    fn wait(self) -> Outcome {
        match self {
            Self::Ended(outcome) => outcome,
            Self::Running(thread) => {
                let died = |_| Outcome::Failed(Duration::ZERO, "its thread panicked".into());
                thread.join().unwrap_or_else(died)
            }
        }
    }
}

/// Runs all steps, each at the time that its [`Turn`] says. Steps after a failed step still run, so that a person sees
/// all results.
pub fn run(steps: Vec<Step>) -> Vec<(&'static str, Outcome)> {
    let mut begun: Vec<(&str, Begun)> = Vec::new();
    let mut is_urgent = false;
    for step in steps {
        let name = step.name;
        if step.turn == Turn::Alone {
            let wait = |(name, step): (_, Begun)| (name, Begun::Ended(step.wait()));
            begun = begun.into_iter().map(wait).collect();
            is_urgent = false;
        }
        let step = match is_urgent && !step.urgent {
            true => yielding(step),
            false => step,
        };
        let step = match step.turn {
            Turn::Beside => {
                is_urgent |= step.urgent && step.skip.is_none();
                Begun::Running(thread::spawn(|| perform(step, kept)))
            }
            _ => Begun::Ended(perform(step, Command::status)),
        };
        begun.push((name, step));
    }
    let ended = begun.into_iter().map(|(name, step)| (name, step.wait()));
    ended.collect()
}

/// Skips a step, or runs its command with `call`. Prints a status line before and after.
fn perform(mut step: Step, call: fn(&mut Command) -> io::Result<ExitStatus>) -> Outcome {
    if let Some(reason) = step.skip {
        ui::skipped("Skipping", format!("{}: {reason}", step.name));
        return Outcome::Skipped(reason);
    }
    ui::status("Running", step.name);
    let started = Instant::now();
    let status = call(&mut step.command);
    let time = started.elapsed();
    let outcome = match status {
        Ok(status) if status.success() => Outcome::Passed(time),
        Ok(status) => Outcome::Failed(time, status.to_string()),
        Err(error) => Outcome::Failed(time, error.to_string()),
    };
    report(step.name, &outcome);
    outcome
}

/// Runs a command, and prints its output after the command has ended, so that the outputs of steps do not mix.
fn kept(command: &mut Command) -> io::Result<ExitStatus> {
    let mut output: File = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    let status = command.status();
    output.rewind()?;
    io::copy(&mut output, &mut io::stderr())?;
    status
}

/// Gives a step the lowest priority. On a busy processor, another process then gets 68 times as much time (nice(1),
/// sched(7)).
fn yielding(step: Step) -> Step {
    let mut command = Command::new("nice");
    command.args(["-n", "19"]);
    command
        .arg(step.command.get_program())
        .args(step.command.get_args());
    if let Some(folder) = step.command.get_current_dir() {
        command.current_dir(folder);
    }
    Step { command, ..step }
}

/// Prints a line about a step that has ended.
pub fn report(name: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Passed(time) => ui::status("Passed", format!("{name} ({})", ui::duration(*time))),
        Outcome::Failed(time, why) => {
            ui::failed("Failed", format!("{name} ({}): {why}", ui::duration(*time)));
        }
        Outcome::Skipped(reason) => ui::skipped("Skipped", format!("{name}: {reason}")),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tools;

    /// Waits until `$0` exists, for at most ten seconds.
    const APPEARS: &str = "for _ in $(seq 500); do [ -e $0 ] && exit; sleep 0.02; done; exit 1";

    fn step(name: &'static str, turn: Turn, folder: &std::path::Path, script: &str) -> Step {
        let mut command = tools::command("sh");
        command.args(["-c", script]).current_dir(folder);
        Step {
            turn,
            ..Step::new(name, command)
        }
    }

    #[test]
    fn a_step_beside_others_delays_none_and_only_an_urgent_one_makes_them_yield() {
        let folder = tempfile::tempdir().unwrap();
        let step = |name, turn, script: &str| step(name, turn, folder.path(), script);
        let waits = APPEARS
            .replace("$0", "go")
            .replace("&& exit", "&& touch end && exit");
        let outcomes = run(vec![
            step("before", Turn::InOrder, "[ ! -e go ]"),
            step("beside", Turn::Beside, "nice > compiles"),
            Step {
                urgent: true,
                ..step("urgent", Turn::Beside, &format!("nice > urgent; {waits}"))
            },
            step(
                "after",
                Turn::InOrder,
                "[ ! -e end ] && nice > yields && touch go",
            ),
            step(
                "alone",
                Turn::Alone,
                "[ -e end ] && [ $(nice) -lt $(cat yields) ] && cmp compiles urgent",
            ),
        ]);
        let names: Vec<_> = outcomes.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["before", "beside", "urgent", "after", "alone"]);
        let passed = |(_, outcome): &(_, Outcome)| matches!(outcome, Outcome::Passed(_));
        assert!(outcomes.iter().all(passed), "{outcomes:?}");
    }

    #[test]
    fn a_failed_step_does_not_stop_other_steps() {
        let folder = tempfile::tempdir().unwrap();
        let step = |turn, script: &str| step("one", turn, folder.path(), script);
        let mut left_out = step(Turn::InOrder, "exit 4");
        left_out.skip = Some("not here".into());
        let outcomes = run(vec![
            step(Turn::Beside, "exit 3"),
            step(Turn::InOrder, "exit 4"),
            left_out,
            step(Turn::Alone, "true"),
        ]);
        let why = |status: &str| format!("exit status: {status}");
        let [beside, fails, skipped, alone] = outcomes.try_into().unwrap();
        assert!(matches!(beside.1, Outcome::Failed(_, said) if said == why("3")));
        assert!(matches!(fails.1, Outcome::Failed(_, said) if said == why("4")));
        assert!(matches!(skipped.1, Outcome::Skipped(_)));
        assert!(matches!(alone.1, Outcome::Passed(_)));
    }
}
