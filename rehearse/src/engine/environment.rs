//! Environment properties, for hooks and for the environment file of the units.

use std::collections::BTreeMap;

use crate::machine::SEARCH_PATH;

/// Environment properties by name.
pub type Properties = BTreeMap<String, String>;

/// The environment file of `web.service`. EB writes it only in the flip.
pub(super) const FILE: &str = "opt/elasticbeanstalk/deployment/env";

/// Returns the environment of a hook: all properties, and HOME, PATH, PORT and EB_IS_COMMAND_LEADER unless a property
/// has the same name. A single instance is always the leader.
pub(super) fn of_hooks(properties: &Properties) -> Vec<(String, String)> {
    with_defaults(
        properties,
        &[
            ("EB_IS_COMMAND_LEADER", "true"),
            ("HOME", "/root"),
            ("PATH", SEARCH_PATH),
            ("PORT", "5000"),
        ],
    )
}

/// Further variables that EB may add to [`FILE`].
const EXTRAS: [(&str, &str); 5] = [
    ("EB_IS_COMMAND_LEADER", "true"),
    ("HOME", "/home/webapp"),
    ("LANG", "en_US.UTF-8"),
    ("LC_ALL", "en_US.UTF-8"),
    ("PATH", SEARCH_PATH),
];

/// Returns the content of [`FILE`].
pub(super) fn render_file(properties: &Properties, has_extras: bool) -> String {
    let mut defaults = vec![("GOPATH", "/var/app/current"), ("PORT", "5000")];
    if has_extras {
        defaults.extend(EXTRAS);
    }
    let variables = with_defaults(properties, &defaults);
    variables
        .iter()
        .map(|(name, value)| format!("{name}={}\n", quote(value)))
        .collect()
}

fn with_defaults(properties: &Properties, defaults: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all: Properties = defaults
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    all.extend(properties.clone());
    all.into_iter().collect()
}

/// Quotes a value so that systemd reads the same value back (systemd.exec(5), EnvironmentFile=). In double quotes,
/// `"`, `\`, `` ` `` and `$` need a backslash, and a newline needs none.
fn quote(value: &str) -> String {
    let mut quoted = String::from("\"");
    for character in value.chars() {
        if matches!(character, '"' | '\\' | '`' | '$') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn values_are_quoted_for_systemd() {
        let text = render_file(&properties(&[("A", "a \"b\" $c `d` \\e %f\nü")]), false);
        assert!(
            text.starts_with("A=\"a \\\"b\\\" \\$c \\`d\\` \\\\e %f\nü\"\n"),
            "{text}"
        );
        assert!(text.ends_with("PORT=\"5000\"\n"), "{text}");
    }

    #[test]
    fn eb_may_add_more_variables_of_its_own() {
        let text = render_file(&properties(&[("LANG", "C")]), true);
        assert!(text.contains("\nHOME=\"/home/webapp\"\n"), "{text}");
        assert!(text.contains("\nLANG=\"C\"\n"), "{text}");
    }

    #[test]
    fn a_property_takes_precedence_over_a_default() {
        let environment = of_hooks(&properties(&[("PORT", "8080")]));
        assert!(environment.contains(&("PORT".into(), "8080".into())));
        assert!(environment.contains(&("HOME".into(), "/root".into())));
        assert_eq!(environment.len(), 4);
    }
}
