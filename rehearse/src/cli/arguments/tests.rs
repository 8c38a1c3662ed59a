#![allow(clippy::unwrap_used)]
use super::*;

/// Returns why a command line is refused; empty if it is accepted.
fn refused(words: &str) -> String {
    let words = ["rehearse"].into_iter().chain(words.split_whitespace());
    let checked = Arguments::try_parse_from(words).and_then(|arguments| arguments.check());
    checked.map_or_else(|error| error.to_string(), |()| String::new())
}

#[test]
fn a_soak_is_of_one_front_and_one_variant() {
    assert_eq!(refused("--soak 200 --faults 7 --image forky --json"), "");
    assert_eq!(
        refused("--soak 200 --front direct --variant order-2020"),
        ""
    );
    assert!(refused("--soak 9 --front stock").contains("loses requests in every deployment"));
    assert!(refused("--soak 9 --front nginx,direct").contains("uses one front mode"));
    assert!(refused("--soak 9 --variant all").contains("name one variant for a soak"));
}

#[test]
fn a_soak_makes_its_own_deployments() {
    for other in [
        "--scenario redeploy",
        "--instances 2",
        "--report x.html",
        "--keep",
    ] {
        let error = refused(&format!("--soak 9 {other}"));
        assert!(error.contains("cannot be used with"), "{other}: {error}");
    }
    assert!(refused("--faults 7").contains("--soak"));
    assert!(refused("--soak 0").contains("1..=10000"));
}

#[test]
fn one_variant_is_the_usual_one() {
    let arguments = Arguments::try_parse_from(["rehearse"]).unwrap();
    assert_eq!(arguments.variants(), [variants::STANDARD]);
    assert_eq!(refused("--front nginx,stock --variant all"), "");
}

#[test]
fn several_hooks_can_be_left_out() {
    let words = ["rehearse", "--skip-hook", "a*", "--skip-hook", "hooks/*/b"];
    let arguments = Arguments::try_parse_from(words).unwrap();
    assert_eq!(arguments.skipped_hooks, ["a*", "hooks/*/b"]);
}
