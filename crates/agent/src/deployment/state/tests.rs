#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use flipless_testing::any_input;

#[test]
fn runs_are_numbered_and_never_repeated() {
    let mut state = State::new(FrontMode::Nginx);
    let first = state.new_run("abc", 10);
    let second = state.new_run("abc", 11);
    assert_eq!(
        (first.run.as_str(), second.run.as_str()),
        ("abc-1", "abc-2")
    );
    assert_eq!(first.unit(), "flipless-app@abc-1.service");
}

#[test]
fn what_is_written_is_read_again() {
    let mut state = State::new(FrontMode::Nginx);
    let run = state.new_run("abc", 10);
    state.current = Some(run.clone());
    state.staged = Some(Staged {
        run,
        boot: "b".into(),
        deadline: 5,
    });
    let text = serde_json::to_vec(&state).unwrap();
    assert_eq!(State::parse(&text).unwrap(), state);
}

#[test]
fn a_later_version_and_garbage_are_refused() {
    let error = State::parse(br#"{"version": 2, "anything": 1}"#).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
    assert!(State::parse(b"{").is_err());
    assert!(State::parse(b"").is_err());
}

fn any_run() -> impl Strategy<Value = Run> {
    let names = ("[a-z0-9]{1,12}", prop::option::of("[a-z0-9]{1,12}"));
    (names, 0..=HIGHEST_RUN, any::<u64>()).prop_map(|((release, copy_of), number, since)| Run {
        run: format!("{release}-{number}"),
        release,
        since,
        copy_of,
    })
}

fn any_state() -> impl Strategy<Value = State> {
    let run = || prop::option::of(any_run());
    let staged = prop::option::of((any_run(), any::<(String, u64)>()));
    let names = any::<(String, String)>();
    (run(), run(), staged, 0..=HIGHEST_RUN, names).prop_map(
        |(current, previous, staged, next_run, (during, reason))| State {
            next_run,
            handover: current.as_ref().map(|run| LastHandover {
                at: 1,
                from: run.run.clone(),
                to: run.run.clone(),
            }),
            current,
            previous,
            staged: staged.map(|(run, (boot, deadline))| Staged {
                run,
                boot,
                deadline,
            }),
            failure: Some(Failure {
                at: 1,
                during,
                reason,
            }),
            ..State::new(FrontMode::Nginx)
        },
    )
}

proptest! {
    #![proptest_config(any_input(2048))]

    #[test]
    fn any_state_is_read_as_it_was_written(state in any_state()) {
        let text = serde_json::to_vec_pretty(&state).unwrap();
        prop_assert_eq!(State::parse(&text).unwrap(), state);
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = State::parse(&bytes);
    }

    /// A file with a few changed bytes is refused, or its names still lead to no other folder.
    #[test]
    fn a_damaged_state_is_refused_or_harmless(
        state in any_state(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"/.\"{}:,-0a\0\xff"[..])), 1..4),
        kept in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut text = serde_json::to_vec(&state).unwrap();
        for (place, byte) in damage {
            let place = place.index(text.len());
            text[place] = byte;
        }
        if cut {
            text.truncate(kept.index(text.len()));
        }
        if let Ok(mut read) = State::parse(&text) {
            for release in read.releases_in_use() {
                prop_assert!(release.chars().all(|c| c.is_ascii_alphanumeric()), "{}", release);
            }
            let unit = read.current.as_ref().map(Run::unit).unwrap_or_default();
            prop_assert!(!unit.contains(['/', ' ', '\n']), "{}", unit);
            read.new_run("abc", 1);
        }
    }

    #[test]
    fn a_run_is_a_release_and_a_number_and_no_path(text in r"[a-z0-9./\-+ \x00]{0,16}") {
        if let Some((release, number)) = parse_run(&text) {
            let again = format!("{release}-{number}");
            prop_assert_eq!(parse_run(&again), Some((release, number)));
            prop_assert!(!text.contains(['/', '.', '\0', ' ', '+']), "{}", text);
        }
    }
}
