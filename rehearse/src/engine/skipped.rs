//! The hooks that a rehearsal leaves out.

use flipless_settings::nginx::glob;

/// Whether a pattern of `--skip-hook` matches a hook of the bundle, such as `.platform/hooks/postdeploy/01_tls.sh`. The
/// pattern is a path below `.platform`, or only a file name, with wildcards as in glob(7). No pattern matches
/// flipless's own hooks, because a rehearsal tests them.
pub fn is_skipped(pattern: &str, hook: &str) -> bool {
    let path = hook.strip_prefix(".platform/").unwrap_or(hook);
    let name = path.rsplit('/').next().unwrap_or_default();
    let pattern = pattern.trim_start_matches("./");
    let pattern = pattern.strip_prefix(".platform/").unwrap_or(pattern);
    let matched = match pattern.contains('/') {
        true => path,
        false => name,
    };
    let is_ours = name.trim_start_matches(['~', '!']).starts_with("flipless-");
    !is_ours && glob::matches(pattern.as_ref(), matched.as_ref())
}

#[cfg(test)]
mod tests {
    use super::is_skipped;

    #[test]
    fn a_pattern_is_a_path_below_the_folder_or_a_name() {
        let hook = ".platform/hooks/postdeploy/00_get_certificate.sh";
        for (pattern, expected) in [
            ("hooks/postdeploy/00_get_certificate.sh", true),
            (".platform/hooks/postdeploy/*", true),
            ("*/postdeploy/*cert*", true),
            ("00_*", true),
            ("*.sh", true),
            ("*", true),
            ("hooks/*", false),
            ("hooks/predeploy/*", false),
            ("confighooks/*/*", false),
            ("postdeploy", false),
            ("", false),
        ] {
            assert_eq!(is_skipped(pattern, hook), expected, "{pattern}");
        }
        for ours in [
            "predeploy/~flipless-stage.sh",
            "postdeploy/!flipless-commit.sh",
        ] {
            assert!(
                !is_skipped("*", &format!(".platform/hooks/{ours}")),
                "{ours}"
            );
        }
    }
}
