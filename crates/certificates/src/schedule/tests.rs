#![allow(clippy::unwrap_used)]
use super::*;
use crate::back_off::Kind;
use crate::clock::HOUR;
use crate::progress::{Origin, Suggestion};
use proptest::prelude::*;

/// A time in 2026.
const NOW: u64 = 1_790_000_000;
const LIFE: u64 = 90 * DAY;

fn wanted() -> Wanted {
    Wanted {
        names: Names::from(vec!["a.example".into()]),
        directory: "https://authority.example/".into(),
        profile: None,
    }
}

fn current(not_before: u64) -> Current {
    Current {
        id: "certificate".into(),
        names: wanted().names,
        not_before,
        not_after: not_before + LIFE,
    }
}

/// Returns the progress after an order at this time, from an authority that suggests nothing.
fn ordered(at: u64) -> Progress {
    let mut progress = Progress::default();
    progress.issue(at, &wanted());
    let origin = Origin {
        id: "certificate".into(),
        wanted: wanted(),
        account: "account".into(),
    };
    progress.succeed(at, origin);
    progress.suggestion = Some(Suggestion {
        id: "certificate".into(),
        at: None,
        ask_at: at + DAY,
    });
    progress
}

fn settings() -> Https {
    Https {
        domains: vec!["a.example".into()],
        ..Https::default()
    }
}

fn decision(now: u64, current: Option<&Current>, progress: &Progress) -> Decision {
    decide(now, &settings(), &wanted(), current, progress)
}

fn rests(decision: &Decision) -> bool {
    matches!(decision, Decision::Rest { .. })
}

fn waits(decision: &Decision, end: u64) -> bool {
    matches!(decision, Decision::Wait { until, .. } if *until == end)
}

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life() {
    let (current, mut progress) = (current(NOW), ordered(NOW));
    assert_eq!(
        decision(NOW, None, &Progress::default()),
        Decision::Order(Reason::First)
    );
    let until = NOW + 60 * DAY;
    assert_eq!(
        decision(NOW + HOUR, Some(&current), &progress),
        Decision::Rest { until }
    );
    assert_eq!(
        decision(NOW + 2 * DAY, Some(&current), &progress),
        Decision::Ask
    );
    progress.suggestion.as_mut().unwrap().ask_at = until;
    assert!(rests(&decision(until - 1, Some(&current), &progress)));
    for now in [until, NOW + LIFE, NOW + 10 * LIFE] {
        assert_eq!(
            decision(now, Some(&current), &progress),
            Decision::Order(Reason::Life)
        );
    }
}

#[test]
fn a_suggestion_moves_the_renewal_to_an_earlier_time_only() {
    let (current, mut progress) = (current(NOW), ordered(NOW));
    let suggest = |progress: &mut Progress, at| progress.suggestion.as_mut().unwrap().at = Some(at);
    suggest(&mut progress, NOW + 10 * DAY);
    assert_eq!(renew_at(&current, &progress), NOW + 10 * DAY);
    assert_eq!(
        decision(NOW + 10 * DAY, Some(&current), &progress),
        Decision::Order(Reason::Suggested)
    );
    suggest(&mut progress, NOW + 89 * DAY);
    assert_eq!(renew_at(&current, &progress), NOW + 60 * DAY);
    // A suggestion for another certificate has no effect.
    suggest(&mut progress, NOW);
    progress.suggestion.as_mut().unwrap().id = "another".into();
    assert_eq!(renew_at(&current, &progress), NOW + 60 * DAY);
}

#[test]
fn changed_domains_authority_and_profile_are_ordered_at_once() {
    let (mut current, progress) = (current(NOW), ordered(NOW));
    let changed = |change: fn(&mut Wanted)| {
        let mut wanted = wanted();
        change(&mut wanted);
        decide(NOW + HOUR, &settings(), &wanted, Some(&current), &progress)
    };
    let of_settings = Decision::Order(Reason::Settings);
    assert_eq!(
        changed(|wanted| wanted.profile = Some("shortlived".into())),
        of_settings
    );
    assert_eq!(changed(|wanted| wanted.directory.push('x')), of_settings);
    assert_eq!(
        changed(|wanted| wanted.names = Names::from(vec!["b.example".into()])),
        Decision::Order(Reason::Names)
    );
    current.names = Names::from(vec!["a.example".into(), "www.a.example".into()]);
    assert!(
        rests(&decision(NOW + HOUR, Some(&current), &progress)),
        "a name that the authority has added"
    );
    current.names = Names::from(vec!["b.example".into()]);
    assert_eq!(
        decision(NOW + HOUR, Some(&current), &progress),
        Decision::Order(Reason::Names)
    );
}

#[test]
fn a_certificate_of_unknown_origin_that_fits_is_kept() {
    let decision = decision(NOW + HOUR, Some(&current(NOW)), &Progress::default());
    assert!(rests(&decision), "{decision:?}");
}

