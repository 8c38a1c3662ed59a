//! Counts the deployments of a soak by kind.

use std::collections::BTreeMap;

use super::fault::{Fault, Victim};
use super::plan::Step;
use crate::result::{SoakResult, SoakRow};

/// The figures of the deployments so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    all: SoakRow,
    kills: u32,
    renewals: u32,
    acts: BTreeMap<super::act::Act, SoakRow>,
    faults: BTreeMap<String, SoakRow>,
}

impl Counts {
    /// Counts a deployment. A kill counts only if its process was found.
    pub fn note(&mut self, step: &Step, succeeded: bool, killed: bool, seconds: f64) {
        self.kills += u32::from(killed);
        self.renewals += u32::from(step.renewal.is_some());
        let fault = step.fault.and_then(|fault| name(&fault, killed));
        let act = self.acts.entry(step.act).or_insert_with(|| SoakRow {
            name: step.act.to_string(),
            ..SoakRow::default()
        });
        let of_fault = fault.map(|name| {
            self.faults.entry(name.clone()).or_insert_with(|| SoakRow {
                name,
                ..SoakRow::default()
            })
        });
        for row in [Some(&mut self.all), Some(act), of_fault]
            .into_iter()
            .flatten()
        {
            row.times += 1;
            row.aborted += u32::from(!succeeded);
            row.seconds += seconds;
        }
    }

    /// Returns the mean duration of a deployment.
    pub fn seconds_each(&self) -> f64 {
        self.all.seconds / f64::from(self.all.times.max(1))
    }

    pub fn result(&self, seed: Option<u64>, seconds: f64) -> SoakResult {
        SoakResult {
            deployments: self.all.times,
            aborted: self.all.aborted,
            kills: self.kills,
            renewals: self.renewals,
            seed,
            seconds,
            rows: self
                .acts
                .values()
                .chain(self.faults.values())
                .cloned()
                .collect(),
        }
    }
}

fn name(fault: &Fault, killed: bool) -> Option<String> {
    Some(match fault {
        Fault::EngineDies(_) => "with a dying engine".into(),
        Fault::Kill(_) if !killed => return None,
        Fault::Kill(kill) => match kill.victim {
            Victim::Agent => "with a killed agent".into(),
            Victim::Server => "with a killed server".into(),
            Victim::Staged => "with a killed staged server".into(),
            Victim::Nginx => "with a killed nginx".into(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::soak::act::Act;
    use std::time::Duration;

    #[test]
    fn a_deployment_is_counted_by_what_it_was_and_by_what_went_wrong() {
        let mut counts = Counts::default();
        let dies = Step {
            act: Act::Version,
            fault: Some(Fault::EngineDies("stop proxy")),
            renewal: Some(Duration::ZERO),
            variants: crate::engine::variants::STANDARD,
        };
        let plain = Step {
            fault: None,
            renewal: None,
            variants: crate::engine::variants::STANDARD,
            ..dies
        };
        counts.note(&dies, false, false, 2.0);
        counts.note(&plain, true, false, 4.0);
        let result = counts.result(Some(7), 10.0);
        assert_eq!(
            (result.deployments, result.aborted, result.renewals),
            (2, 1, 1)
        );
        let rows: Vec<_> = result
            .rows
            .iter()
            .map(|row| (row.name.as_str(), row.times))
            .collect();
        assert_eq!(rows, [("version", 2), ("with a dying engine", 1)]);
        assert!((counts.seconds_each() - 3.0).abs() < 1e-9);
    }
}
