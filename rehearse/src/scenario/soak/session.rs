//! Performs and judges one step after another, on one machine and under one load.

use std::time::Duration;

use super::counts::Counts;
use super::fault::Fault;
use super::judge::{self, End};
use super::killer::{Hit, Killer};
use super::ledger::Ledger;
use super::leftovers::Beginning;
use super::look::{self, Before};
use super::perform::{Done, Performer};
use super::plan::Step;
use super::renewal;
use super::tally::Tally;
use super::tell;
use super::versions::{EARLIER, Versions};
use crate::clock::Window;
use crate::engine::Variants;
use crate::load::Load;
use crate::machine::Instance;
use crate::progress;
use crate::scenario::check::Check;
use crate::scenario::error::ScenarioError;
use crate::scenario::excuse::Circumstances;
use crate::scenario::subject::Subject;

/// The pause after a deployment. Some effects of a deployment appear a little later.
const PAUSE: Duration = Duration::from_millis(700);
/// Fewer requests than this in one step mean that the load did not work.
const HARDLY_ANY: usize = 50;

/// A soak in progress.
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

    /// Performs and judges one deployment. `index` counts from 1. Fails if the instance or the load has ended, because
    /// all further steps would only report this.
    pub fn step(&mut self, index: u32, of: usize, step: &Step) -> Result<(), ScenarioError> {
        self.subject.engine.instance().check()?;
        self.load.check()?;
        // The versions that were deployed before the load began have the lower numbers.
        let number = EARLIER + index;
        self.behave(step.variants);
        let before = Before::look(&self.subject);
        self.ledger.tell(step.act, number);
        if let Some(after) = step.renewal {
            renewal::begin(&self.subject, after)?;
        }
        let (done, hit) = self.perform(step, number)?;
        let end = End {
            flipped: look::folder(&self.subject) != before.folder,
            failure: done.failure.as_ref(),
            hit: hit.is_some(),
        };
        let mut problems = self.judge(step, &before, end);
        problems.extend(self.judge_renewal(step, &before));
        std::thread::sleep(PAUSE);
        self.note_kill(hit);
        problems.extend(self.judge_records(step, &before, &done, end.flipped));
        let seconds = done.window.length().as_secs_f64();
        let succeeded = end.outcome().succeeded;
        self.counts.note(step, succeeded, end.hit, seconds);
        let line = tell::line(step, &done, self.ledger.serving, end.hit);
        let wrong = tell::tell(&format!("{index}/{of}"), &line, &problems);
        if !wrong.is_empty() {
            progress::failure("Evidence", look::evidence(&self.subject));
        }
        let name = "a step of the soak went wrong";
        self.checks
            .extend(wrong.into_iter().map(|what| Check::new(name, false, what)));
        Ok(())
    }

    /// Changes the engine's behaviour, if the step has another one.
    fn behave(&mut self, variants: Variants) {
        if self.subject.engine.variants() != variants {
            progress::status("Continuing", format!("with the variant {}", variants.name));
            self.subject.engine.behave(variants);
        }
    }

    /// Performs the step, while the killer waits for its moment.
    fn perform(&mut self, step: &Step, number: u32) -> Result<(Done, Option<Hit>), ScenarioError> {
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
        let done = performer.perform(step, number);
        let hit = killer.and_then(Killer::disarm);
        Ok((done?, hit))
    }

    /// Checks that the step ended as planned, and that the right version serves soon.
    fn judge(&mut self, step: &Step, before: &Before, end: End) -> Vec<String> {
        let outcome = end.outcome();
        let mut problems = Vec::new();
        if !judge::is_as_planned(step, before.previous, end) {
            problems.push(format!("the command did not end as planned: {end:?}"));
        }
        let mut expected = self.ledger.expected(step.act, before.previous, outcome);
        if end.hit && step.fault.is_some_and(Fault::may_spoil_the_flip) && !outcome.succeeded {
            expected.push(self.ledger.serving);
        }
        // If a command that a person runs was killed, nothing starts it again. Only the next command completes the
        // work.
        let settled = outcome.succeeded || !step.act.is_by_hand();
        match look::wait_for(&self.subject, &expected, settled) {
            Ok(label) => self.ledger.serve(label, outcome),
            Err(found) => {
                let wanted: Vec<_> = expected.iter().map(ToString::to_string).collect();
                problems.push(format!(
                    "{found}, but {} should be serving",
                    wanted.join(" or ")
                ));
                // Continues with the version that serves, so that the following steps do not report this
                // problem again.
                self.ledger.serving = look::serving(&self.subject, false).unwrap_or(expected[0]);
            }
        }
        if step.fault.is_none() && outcome.succeeded && outcome.flipped {
            problems.extend(self.judge_proxy());
        }
        problems
    }

    /// Waits for the end of the renewal. A fault may make the renewal fail.
    fn judge_renewal(&self, step: &Step, before: &Before) -> Option<String> {
        step.renewal?;
        match &before.certificate {
            Ok(before) => renewal::end(&self.subject, before, step.fault.is_some()),
            Err(why) => Some(format!("no certificate before the renewal: {why}")),
        }
    }

    /// Checks that nginx has loaded the configuration of the deployed version.
    fn judge_proxy(&self) -> Option<String> {
        if self.circumstances.direct {
            return None;
        }
        let (found, wanted) = (look::proxy(&self.subject), self.ledger.proxy.to_string());
        let wrong = found.as_ref() != Ok(&wanted);
        wrong.then(|| format!("nginx has the configuration {found:?}, not {wanted}"))
    }

    /// Keeps the time of a kill that may have cost requests. Later steps need it too: a client may be idle until then,
    /// and find its connection closed only at its next request.
    fn note_kill(&mut self, hit: Option<Hit>) {
        if let Some(hit) = hit.filter(|hit| hit.served) {
            self.circumstances.killed = Some(hit.window);
        }
    }

    fn judge_records(
        &mut self,
        step: &Step,
        before: &Before,
        done: &Done,
        flipped: bool,
    ) -> Vec<String> {
        let records = self.load.take();
        let part = self.tally.add(&records, done.window, &self.circumstances);
        let mut problems = Vec::new();
        if !part.lost.is_empty() {
            problems.push(format!("lost: {}", part.lost));
        }
        if part.requests < HARDLY_ANY {
            problems.push(format!(
                "the load sent only {} requests in this step",
                part.requests
            ));
        }
        if step.act.changes_by_the_flip() && !before.staged {
            let flip = done.flip.filter(|_| flipped);
            let early = judge::early(&records, &before.runs, flip.unwrap_or(done.window.end));
            let said = || format!("{early} answers of the new run before the flip");
            problems.extend((early > 0).then(said));
        }
        problems
    }

    /// Ends the load. Returns the tally, with checks for the requests since the last step and notes about the
    /// excused failures.
    pub fn end_load(mut self) -> (Tally, Vec<Check>) {
        let now = self.subject.clock.now();
        let none = Window {
            start: now,
            end: now,
        };
        let last = match self.load.stop() {
            Ok(records) => {
                let part = self.tally.add(&records, none, &self.circumstances);
                let name = "requests failed after the last step";
                Check::new(name, part.lost.is_empty(), part.lost)
            }
            Err(error) => Check::new("the load failed", false, error.to_string()),
        };
        let mut checks = vec![last];
        let excused = self.tally.excused().into_iter();
        checks.extend(excused.map(|(why, count)| Check::note(why, format!("{count} requests"))));
        (self.tally, checks)
    }
}