#[test]
fn a_failure_holds_back_until_its_time_unless_the_settings_change() {
    let mut progress = Progress::default();
    progress.fail(
        NOW,
        &settings(),
        (Kind::Refused, None),
        u64::MAX,
        "no".into(),
    );
    let until = NOW + 900;
    assert!(waits(&decision(until - 1, None, &progress), until));
    assert_eq!(
        decision(until, None, &progress),
        Decision::Order(Reason::First)
    );
    let changed = Https {
        email: Some("a@b.example".into()),
        ..settings()
    };
    let decision = decide(NOW + 1, &changed, &wanted(), None, &progress);
    assert_eq!(decision, Decision::Order(Reason::First));
}

#[test]
fn a_clock_that_was_in_the_future_does_not_hold_back() {
    let mut progress = Progress::default();
    progress.fail(
        NOW + 1000 * DAY,
        &settings(),
        (Kind::Limited, Some(LONGEST)),
        u64::MAX,
        "no".into(),
    );
    assert_eq!(
        decision(NOW, None, &progress),
        Decision::Order(Reason::First)
    );
    // The file of the progress may contain any time.
    progress.last_try = Some(0);
    assert_eq!(
        decision(NOW, None, &progress),
        Decision::Order(Reason::First)
    );
}

#[test]
fn a_certificate_of_the_future_is_ordered_again_only_if_this_clock_went_back() {
    let tomorrow = current(NOW + 30 * DAY);
    let went_back = ordered(NOW + 30 * DAY);
    assert_eq!(
        decision(NOW, Some(&tomorrow), &went_back),
        Decision::Order(Reason::Clock)
    );
    let behind = decision(NOW + HOUR, Some(&tomorrow), &ordered(NOW));
    assert!(
        matches!(&behind, Decision::Wait { because, .. } if because.contains("clock")),
        "{behind:?}"
    );
    // A certificate of Let's Encrypt is valid from one hour before its issue. Certificates of other authorities are
    // valid from their issue, so a small difference between the clocks is normal.
    assert!(rests(&decision(
        NOW,
        Some(&current(NOW + HOUR)),
        &ordered(NOW)
    )));
}

#[test]
fn the_weekly_limit_is_kept_when_certificates_get_lost() {
    let mut progress = Progress::default();
    for number in 0..5 {
        assert_eq!(
            decision(NOW + number * DAY, None, &progress),
            Decision::Order(Reason::First)
        );
        progress.issue(NOW + number * DAY, &wanted());
    }
    let (limited, until) = (decision(NOW + 5 * DAY, None, &progress), NOW + WEEK);
    assert!(waits(&limited, until), "{limited:?}");
    assert_eq!(
        decision(until, None, &progress),
        Decision::Order(Reason::First)
    );
    let other = Wanted {
        names: Names::from(vec!["b.example".into()]),
        ..wanted()
    };
    let decision = decide(NOW + 5 * DAY, &settings(), &other, None, &progress);
    assert_eq!(decision, Decision::Order(Reason::First));
}

#[test]
fn an_authority_with_certificates_for_a_day_is_asked_every_day() {
    let mut progress = Progress::default();
    for number in 0..20 {
        let now = NOW + number * DAY;
        let current = Current {
            not_after: now + 1,
            ..current(now - DAY)
        };
        assert_eq!(
            decision(now, Some(&current), &progress),
            Decision::Order(Reason::Life)
        );
        let issued = std::mem::take(&mut progress.issued);
        progress = Progress { issued, ..progress };
        progress.issue(now, &wanted());
        progress.issued.last_mut().unwrap().stored = true;
    }
}

/// A private authority may issue certificates that live for a day, and may have no weekly limit.
#[test]
fn a_certificate_for_a_day_waits_for_no_weekly_limit_until_it_is_over() {
    let current = Current {
        not_after: NOW + DAY,
        ..current(NOW)
    };
    let due = NOW + 16 * HOUR;
    let mut refused = Progress::default();
    // Five certificates were issued just now, and none of them was stored.
    for _ in 0..5 {
        refused.issue(due, &wanted());
    }
    let until = due + 4 * HOUR;
    assert!(waits(&decision(due + 1, Some(&current), &refused), until));
    assert_eq!(
        decision(until, Some(&current), &refused),
        Decision::Order(Reason::Life)
    );
    // The authority asks to wait for a week.
    let mut limited = Progress::default();
    let why = (Kind::Limited, Some(WEEK));
    let next = limited.fail(due, &settings(), why, current.patience(due), "no".into());
    assert_eq!(next, until);
    limited.next_try = Some(due + WEEK);
    assert!(waits(&decision(due + 1, Some(&current), &limited), until));
    // For a certificate of 90 days, the weekly limit of Let's Encrypt also applies in the last third of its life.
    let current = self::current(NOW);
    let due = NOW + 60 * DAY;
    let limited = decide_after_five(due, &current);
    assert!(waits(&limited, due + WEEK), "{limited:?}");
}

