//! Comparing a release with EB's own file, in the flip and at a restart.

use super::super::compare::*;
use super::super::refresh::{apply, changes};
use super::environment;

#[test]
fn a_property_that_the_release_lacks_is_not_confused_with_what_eb_adds() {
    let file = environment(&[
        ("A", "1"),
        ("B", "2"),
        ("TOKEN", "x"),
        ("GOPATH", "/var/app/current"),
        ("HOME", "/home/webapp"),
        ("PATH", "/usr/bin"),
        ("PORT", "5000"),
    ]);
    let release = environment(&[("A", "1"), ("B", "3"), ("ONLY_IN_HOOKS", "x")]);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected = Differences {
        missing: names(&["TOKEN"]),
        of_eb: names(&["GOPATH", "HOME", "PATH"]),
        additional: names(&["ONLY_IN_HOOKS"]),
        other: names(&["B"]),
    };
    assert_eq!(compare(&file, &release), expected);
}

#[test]
fn a_property_with_any_name_is_compared() {
    // The release has this PATH because get-config lists it.
    let file = environment(&[("PATH", "/a"), ("PORT", "6000")]);
    let release = environment(&[("PATH", "/a")]);
    assert_eq!(compare(&file, &release), Differences::default());
}

#[test]
fn a_restart_makes_the_changes_that_eb_has_made() {
    let last = environment(&[
        ("A", "1"),
        ("GONE", "x"),
        ("GOPATH", "/x"),
        ("S", "as EB quotes it"),
    ]);
    let now = environment(&[
        ("A", "2"),
        ("NEW", "y"),
        ("GOPATH", "/x"),
        ("S", "as EB quotes it"),
    ]);
    let own = environment(&[("A", "1"), ("GONE", "x"), ("S", "real"), ("OWN", "o")]);
    let expected = environment(&[("A", "2"), ("NEW", "y"), ("S", "real"), ("OWN", "o")]);
    assert_eq!(apply(&changes(&last, &now), &now, own), expected);
}

#[test]
fn a_restart_leaves_out_what_eb_itself_adds() {
    let last = environment(&[("HOME", "/a"), ("INVOCATION_ID", "1"), ("PORT", "5000")]);
    let now = environment(&[
        ("EB_IS_COMMAND_LEADER", "true"),
        ("HOME", "/b"),
        ("INVOCATION_ID", "2"),
        ("PORT", "6000"),
    ]);
    // The user has a property HOME, and the release has it.
    let own = environment(&[("HOME", "/a")]);
    assert_eq!(
        apply(&changes(&last, &now), &now, own),
        environment(&[("HOME", "/b")])
    );
}
