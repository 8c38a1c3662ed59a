//! What is set, by whom: the program, the environment, `flipless.toml`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{ServeError, Server};
use crate::{constants, layout};

/// How long an idle connection is kept, and how long a request's head may take: longer than the
/// balancer's idle timeout, 60 s unless changed, so that it is the balancer that closes. Otherwise
/// it sends into a closing connection, and answers 502:
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>
const IDLE: Duration = Duration::from_secs(75);

/// Every setting with its value.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) socket: String,
    pub(super) bind: SocketAddr,
    pub(super) health_path: String,
    pub(super) start: Duration,
    pub(super) drain: Duration,
    pub(super) idle: Duration,
    pub(super) health_log: Option<PathBuf>,
}

impl Server {
    pub(super) fn resolve(self) -> Result<Settings, ServeError> {
        self.resolve_with(|name| std::env::var(name).ok())
    }

    fn resolve_with(
        self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, ServeError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let bind = match self.bind {
            Some(address) => address,
            None => {
                let port = number(&set, "PORT", "a port from 0 to 65535")?;
                (Ipv4Addr::LOCALHOST, port.unwrap_or(constants::APP_PORT)).into()
            }
        };
        let drain = match self.drain {
            Some(limit) => limit,
            None => {
                let allowed = "a whole number of seconds";
                let seconds = number::<u32>(&set, "FLIPLESS_DRAIN_SECONDS", allowed)?;
                Duration::from_secs(seconds.map_or(constants::DRAIN_SECONDS, u64::from))
            }
        };
        let health_path = self.health_path.or_else(|| set("FLIPLESS_HEALTH_PATH"));
        Ok(Settings {
            socket: self.socket.unwrap_or_else(|| layout::LISTENER.to_owned()),
            bind,
            health_path: health_path.unwrap_or_else(|| constants::HEALTH_PATH.to_owned()),
            start: self
                .start
                .unwrap_or(Duration::from_secs(constants::START_SECONDS)),
            drain,
            idle: self.idle.unwrap_or(IDLE),
            health_log: self
                .health_log
                .or_else(|| set("FLIPLESS_HEALTH_LOG").map(PathBuf::from)),
        })
    }
}

fn number<T: std::str::FromStr>(
    set: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    allowed: &'static str,
) -> Result<Option<T>, ServeError> {
    let Some(value) = set(name) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(number) => Ok(Some(number)),
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

    fn environment<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn the_constants_hold_when_nothing_is_set() {
        let settings = Server::new()
            .resolve_with(environment(&[("PORT", "")]))
            .unwrap();
        assert_eq!(
            settings.bind,
            (Ipv4Addr::LOCALHOST, constants::APP_PORT).into()
        );
        assert_eq!(settings.health_path, constants::HEALTH_PATH);
        assert_eq!(
            settings.drain,
            Duration::from_secs(constants::DRAIN_SECONDS)
        );
        assert_eq!(settings.health_log, None);
    }

    #[test]
    fn the_environment_goes_before_the_constants() {
        let settings = Server::new()
            .resolve_with(environment(&[
                ("PORT", "8080"),
                ("FLIPLESS_DRAIN_SECONDS", "7"),
                ("FLIPLESS_HEALTH_PATH", "/up"),
                ("FLIPLESS_HEALTH_LOG", "/var/log/nginx/healthd"),
            ]))
            .unwrap();
        assert_eq!(settings.bind.port(), 8080);
        assert_eq!(settings.drain, Duration::from_secs(7));
        assert_eq!(settings.health_path, "/up");
        assert_eq!(
            settings.health_log,
            Some(PathBuf::from("/var/log/nginx/healthd"))
        );
    }

    #[test]
    fn the_program_goes_before_the_environment() {
        let server = Server::new()
            .bind(([0, 0, 0, 0], 1).into())
            .drain(Duration::ZERO)
            .health_path("/a");
        let variables = [
            ("PORT", "x"),
            ("FLIPLESS_DRAIN_SECONDS", "x"),
            ("FLIPLESS_HEALTH_PATH", "/b"),
        ];
        let settings = server.resolve_with(environment(&variables)).unwrap();
        assert_eq!(settings.bind, ([0, 0, 0, 0], 1).into());
        assert_eq!(settings.drain, Duration::ZERO);
        assert_eq!(settings.health_path, "/a");
    }

    #[test]
    fn a_wrong_value_is_an_error_that_says_what_is_allowed() {
        for (name, message) in [
            (
                "PORT",
                r#"PORT="-1" is not allowed: a port from 0 to 65535"#,
            ),
            (
                "FLIPLESS_DRAIN_SECONDS",
                r#"FLIPLESS_DRAIN_SECONDS="-1" is not allowed: a whole number of seconds"#,
            ),
        ] {
            let error = Server::new()
                .resolve_with(environment(&[(name, "-1")]))
                .unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
