//! Keys that contradict each other.

use super::{Config, Server};
use crate::layout;
use crate::settings::{FrontMode, Handover};

impl Config {
    /// Finds two settings that contradict each other. Returns the key for the error's place, and the reason.
    pub(super) fn contradiction(&self) -> Option<(&'static str, String)> {
        let taken = [
            (layout::AGENT_BIN, "agent"),
            (layout::RELAY, "relay"),
            (layout::CERTIFICATES_BIN, "program for certificates"),
        ];
        if let Some((name, part)) = taken
            .iter()
            .find(|(name, _)| self.server.bin.as_str() == *name)
        {
            return Some((
                "bin",
                format!(
                    "`{name}` is the name of the {part}: the server's binary needs another name"
                ),
            ));
        }
        if let Some(contradiction) = self.server.with_command() {
            return Some(contradiction);
        }
        let same_port = self.server.port.get() == self.front.port.get();
        if self.front.mode != FrontMode::Direct && same_port {
            return Some(("port", "[server] port and [front] port must differ".into()));
        }
        if let Some(contradiction) = self.with_https() {
            return Some(contradiction);
        }
        if self.handover() != Handover::Port && !self.server.port_variables.is_empty() {
            return Some((
                "port-variables",
                "`port-variables` needs `handover = \"port\"`: a server with another handover inherits its listener"
                    .into(),
            ));
        }
        None
    }

    /// Finds a key that contradicts `[https]`.
    fn with_https(&self) -> Option<(&'static str, String)> {
        if let Some(contradiction) = self.https.contradiction(&self.server.health_path) {
            return Some(contradiction);
        }
        if self.https.domains.is_empty() {
            return None;
        }
        if let Some(message) = self.mode_without_https() {
            return Some(("domains", message));
        }
        let others = [
            ("[front] port", self.front.port),
            ("[server] port", self.server.port),
        ];
        let (other, _) = others
            .into_iter()
            .find(|(_, port)| *port == self.https.port)?;
        Some(("domains", format!("[https] port and {other} must differ")))
    }

    /// Returns why this front mode has no HTTPS; `None` if the mode has HTTPS, or if `[https] domains` is empty.
    pub(super) fn mode_without_https(&self) -> Option<String> {
        let why = match self.front.mode {
            _ if self.https.domains.is_empty() => return None,
            FrontMode::Nginx => return None,
            FrontMode::Direct => "the server itself has the public port and speaks no TLS",
            FrontMode::Stock => "EB stops its nginx in every deployment, and HTTPS with it",
        };
        Some(format!(
            "`[https] domains` needs `[front] mode = \"nginx\"`. In the mode `{}` {why}",
            self.front.mode
        ))
    }
}

impl Server {
    /// Finds a key that contradicts `command`.
    fn with_command(&self) -> Option<(&'static str, String)> {
        self.command.as_ref()?;
        if self.handover == Some(Handover::Socket) {
            let message = "`command` needs `handover = \"port\"`: a shell runs the command line, and the relay \
                           passes the requests to the server";
            return Some(("command", message.into()));
        }
        let others = [
            ("manifest", self.manifest.is_some()),
            ("package", self.package.is_some()),
            ("bin", self.bin != Self::default().bin),
            ("args", !self.args.is_empty()),
        ];
        let (key, _) = others.into_iter().find(|(_, is_set)| *is_set)?;
        Some((
            key,
            format!("`command` and `{key}` exclude each other: the command line names the program"),
        ))
    }
}
