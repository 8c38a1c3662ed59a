//! How long to wait after a failure.
//!
//! Let's Encrypt allows 5 failed authorizations an hour for a name, and one more every 12 minutes
//! (<https://letsencrypt.org/docs/rate-limits/>). The waits keep refused tries below this rate.

use serde::{Deserialize, Serialize};

use crate::clock::{DAY, HOUR, MINUTE};

/// The kind of a failure. The kinds differ in what another try costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The cause is on this instance or in its DNS. The authority was not asked, so another try costs nothing.
    Local,
    /// The authority was not reached, hung, or was overloaded.
    Busy,
    /// The authority refused, or its answer was unusable. Each try counts against the authority's limits.
    Refused,
    /// A limit of the authority is reached.
    Limited,
    /// The authority has not completed the order yet. The next try continues the same order.
    Pending,
}

/// The longest wait after any failure. Let's Encrypt's longest limits last for a week.
pub const LONGEST: u64 = 7 * DAY;

/// Returns the seconds until the next try, after `failures` failures of this kind in a row. `asked` are the seconds
/// that the authority asked to wait (`Retry-After`).
pub fn wait(kind: Kind, failures: u32, asked: Option<u64>) -> u64 {
    let (first, most) = match kind {
        Kind::Local => (5 * MINUTE, HOUR),
        Kind::Busy => (10 * MINUTE, 6 * HOUR),
        Kind::Refused => (15 * MINUTE, DAY),
        Kind::Limited => (6 * HOUR, 2 * DAY),
        Kind::Pending => (10 * MINUTE, HOUR),
    };
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(20));
    doubled.min(most).max(asked.unwrap_or(0)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [Kind; 5] = [
        Kind::Local,
        Kind::Busy,
        Kind::Refused,
        Kind::Limited,
        Kind::Pending,
    ];

    #[test]
    fn refusals_stay_below_five_failed_authorizations_an_hour() {
        let mut at = 0;
        let tries: Vec<u64> = (1..=12)
            .map(|failures| {
                let this = at;
                at += wait(Kind::Refused, failures, None);
                this
            })
            .collect();
        for from in &tries {
            let within = tries.iter().filter(|at| (*from..from + HOUR).contains(at));
            assert!(within.count() < 5, "{tries:?}");
        }
    }

    #[test]
    fn the_authority_may_ask_for_more_time_but_not_for_ever() {
        assert_eq!(wait(Kind::Limited, 1, Some(30 * HOUR)), 30 * HOUR);
        assert_eq!(wait(Kind::Limited, 1, Some(1)), 6 * HOUR);
        assert_eq!(wait(Kind::Busy, 1, Some(u64::MAX)), LONGEST);
    }

    proptest! {
        #![proptest_config(flipless_testing::any_input(256))]
        #[test]
        fn each_wait_is_at_least_the_one_before_and_at_most_the_longest(
            kind in prop::sample::select(&KINDS[..]), failures: u32, asked: Option<u64>,
        ) {
            let this = wait(kind, failures, asked);
            prop_assert!((5 * MINUTE..=LONGEST).contains(&this));
            prop_assert!(wait(kind, failures.saturating_add(1), asked) >= this);
        }
    }
}
