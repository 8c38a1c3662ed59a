//! The health check of a wrapped bundle: the check in its `.ebextensions`, or else a check that every working
//! server passes.

use flipless_settings::ebextensions::{self, OptionSetting};

use crate::bundle::Bundle;
use crate::ui;

/// The health check.
#[derive(Debug, PartialEq, Eq)]
pub struct Health {
    /// Its path.
    pub path: String,
    /// The statuses that mean healthy.
    pub statuses: String,
    /// Whether the bundle itself names the path.
    named: bool,
}

impl Health {
    /// If the bundle names no check, prints a warning with the chosen check.
    pub fn explain(&self) {
        if !self.named {
            ui::warning(format!(
                "the bundle names no health check, so a new version is healthy when it answers GET {} with {}; set \
                 `[server] health-path` in a flipless.toml beside the zip for a check of your own",
                self.path, self.statuses
            ));
        }
    }
}

/// Returns the health check that the options in `.ebextensions` name. If they name none, EB itself does not judge the
/// answers. Then every status from 200 to 499 means healthy, because such an answer shows no failure of the server.
/// <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/command-options-general.html>
pub fn of(bundle: &Bundle) -> Health {
    let options = options(bundle);
    let value = |namespace: &str, name: &str| {
        let mut found = options.iter().rev();
        let found =
            found.find(|option| option.namespace == namespace && option.option_name == name);
        found.map(|option| option.value.as_str())
    };
    let process = "aws:elasticbeanstalk:environment:process:default";
    let path = value(process, "HealthCheckPath");
    let path = path.or(value(
        "aws:elasticbeanstalk:application",
        "Application Healthcheck URL",
    ));
    let matcher = value(process, "MatcherHTTPCode").unwrap_or("200-299");
    match path.and_then(path_in) {
        Some(path) => Health {
            path: path.to_owned(),
            statuses: matcher.to_owned(),
            named: true,
        },
        None => Health {
            path: "/".into(),
            statuses: "200-499".into(),
            named: false,
        },
    }
}

/// Returns the options of all files, in the order in which EB applies them. Leaves out a file that is not YAML, which
/// `check` reports.
fn options(bundle: &Bundle) -> Vec<OptionSetting> {
    let entries = bundle.entries.iter();
    let mut files: Vec<_> = entries
        .filter(|entry| ebextensions::is_config_file(&entry.name))
        .collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    let texts = files
        .into_iter()
        .filter_map(|entry| str::from_utf8(entry.text()?).ok());
    let parsed = texts.filter_map(|text| ebextensions::parse(text).ok());
    parsed.flat_map(|file| file.option_settings).collect()
}

/// Returns the path in `/path`, `HTTP:80/path` or `http://host/path`. `None` for `TCP:80`.
fn path_in(value: &str) -> Option<&str> {
    let value = value.split_once("://").map_or(value, |(_, rest)| rest);
    let start = value.find('/')?;
    Some(&value[start..])
}

#[cfg(test)]
mod tests {
    use super::path_in;

    #[test]
    fn a_health_check_has_several_forms() {
        for (value, path) in [
            ("/up", Some("/up")),
            ("HTTP:80/up?x=1", Some("/up?x=1")),
            ("http://localhost/up", Some("/up")),
            ("TCP:80", None),
            ("", None),
        ] {
            assert_eq!(path_in(value), path, "{value}");
        }
    }
}
