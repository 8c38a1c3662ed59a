#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn the_package_is_a_workspace_of_its_own_with_the_profile_of_flipless() {
    let own = "[profile.release]\nlto = true\n\n# quick\n[profile.dev]\ndebug = 1\n\n\
               [profile.dev.package]\nzip = { opt-level = 3 }\n";
    let keys = [("git", "https://h/\"x".to_owned()), ("rev", "1".to_owned())];
    let text = text("xtask", &keys, own).unwrap();
    let parsed: DocumentMut = text.parse().unwrap();
    let dependency = &parsed["dependencies"][DEPENDENCY];
    assert_eq!(dependency["package"].as_str(), Some("xtask"));
    assert_eq!(dependency["git"].as_str(), Some("https://h/\"x"));
    assert!(parsed["workspace"].is_table(), "{text}");
    let dev = &parsed["profile"]["dev"];
    assert_eq!(dev["debug"].as_integer(), Some(1));
    assert_eq!(dev["package"]["zip"]["opt-level"].as_integer(), Some(3));
    assert!(!text.contains("lto"), "{text}");
}
