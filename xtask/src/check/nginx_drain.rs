//! Finds nginx settings that flipless limits or ignores: timeouts that are longer than the drain, and files that
//! direct mode does not read.

use flipless_settings::nginx::parse_time;
use flipless_settings::{FrontMode, Settings, layout};

use super::nginx_syntax::{Configuration, PIECES};
use super::outcome::Check;
use super::units::Unit;
use crate::bundle::Bundle;

/// Directives that let an answer take longer.
const TIMEOUTS: [&str; 2] = ["grpc_read_timeout", "proxy_read_timeout"];
/// The variable in the run's unit that contains the time limit of a drain.
const DRAIN: &str = "FLIPLESS_DRAIN_SECONDS=";

/// Warns about answers that may take longer than the old version gets to finish its requests.
pub fn timeouts(configuration: &Configuration, units: &[Unit]) -> Check {
    let drain = drain_seconds(units);
    let set = configuration.of_bundle();
    let set = set.filter(|directive| TIMEOUTS.contains(&directive.name()));
    let warnings = set.filter_map(|directive| {
        let value = directive.words.get(1)?;
        let (seconds, drain) = (seconds(value)?, drain?);
        let (place, name) = (directive.place(), directive.name());
        (seconds > drain).then(|| {
            format!(
                "{place}: `{name} {value}` allows longer answers than the {drain} s that an old version gets \
                 to finish its requests in a deployment"
            )
        })
    });
    Check::of(
        "nginx: timeouts",
        Vec::new(),
        "none above the limit of a drain",
    )
    .with_warnings(&warnings.collect::<Vec<_>>())
    .with_hint("set `[server] drain-seconds` in flipless.toml, to at most 3600")
}

fn drain_seconds(units: &[Unit]) -> Option<u64> {
    let unit = units
        .iter()
        .find(|unit| unit.name == layout::APP_TEMPLATE)?;
    let mut values = unit.all("Service", "Environment");
    let value = values.find_map(|value| value.trim_matches('"').strip_prefix(DRAIN));
    value?.parse().ok()
}

fn seconds(text: &str) -> Option<u64> {
    parse_time(text).map(|time| time.as_secs())
}

/// In direct mode, warns about files for nginx, because no request passes through nginx.
pub fn unread(bundle: &Bundle, settings: Option<&Settings>) -> Check {
    let direct = settings.is_some_and(|all| all.front.mode == FrontMode::Direct);
    let ours = format!("{PIECES}nginx.conf");
    let files = bundle.entries.iter().filter(|entry| {
        direct && !entry.folder && entry.name.starts_with(PIECES) && entry.name != ours
    });
    let warnings: Vec<String> = files
        .map(|entry| {
            format!(
                "{} is not read: in direct mode the server itself has the public port",
                entry.name
            )
        })
        .collect();
    Check::of("nginx: unread files", Vec::new(), "none")
        .with_warnings(&warnings)
        .with_hint("set `[front] mode = \"nginx\"` in flipless.toml, or do in the server what these files do")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_nginx_does() {
        for (text, expected) in [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("1m30s", Some(90)),
            ("1m 30s", Some(90)),
            ("24h", Some(86_400)),
            ("500ms", Some(0)),
            ("$x", None),
            ("s", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
