//! Patterns match as fnmatch(3) of the C library says, which glob(3) calls for each part of a path. `find` calls it too.
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

/// The names that `find` finds.
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
        // nginx gives only a pattern to glob(3). `find` warns about a slash and about a last backslash.
        proptest::prop_assume!(pattern.contains(['*', '?', '[']));
        proptest::prop_assert_eq!(ours(&pattern), found(&folder(), &pattern), "{}", pattern);
    }
}
