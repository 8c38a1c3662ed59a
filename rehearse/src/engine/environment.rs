//! Environment properties: what hooks see, what `get-config` prints, what the units' file has.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::machine::SEARCH_PATH;

/// Environment properties by name.
pub type Properties = BTreeMap<String, String>;

/// The file that `web.service` reads; written only in the flip.
pub(super) const FILE: &str = "opt/elasticbeanstalk/deployment/env";

/// What a hook sees: all properties, HOME, PATH, PORT, and whether this instance leads (the only one does);
/// a property wins.
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

/// The content of [`FILE`].
pub(super) fn render_file(properties: &Properties) -> String {
    let defaults = [("GOPATH", "/var/app/current"), ("PORT", "5000")];
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

/// In double quotes, so that systemd reads the same value back (systemd.exec(5), EnvironmentFile=):
/// there `"`, `\`, `` ` `` and `$` need a backslash, and a newline is itself.
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

/// What `get-config environment` answers from now on; without properties it fails.
pub(super) fn publish(root: &Path, properties: Option<&Properties>) -> io::Result<()> {
    let folder = root.join("opt/elasticbeanstalk/config");
    let each = folder.join("environment.d");
    if each.exists() {
        fs::remove_dir_all(&each)?;
    }
    let Some(properties) = properties else {
        return remove_file(&folder.join("environment.json"));
    };
    fs::create_dir_all(&each)?;
    for (name, value) in properties {
        fs::write(each.join(name.replace('/', "%2F")), value)?;
    }
    let json = serde_json::to_string(properties).map_err(io::Error::other)?;
    fs::write(folder.join("environment.json"), json + "\n")
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
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
        let text = render_file(&properties(&[("A", "a \"b\" $c `d` \\e %f\nü")]));
        assert!(
            text.starts_with("A=\"a \\\"b\\\" \\$c \\`d\\` \\\\e %f\nü\"\n"),
            "{text}"
        );
        assert!(text.ends_with("PORT=\"5000\"\n"), "{text}");
    }

    #[test]
    fn a_property_wins_over_a_default() {
        let environment = of_hooks(&properties(&[("PORT", "8080")]));
        assert!(environment.contains(&("PORT".into(), "8080".into())));
        assert!(environment.contains(&("HOME".into(), "/root".into())));
        assert_eq!(environment.len(), 4);
    }
}