fn decide_after_five(due: u64, current: &Current) -> Decision {
    let mut progress = Progress::default();
    for _ in 0..5 {
        progress.issue(due, &wanted());
    }
    decision(due + 1, Some(current), &progress)
}

fn open(since: u64, finalized: bool) -> Open {
    Open {
        url: "https://authority.example/order/1".into(),
        wanted: wanted(),
        account: "account".into(),
        since,
        finalized,
    }
}

#[test]
fn an_open_order_counts_once_and_is_continued_for_a_week_or_a_part_of_the_life() {
    let mut progress = Progress::default();
    for _ in 0..5 {
        progress.issue(NOW, &wanted());
    }
    for (finalized, expected) in [(true, true), (false, false)] {
        progress.order = Some(open(NOW, finalized));
        let orders = decision(NOW + HOUR, None, &progress) == Decision::Order(Reason::First);
        assert_eq!(orders, expected, "{finalized}");
    }
    let still = |later, wanted: &Wanted, current: Option<&Current>| {
        resumable(NOW + later, wanted, current, &progress).is_some()
    };
    assert!(still(WEEK - 1, &wanted(), None) && !still(WEEK, &wanted(), None));
    let of_a_day = Current {
        not_after: NOW + DAY,
        ..current(NOW)
    };
    assert!(still(12 * HOUR - 1, &wanted(), Some(&of_a_day)));
    assert!(!still(12 * HOUR, &wanted(), Some(&of_a_day)));
    let other = Wanted {
        profile: Some("other".into()),
        ..wanted()
    };
    assert!(!still(1, &other, None));
}

prop_compose! {
    fn any_progress()(
        failed in prop::option::of(NOW - LIFE..NOW + 3 * LIFE),
        failures in 0..40_u32,
        kind in prop::sample::select(vec![Kind::Local, Kind::Busy, Kind::Refused, Kind::Limited, Kind::Pending]),
        asked: Option<u64>,
        next_try: Option<u64>,
        issued in prop::collection::vec(any::<u64>(), 0..7),
        known: bool,
        suggestion in prop::option::of((prop::option::of(any::<u64>()), any::<u64>())),
    ) -> Progress {
        let mut progress = if known { ordered(NOW) } else { Progress::default() };
        issued.iter().for_each(|at| progress.issue(*at, &wanted()));
        if let Some(at) = failed {
            progress.failures = failures;
            progress.fail(at, &settings(), (kind, asked), u64::MAX, "no".into());
            progress.next_try = next_try.or(progress.next_try);
        }
        progress.suggestion = suggestion.map(|(at, ask_at)| Suggestion { id: "certificate".into(), at, ask_at });
        progress
    }
}

proptest! {
    #![proptest_config(flipless_testing::any_input(512))]

    /// With any progress and any clock, a program without a certificate tries again within [`LONGEST`].
    #[test]
    fn no_state_blocks_for_ever(progress in any_progress(), now in NOW - LIFE..NOW + 3 * LIFE) {
        let tries = (0..=LONGEST).step_by(usize::try_from(HOUR).unwrap());
        let mut decisions = tries.map(|later| decision(now + later, None, &progress));
        prop_assert!(decisions.any(|decision| decision == Decision::Order(Reason::First)));
    }

    /// With any progress, the program tries in time to renew a certificate whose renewal is due: after at most half of
    /// its remaining life, or a sixth of its whole life if that is longer.
    #[test]
    fn no_state_blocks_for_longer_than_the_life_allows(
        progress in any_progress(), life in HOUR..LIFE, part in 67_u64..150,
    ) {
        let current = Current { not_after: NOW + life, ..current(NOW) };
        let now = NOW + life * part / 100;
        let patience = current.patience(now);
        let mut decisions = (0..=20).map(|step| decision(now + patience * step / 20, Some(&current), &progress));
        prop_assert!(decisions.any(|decision| matches!(decision, Decision::Order(_))));
    }

    /// Until two thirds of its life are over, a certificate that matches the settings is renewed only if the authority
    /// suggests it.
    #[test]
    fn a_valid_certificate_is_kept(progress in any_progress(), now in NOW..NOW + 60 * DAY) {
        let current = current(NOW);
        match decision(now, Some(&current), &progress) {
            Decision::Order(Reason::Suggested) => prop_assert!(renew_at(&current, &progress) <= now),
            Decision::Order(other) => prop_assert!(false, "{:?}", other),
            _ => {}
        }
    }

    /// A decision to do nothing names a time in the future.
    #[test]
    fn a_rest_ends_later(progress in any_progress(), now in NOW - LIFE..NOW + 3 * LIFE, with: bool) {
        let current = with.then(|| current(NOW));
        if let Decision::Rest { until } | Decision::Wait { until, .. } = decision(now, current.as_ref(), &progress) {
            prop_assert!(until > now);
        }
    }
}
