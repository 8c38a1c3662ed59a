//! The options of a server. The program overrides the environment, which overrides the default.
//!
//! On the instance, the unit of the run sets the environment as `flipless.toml` says.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::connection::Manner;
use super::error::ServeError;
use crate::defaults::{DRAIN, HEALTH_PATH, LISTENER, PORT, START};
use crate::statuses::Statuses;

/// How long a connection may be idle, and how long a request's head may take. This time is longer than the load
/// balancer's idle timeout, whose default is 60 s. So the balancer closes an idle connection first. Otherwise the
/// balancer could send a request on a connection that the server closes, and answer 502:
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>
const IDLE: Duration = Duration::from_secs(75);

/// All options, resolved.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) socket: String,
    pub(super) bind: SocketAddr,
    pub(super) health_path: String,
    pub(super) health_statuses: Statuses,
    pub(super) start: Duration,
    pub(super) drain: Duration,
    pub(super) manner: Manner,
    pub(super) health_log: Option<PathBuf>,
    /// While this file exists, the server is held.
    pub(super) hold: Option<PathBuf>,
}

/// The options that the program has set.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    pub(super) socket: Option<String>,
    pub(super) bind: Option<SocketAddr>,
    pub(super) health_path: Option<String>,
    pub(super) health_statuses: Option<Statuses>,
    pub(super) start: Option<Duration>,
    pub(super) drain: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) proxy: bool,
    pub(super) health_log: Option<PathBuf>,
}

impl Chosen {
    pub(super) fn resolve(self) -> Result<Options, ServeError> {
        self.resolve_with(|name| std::env::var(name).ok())
    }

    fn resolve_with(
        self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Options, ServeError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let bind = match self.bind {
            Some(address) => address,
            None => {
                let port = parsed(&set, "PORT", "a port from 0 to 65535")?;
                (Ipv4Addr::LOCALHOST, port.unwrap_or(PORT)).into()
            }
        };
        let seconds = |limit: Option<Duration>, name, default| match limit {
            Some(limit) => Ok(limit),
            None => parsed::<u32>(&set, name, "a whole number of seconds")
                .map(|seconds| seconds.map_or(default, |s| Duration::from_secs(s.into()))),
        };
        let drain = seconds(self.drain, "FLIPLESS_DRAIN_SECONDS", DRAIN)?;
        let start = seconds(self.start, "FLIPLESS_START_SECONDS", START)?;
        let statuses = match self.health_statuses {
            Some(statuses) => statuses,
            None => {
                let allowed = "statuses such as `200-299,401`";
                parsed(&set, "FLIPLESS_HEALTH_STATUSES", allowed)?.unwrap_or_default()
            }
        };
        let health_path = self.health_path.or_else(|| set("FLIPLESS_HEALTH_PATH"));
        Ok(Options {
            socket: self.socket.unwrap_or_else(|| LISTENER.to_owned()),
            bind,
            health_path: health_path.unwrap_or_else(|| HEALTH_PATH.to_owned()),
            health_statuses: statuses,
            start,
            drain,
            manner: Manner {
                idle: self.idle.unwrap_or(IDLE),
                proxy: self.proxy,
            },
            health_log: self
                .health_log
                .or_else(|| set("FLIPLESS_HEALTH_LOG").map(PathBuf::from)),
            hold: set("FLIPLESS_HOLD").map(PathBuf::from),
        })
    }
}

fn parsed<T: std::str::FromStr>(
    set: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    allowed: &'static str,
) -> Result<Option<T>, ServeError> {
    let Some(value) = set(name) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(ServeError::Setting {
            name,
            value,
            allowed,
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Server;

    fn environment<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn without_any_setting_the_defaults_hold() {
        let options = Chosen::default()
            .resolve_with(environment(&[("PORT", "")]))
            .unwrap();
        assert_eq!(options.bind, (Ipv4Addr::LOCALHOST, PORT).into());
        assert_eq!(options.health_path, HEALTH_PATH);
        assert_eq!((options.drain, options.start), (DRAIN, START));
        assert_eq!((options.health_log, options.hold), (None, None));
    }

    #[test]
    fn the_environment_overrides_the_defaults() {
        let options = Chosen::default()
            .resolve_with(environment(&[
                ("PORT", "8080"),
                ("FLIPLESS_DRAIN_SECONDS", "7"),
                ("FLIPLESS_START_SECONDS", "8"),
                ("FLIPLESS_HEALTH_PATH", "/up"),
                ("FLIPLESS_HEALTH_STATUSES", "200,404"),
                ("FLIPLESS_HEALTH_LOG", "/var/log/nginx/healthd"),
                ("FLIPLESS_HOLD", "/run/flipless/held/a-1"),
            ]))
            .unwrap();
        assert_eq!(options.bind.port(), 8080);
        assert_eq!(options.drain, Duration::from_secs(7));
        assert_eq!(options.start, Duration::from_secs(8));
        assert_eq!(options.health_path, "/up");
        assert_eq!(options.health_statuses.to_string(), "200,404");
        assert_eq!(
            options.health_log,
            Some(PathBuf::from("/var/log/nginx/healthd"))
        );
        assert_eq!(options.hold, Some(PathBuf::from("/run/flipless/held/a-1")));
    }

    #[test]
    fn the_program_overrides_the_environment() {
        let server = Server::new()
            .bind(([0, 0, 0, 0], 1).into())
            .drain(Duration::ZERO)
            .health_path("/a");
        let variables = [
            ("PORT", "x"),
            ("FLIPLESS_DRAIN_SECONDS", "x"),
            ("FLIPLESS_HEALTH_PATH", "/b"),
        ];
        let options = server.chosen.resolve_with(environment(&variables)).unwrap();
        assert_eq!(options.bind, ([0, 0, 0, 0], 1).into());
        assert_eq!(options.drain, Duration::ZERO);
        assert_eq!(options.health_path, "/a");
    }

    #[test]
    fn a_wrong_value_is_an_error_that_says_what_is_allowed() {
        for (name, message) in [
            (
                "PORT",
                r#"PORT="-1" is not allowed: expected a port from 0 to 65535"#,
            ),
            (
                "FLIPLESS_DRAIN_SECONDS",
                r#"FLIPLESS_DRAIN_SECONDS="-1" is not allowed: expected a whole number of seconds"#,
            ),
            (
                "FLIPLESS_HEALTH_STATUSES",
                r#"FLIPLESS_HEALTH_STATUSES="-1" is not allowed: expected statuses such as `200-299,401`"#,
            ),
            (
                "FLIPLESS_START_SECONDS",
                r#"FLIPLESS_START_SECONDS="-1" is not allowed: expected a whole number of seconds"#,
            ),
        ] {
            let error = Chosen::default()
                .resolve_with(environment(&[(name, "-1")]))
                .unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
