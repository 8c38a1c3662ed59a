//! Prints the progress of a soak.

use super::fault::Fault;
use super::perform::Done;
use super::plan::Step;
use super::versions::Label;
use crate::progress;
use crate::scenario::check::Check;

/// Prints the result of a step and its problems. Returns the problems, for the verdict.
pub(super) fn tell(verb: &str, line: &str, problems: &[String]) -> Vec<String> {
    if problems.is_empty() {
        progress::status(verb, line);
    } else {
        progress::failure(verb, line);
    }
    for problem in problems {
        progress::failure("Wrong", problem);
    }
    let said = problems
        .iter()
        .map(|problem| format!("{problem} ({verb} {line})"));
    said.collect()
}

/// Prints the failed checks and the notes at the end, also if the report is only JSON.
pub(super) fn end(checks: &[Check]) {
    for check in checks.iter().filter(|check| check.is_worth_saying()) {
        match check.ok {
            true => progress::warning("Note", check),
            false => progress::failure("Wrong", check),
        }
    }
}

/// Describes a step in one line.
pub(super) fn line(step: &Step, done: &Done, serving: Label, killed: bool) -> String {
    let seconds = done.window.length().as_secs_f64();
    let ended = match &done.failure {
        None => "succeeded".to_owned(),
        Some(failure) => {
            let text = failure.to_string();
            format!("failed ({})", text.lines().next().unwrap_or_default())
        }
    };
    let missed = match step.fault {
        Some(Fault::Kill(_)) if !killed => " (nothing to kill)",
        _ => "",
    };
    format!("{step}{missed}: {ended} in {seconds:.1} s; {serving} serves")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Window;
    use crate::engine::EngineError;
    use crate::scenario::soak::act::Act;
    use std::time::Duration;

    #[test]
    fn a_line_has_the_step_its_end_and_the_version() {
        let step = Step {
            act: Act::Version,
            fault: Some(Fault::EngineDies("stop proxy")),
            renewal: None,
            variants: crate::engine::variants::STANDARD,
        };
        let done = Done {
            window: Window {
                start: Duration::from_secs(1),
                end: Duration::from_millis(2500),
            },
            flip: None,
            failure: Some(EngineError::Refused("aborted\nmore".into()).into()),
        };
        let serving = Label {
            version: 7,
            property: 3,
        };
        assert_eq!(
            line(&step, &done, serving, false),
            "version; the engine dies before `stop proxy`: failed (aborted) in 1.5 s; \
             version 7 with property 3 serves"
        );
    }
}
