//! One step after the other, on one machine and under one load.

use std::time::Duration;

use super::counts::Counts;
use super::fault::Fault;
use super::judge;
use super::killer::Killer;
use super::ledger::{Ledger, Outcome};
use super::leftovers::Beginning;
use super::look::{self, Before};
use super::perform::{Done, Performer};
use super::plan::Step;
use super::tally::Tally;
use super::tell;
use super::versions::{EARLIER, Label, Versions};
use crate::clock::Window;
use crate::load::Load;
use crate::machine::{Instance, wait_for};
use crate::progress;
use crate::scenario::check::Check;
use crate::scenario::error::ScenarioError;
use crate::scenario::excuse::Circumstances;
use crate::scenario::subject::Subject;

/// What a deployment sets off may show a little later.
const PAUSE: Duration = Duration::from_millis(700);
/// Within this time the right version serves: systemd tries again what a killed agent left.
const PATIENCE: Duration = Duration::from_secs(30);
/// Any step has more requests.
const HARDLY_ANY: usize = 50;

/// A soak that goes on.
pub(super) struct Session {
    pub subject: Subject,
    pub tally: Tally,
    pub counts: Counts,
    pub checks: Vec<Check>,
    pub beginning: Beginning,
    versions: Versions,
    ledger: Ledger,
    circumstances: Circumstances,
    load: Load,
}

impl Session {
    pub fn new(
        subject: Subject,
        versions: Versions,
        ledger: Ledger,
        circumstances: Circumstances,
        load: Load,
    ) -> Self {
        Self {
            beginning: Beginning::of(&subject),
            subject,
            versions,
            ledger,
            circumstances,
            load,
            tally: Tally::default(),
            counts: Counts::default(),
            checks: Vec::new(),
        }
    }

    /// One deployment, and its judgement. `index`: from 1.
    pub fn step(&mut self, index: u32, of: usize, step: &Step) -> Result<(), ScenarioError> {
        // Above the numbers of the versions before.
        let number = EARLIER + index;
        let before = Before::look(&self.subject);
        self.ledger.tell(step.act, number);
        let (done, killed) = self.perform(step, number)?;
        let outcome = Outcome {
            succeeded: done.error.is_none(),
            flipped: look::folder(&self.subject) != before.folder,
        };
        let mut problems = self.judge(step, &before, outcome);
        std::thread::sleep(PAUSE);
        problems.extend(self.judge_records(step, &before, &done, outcome, killed));
        let seconds = done.window.length().as_secs_f64();
        let was_killed = killed.is_some();
        self.counts
            .note(step, outcome.succeeded, was_killed, seconds);
        let line = tell::line(step, &done, self.ledger.serving, was_killed);
        let wrong = tell::tell(&format!("{index}/{of}"), &line, &problems);
        if !wrong.is_empty() {
            progress::failure("Evidence", look::evidence(&self.subject));
        }
        let name = "a step of the soak went wrong";
        self.checks
            .extend(wrong.into_iter().map(|what| Check::new(name, false, what)));
        Ok(())
    }

    /// Does it, while the killer waits for its moment.
    fn perform(
        &mut self,
        step: &Step,
        number: u32,
    ) -> Result<(Done, Option<Window>), ScenarioError> {
        let root = self.subject.engine.instance().root();
        let killer = match step.fault {
            Some(Fault::Kill(kill)) => Some(Killer::arm(kill, root, self.subject.clock)),
            _ => None,
        };
        let mut performer = Performer {
            subject: &mut self.subject,
            versions: &self.versions,
            proxy: self.ledger.proxy,
        };
        let done = performer.perform(step, number)?;
        Ok((done, killer.and_then(Killer::disarm)))
    }

    /// It ended as it should, and within a moment the right version serves.
    fn judge(&mut self, step: &Step, before: &Before, outcome: Outcome) -> Vec<String> {
        let mut problems = Vec::new();
        if !judge::is_as_planned(step, before.previous, outcome) {
            problems.push(format!("it ended otherwise than planned: {outcome:?}"));
        }
        let mut expected = self.ledger.expected(step.act, before.previous, outcome);
        if step.fault.is_some_and(Fault::may_spoil_the_flip) && !outcome.succeeded {
            expected.push(self.ledger.serving);
        }
        // What a person's killed command left is settled by the next one.
        let settled = outcome.succeeded || !step.act.is_by_hand();
        match self.wait_for(&expected, settled) {
            Ok(label) => self.ledger.serving = label,
            Err(found) => {
                let wanted: Vec<_> = expected.iter().map(ToString::to_string).collect();
                problems.push(format!(
                    "{found}, where {} has to serve",
                    wanted.join(" or ")
                ));
                // Judged once, not again with every step that follows.
                self.ledger.serving = look::serving(&self.subject, false).unwrap_or(expected[0]);
            }
        }
        if step.fault.is_none() && outcome.succeeded && outcome.flipped {
            problems.extend(self.judge_proxy());
        }
        problems
    }

    /// Which of them serves; else what there is instead.
    fn wait_for(&self, expected: &[Label], settled: bool) -> Result<Label, String> {
        let mut last = String::new();
        let found = wait_for(PATIENCE, || match look::serving(&self.subject, settled) {
            Ok(label) if expected.contains(&label) => Some(label),
            Ok(label) => {
                last = format!("{label} serves");
                None
            }
            Err(why) => {
                last = why;
                None
            }
        });
        found.ok_or(last)
    }

    /// nginx has the configuration of the version that was deployed.
    fn judge_proxy(&self) -> Option<String> {
        if self.circumstances.direct {
            return None;
        }
        let (found, wanted) = (look::proxy(&self.subject), self.ledger.proxy.to_string());
        let wrong = found.as_ref() != Ok(&wanted);
        wrong.then(|| format!("nginx has the configuration {found:?}, not {wanted}"))
    }

    fn judge_records(
        &mut self,
        step: &Step,
        before: &Before,
        done: &Done,
        outcome: Outcome,
        killed: Option<Window>,
    ) -> Vec<String> {
        let is_server = step.fault.is_some_and(Fault::is_of_a_server);
        let with = Circumstances {
            killed: killed.filter(|_| is_server),
            ..self.circumstances.clone()
        };
        let records = self.load.take();
        let part = self.tally.add(&records, done.window, &with);
        let mut problems = Vec::new();
        if !part.lost.is_empty() {
            problems.push(format!("lost: {}", part.lost));
        }
        if part.requests < HARDLY_ANY {
            problems.push(format!(
                "there was hardly any load: {} requests",
                part.requests
            ));
        }
        if step.act.changes_by_the_flip() && !before.staged {
            let flip = done.flip.filter(|_| outcome.flipped);
            let early = judge::early(&records, &before.runs, flip.unwrap_or(done.window.end));
            let said = || format!("{early} answers of a new version before the flip");
            problems.extend((early > 0).then(said));
        }
        problems
    }

    /// Ends the load. What it has lost since the last step, and what is not held against the bundle at all.
    pub fn end_load(mut self) -> Result<(Tally, Vec<Check>), ScenarioError> {
        let records = self.load.stop()?;
        let now = self.subject.clock.now();
        let none = Window {
            start: now,
            end: now,
        };
        let part = self.tally.add(&records, none, &self.circumstances);
        let name = "requests failed after the last step";
        let mut checks = vec![Check::new(name, part.lost.is_empty(), part.lost)];
        let excused = self.tally.excused().into_iter();
        checks.extend(excused.map(|(why, count)| Check::note(why, format!("{count} requests"))));
        Ok((self.tally, checks))
    }
}
