//! The plan of a soak, drawn from a seed before the soak begins.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::act::{self, Act};
use super::fault::{self, Fault};
use super::random::Random;
use super::wanted::Wanted;
use crate::engine::{Variants, variants};

/// One deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The kind of the deployment.
    pub act: Act,
    /// The fault in the deployment, if any.
    pub fault: Option<Fault>,
    /// How long after the start of the deployment a renewal of the certificate begins; `None` without a renewal.
    pub renewal: Option<Duration>,
    /// How the engine behaves in the deployment.
    pub variants: Variants,
}

/// All deployments of a soak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How the engine behaves before the first of the deployments.
    pub variants: Variants,
    /// The deployments, in order.
    pub steps: Vec<Step>,
}

/// After this many deployments with faults, the engine continues with the next variant.
const SAME_VARIANT: usize = 25;

/// The seed for the acts of a soak without faults.
const WITHOUT_FAULTS: u64 = 1;

impl Plan {
    /// Draws a plan. The same inputs always give the same plan.
    pub fn of(wanted: &Wanted) -> Self {
        let mut random = Random::of(wanted.faults.unwrap_or(WITHOUT_FAULTS));
        let drawn = match wanted.faults {
            Some(_) => random.below(variants::ALL.len() as u32) as usize,
            None => 0,
        };
        let first = wanted.variants.unwrap_or(variants::ALL[drawn]);
        let mut steps = steps(&mut random, wanted, first);
        if wanted.faults.is_some() && wanted.variants.is_none() {
            for (number, step) in steps.iter_mut().enumerate() {
                let place = (drawn + number / SAME_VARIANT) % variants::ALL.len();
                step.variants = variants::ALL[place];
            }
        }
        Self {
            variants: first,
            steps,
        }
    }

    /// Names the variant, or says how many there are.
    pub fn variants(&self) -> String {
        let names: BTreeSet<_> = self.steps.iter().map(|step| step.variants.name).collect();
        match names.len() {
            0 | 1 => self.variants.name.to_owned(),
            several => format!("{several} variants"),
        }
    }

    fn count(&self, says: impl Fn(&Step) -> Option<String>) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for name in self.steps.iter().filter_map(says) {
            *counts.entry(name).or_default() += 1;
        }
        let each = counts.iter().map(|(name, count)| format!("{count} {name}"));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// Draws the deployments. After a kill of a server, no server is killed until a deployment without a fault has replaced
/// the run. Otherwise the agent might roll back the run because of repeated crashes. Other tests cover such a rollback.
fn steps(random: &mut Random, wanted: &Wanted, variants: Variants) -> Vec<Step> {
    let mut spared = true;
    let mut steps = Vec::new();
    for number in 1..=wanted.deployments {
        // The last deployment has no fault, to show that the instance still works.
        let is_last = number == wanted.deployments;
        let act = if is_last {
            Act::Version
        } else {
            draw_act(random, wanted)
        };
        let faulty = wanted.faults.is_some() && random.below(2) == 0 && !is_last;
        let fault = faulty.then(|| fault::draw(random, act, spared, wanted));
        match fault {
            Some(fault) if fault.is_of_a_server() => spared = false,
            None if act.replaces_the_run() => spared = true,
            _ => {}
        }
        let renews = wanted.has_authority && (is_last || random.below(2) == 0);
        steps.push(Step {
            act,
            fault,
            renewal: renews.then(|| random.delay(fault::DEPLOYMENT)),
            variants,
        });
    }
    steps
}

fn draw_act(random: &mut Random, wanted: &Wanted) -> Act {
    match random.weighted(act::ALL) {
        Act::Proxy if !wanted.has_front => Act::Version,
        act => act,
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.act)?;
        if let Some(fault) = &self.fault {
            write!(formatter, "; {fault}")?;
        }
        match self.renewal {
            Some(after) => write!(formatter, "; a renewal at {} ms", after.as_millis()),
            None => Ok(()),
        }
    }
}

/// A summary: how many deployments of each kind, faults of each kind and renewals, and the variant.
impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts = self.count(|step| Some(step.act.to_string()));
        let faults = self.count(|step| match step.fault? {
            Fault::Kill(kill) => Some(format!("kills of {}", kill.victim)),
            Fault::EngineDies(_) => Some("deaths of the engine".into()),
        });
        let faults = if faults.is_empty() {
            "no faults"
        } else {
            &faults
        };
        write!(formatter, "{acts}; {faults}; ")?;
        let renewals = self.steps.iter().filter(|step| step.renewal.is_some());
        match renewals.count() {
            0 => {}
            count => write!(formatter, "{count} renewals; ")?,
        }
        let first = self.variants.name;
        match self.steps.iter().all(|step| step.variants == self.variants) {
            true => write!(formatter, "variant {first}"),
            false => write!(formatter, "{}, from {first} on", self.variants()),
        }
    }
}

#[cfg(test)]
mod tests;
