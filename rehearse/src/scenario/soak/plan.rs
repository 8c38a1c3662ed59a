//! All that a soak does, drawn from its seed before it begins.

use std::collections::BTreeMap;
use std::fmt;

use super::act::{self, Act};
use super::fault::{self, Fault};
use super::random::Random;
use crate::engine::{Variants, variants};

/// One deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub act: Act,
    /// What goes wrong in it.
    pub fault: Option<Fault>,
}

/// The deployments of a soak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How the engine behaves on this machine.
    pub variants: Variants,
    /// In their order.
    pub steps: Vec<Step>,
}

/// What a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// How many deployments.
    pub deployments: u32,
    /// The seed of a soak with faults.
    pub faults: Option<u64>,
    /// The engine's behaviour, if it is not to be drawn.
    pub variants: Option<Variants>,
    /// Whether the instance has a front of ours.
    pub has_front: bool,
}

/// The seed of a soak without faults, whose acts are drawn too.
const WITHOUT_FAULTS: u64 = 1;

impl Plan {
    /// The same for the same wishes.
    pub fn of(wanted: &Wanted) -> Self {
        let mut random = Random::of(wanted.faults.unwrap_or(WITHOUT_FAULTS));
        let drawn = match wanted.faults {
            Some(_) => random.one_of(variants::ALL),
            None => variants::STANDARD,
        };
        Self {
            variants: wanted.variants.unwrap_or(drawn),
            steps: steps(&mut random, wanted),
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

/// A server is killed again only when a deployment without a fault has replaced its run: a run that crashes
/// again and again is rolled back, which is another matter.
fn steps(random: &mut Random, wanted: &Wanted) -> Vec<Step> {
    let mut spared = true;
    let mut steps = Vec::new();
    for number in 1..=wanted.deployments {
        // The last one shows that all is well.
        let is_last = number == wanted.deployments;
        let act = if is_last {
            Act::Version
        } else {
            draw_act(random, wanted)
        };
        let faulty = wanted.faults.is_some() && random.below(2) == 0 && !is_last;
        let fault = faulty.then(|| fault::draw(random, act, spared, wanted.has_front));
        match fault {
            Some(fault) if fault.is_of_a_server() => spared = false,
            None if act.replaces_the_run() => spared = true,
            _ => {}
        }
        steps.push(Step { act, fault });
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
        match &self.fault {
            Some(fault) => write!(formatter, "; {fault}"),
            None => Ok(()),
        }
    }
}

/// What there is, in two lines.
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
        write!(
            formatter,
            "{acts}; {faults}; variant {}",
            self.variants.name
        )
    }
}

#[cfg(test)]
mod tests;
