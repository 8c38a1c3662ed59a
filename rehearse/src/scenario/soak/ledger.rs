//! Derives which version must serve. The version depends on the commands that EB received, and on their results.

use super::act::Act;
use super::versions::Label;

/// The effect of all commands so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ledger {
    /// The version that EB has stored. EB deploys it again when a property changes.
    pub stored: u32,
    /// The property's value.
    pub property: u32,
    /// The property's value at the last flip.
    pub at_flip: u32,
    /// The number of the nginx configuration. All later versions contain this configuration.
    pub proxy: u32,
    /// The release that serves.
    pub serving: Label,
}

/// The result of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Whether the command succeeded.
    pub succeeded: bool,
    /// Whether EB has renamed the folder.
    pub flipped: bool,
}

impl Ledger {
    /// Records the effect of a command on EB. `number` is the number of the command's new version or property
    /// value.
    pub fn tell(&mut self, act: Act, number: u32) {
        match act {
            Act::Property => self.property = number,
            Act::Restart | Act::Rollback => {}
            Act::Proxy => (self.stored, self.proxy) = (number, number),
            Act::Version | Act::Abort | Act::AbortedFlip | Act::LateHook | Act::PostHook => {
                self.stored = number;
            }
        }
    }

    /// Returns the releases that may serve after the command: the new one if EB has flipped, and otherwise the old one.
    /// `previous` is the release to which a rollback returns. A killed rollback may or may not have taken effect.
    pub fn expected(&self, act: Act, previous: Option<Label>, outcome: Outcome) -> Vec<Label> {
        let deployed = Label {
            version: self.stored,
            property: self.property,
        };
        match act {
            // A restart also applies a property that EB has changed in an interrupted deployment.
            Act::Restart => vec![
                self.serving,
                Label {
                    property: self.property,
                    ..self.serving
                },
            ],
            // A flip to a discarded run fails, and the current run continues to serve.
            Act::AbortedFlip => vec![self.serving],
            Act::Rollback => {
                let back = previous.unwrap_or(self.serving);
                let mut labels = vec![back];
                // Like a restart, a rollback applies a property that EB has changed since the flip.
                if self.property != self.at_flip {
                    let property = self.property;
                    labels.push(Label { property, ..back });
                }
                if !outcome.succeeded {
                    labels.push(self.serving);
                }
                labels
            }
            _ if outcome.flipped => vec![deployed],
            _ => vec![self.serving],
        }
    }

    /// Records which release serves after the command.
    pub fn serve(&mut self, label: Label, outcome: Outcome) {
        self.serving = label;
        let deployed = (self.stored, self.property);
        if outcome.flipped && (label.version, label.property) == deployed {
            self.at_flip = self.property;
        }
    }

    /// Returns the result that a command without a fault must have.
    pub fn planned(act: Act, previous: Option<Label>) -> Outcome {
        let (succeeded, flipped) = match act {
            Act::Version | Act::Property | Act::Proxy => (true, true),
            Act::Restart => (true, false),
            Act::Rollback => (previous.is_some(), false),
            Act::Abort | Act::LateHook => (false, false),
            Act::PostHook | Act::AbortedFlip => (false, true),
        };
        Outcome { succeeded, flipped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn label(version: u32, property: u32) -> Label {
        Label { version, property }
    }

    const LEDGER: Ledger = Ledger {
        stored: 4,
        property: 1,
        at_flip: 1,
        proxy: 2,
        serving: label(4, 1),
    };

    fn expected(act: Act, succeeded: bool, flipped: bool) -> Vec<Label> {
        let mut ledger = LEDGER;
        ledger.tell(act, 5);
        let outcome = Outcome { succeeded, flipped };
        ledger.expected(act, Some(label(3, 1)), outcome)
    }

    #[test]
    fn the_flip_decides() {
        assert_eq!(expected(Act::Version, true, true), [label(5, 1)]);
        assert_eq!(expected(Act::PostHook, false, true), [label(5, 1)]);
        assert_eq!(expected(Act::Proxy, false, false), [label(4, 1)]);
        assert_eq!(expected(Act::LateHook, false, false), [label(4, 1)]);
        assert_eq!(expected(Act::AbortedFlip, false, true), [label(4, 1)]);
        assert_eq!(expected(Act::Property, true, true), [label(4, 5)]);
    }

    #[test]
    fn a_changed_property_deploys_the_version_that_eb_has_stored() {
        let mut ledger = LEDGER;
        ledger.tell(Act::LateHook, 5);
        ledger.tell(Act::Property, 6);
        let flipped = Outcome {
            succeeded: true,
            flipped: true,
        };
        assert_eq!(ledger.expected(Act::Property, None, flipped), [label(5, 6)]);
    }

    #[test]
    fn a_killed_rollback_may_have_done_its_work() {
        assert_eq!(expected(Act::Rollback, true, false), [label(3, 1)]);
        let either = [label(3, 1), label(4, 1)];
        assert_eq!(expected(Act::Rollback, false, false), either);
        assert_eq!(expected(Act::Restart, false, false), [label(4, 1); 2]);
    }

    #[test]
    fn a_rollback_applies_a_property_that_eb_has_changed_since_the_flip() {
        let mut ledger = LEDGER;
        let back = |ledger: &Ledger| {
            let planned = Ledger::planned(Act::Rollback, Some(label(3, 1)));
            ledger.expected(Act::Rollback, Some(label(3, 1)), planned)
        };
        ledger.tell(Act::Property, 6);
        let mut outcome = Ledger::planned(Act::LateHook, None);
        ledger.serve(label(4, 1), outcome);
        assert_eq!(back(&ledger), [label(3, 1), label(3, 6)]);
        outcome.flipped = true;
        ledger.serve(label(4, 6), outcome);
        assert_eq!(back(&ledger), [label(3, 1)]);
    }

    #[test]
    fn failures_that_were_asked_for_are_as_planned() {
        let planned = |act, succeeded, flipped| {
            let outcome = Outcome { succeeded, flipped };
            Ledger::planned(act, Some(label(3, 1))) == outcome
        };
        assert!(planned(Act::LateHook, false, false));
        assert!(!planned(Act::LateHook, false, true));
        assert!(planned(Act::PostHook, false, true));
        assert!(!planned(Act::Version, false, true));
        assert!(!planned(Act::Rollback, false, false));
    }
}
