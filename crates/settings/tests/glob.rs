//! Patterns match in the same way as in fnmatch(3) of the C library, which glob(3) calls for each part of a path. The
//! test compares them with `find`, which also calls fnmatch(3).
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use flipless_settings::nginx::glob::matches;

const NAMES: [&str; 16] = [
    "a", "b", "ab", "abc", "a.conf", "b.conf", "a-b", "a]b", "[a", "[ab]", "A1", "x^", "a\\b",
    "a b", "é", "-",
];

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("glob");
    std::fs::create_dir_all(&folder).unwrap();
    for name in NAMES {
        std::fs::write(folder.join(name), "").unwrap();
    }
    folder
}

/// Returns the names that `find` finds.
fn found(folder: &Path, pattern: &str) -> BTreeSet<String> {
    let output = Command::new("find")
        .arg(folder)
        .args(["-mindepth", "1", "-name", pattern, "-printf", "%f\\n"])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn ours(pattern: &str) -> BTreeSet<String> {
    let names = NAMES
        .iter()
        .filter(|name| matches(Path::new(pattern), Path::new(name)));
    names.map(|name| (*name).to_owned()).collect()
}

proptest::proptest! {
    #![proptest_config(flipless_testing::any_input(300))]

    #[test]
    fn any_pattern_matches_as_in_the_c_library(
        pattern in "([*?ab.c\\[\\]^!-]|\\\\[ab*\\]\\[?-]|\\[[!^]?[ab\\]A1-]{1,3}\\]|\\[\\[:(alpha|digit|punct|no):\\]a?\\]){1,6}",
    ) {
        // nginx calls glob(3) only for a path with a wildcard. The random patterns have no slash and no backslash at
        // the end, because `find` warns about these.
        proptest::prop_assume!(pattern.contains(['*', '?', '[']));
        proptest::prop_assert_eq!(ours(&pattern), found(&folder(), &pattern), "{}", pattern);
    }
}
