//! The resolved settings, and the owner of each setting.
//!
//! The build script renders `flipless.toml` into two kinds of units. The unit of a run
//! (`systemd/flipless-app@.service`) belongs to its release: each release keeps its own copy. The other units
//! belong to the instance. The agent reads [`Settings`] from the settings file (`flipless.json`), which also
//! belongs to the instance.
//!
//! - **release**: a rollback restores the setting, because the release's own unit contains it.
//! - **instance**: the setting comes from the newest bundle. `stage` installs it, and a rollback keeps it.
//! - **both**: files of both kinds contain the setting. The last column says why they don't contradict each other.
//! - **build**: the setting decides which files `dist` puts into the bundle.
//!
//! | key | belongs to | rendered into | notes |
//! |---|---|---|---|
//! | `app.name` | both | the descriptions of all units; settings file | a name for readers only |
//! | `server.manifest` | build | – | |
//! | `server.package` | build | – | |
//! | `server.bin` | release | unit of the run; settings file | `stage` and `check` read it from the settings file of the bundle at hand |
//! | `server.command` | release | unit of the run; settings file | as `server.bin` |
//! | `server.handover` | release | unit of the run; settings file | as `server.args` |
//! | `server.args` | release | unit of the run; settings file | after `flipless uninstall` the bundle at hand runs by itself, as its settings file says |
//! | `server.port-variables` | release | unit of the run; settings file | as `server.args` |
//! | `server.port` | both | unit of the run; listener; nginx's upstream; settings file | `stage` refuses another address, so all releases have the same port |
//! | `server.health-path` | release | unit of the run; settings file | as `server.args` |
//! | `server.health-statuses` | release | unit of the run | |
//! | `server.resolves-names` | build | settings file | only `check` reads it, in the bundle |
//! | `server.start-seconds` | both | unit of the run; `TimeoutStartSec=` of `flipless-recover.service` and of the stand-in of `web` | both units wait while a run starts; after a rollback, their limit is still the newest bundle's |
//! | `server.drain-seconds` | both | the same files | if a run does not start, both units also wait until it has ended |
//! | `server.watchdog-seconds` | release | unit of the run | |
//! | `server.memory-limit-mib` | release | unit of the run | |
//! | `server.open-files` | release | unit of the run | |
//! | `server.writable-paths` | release | unit of the run; settings file | `stage` checks the paths of the bundle at hand |
//! | `server.own-user` | release | unit of the run; settings file | as `server.writable-paths` |
//! | `server.jit` | release | unit of the run | |
//! | `front.mode` | both | most files | `stage` refuses another mode, so all releases have the same one |
//! | `front.port` | instance | listener of the public port (in direct mode the server's listener); settings file | `stage` refuses another address |
//! | `front.backlog` | instance | both listeners | |
//! | `front.open-files` | instance | `flipless-front.service` | |
//! | `front.retry` | instance | nginx's upstream | |
//! | `https.domains` | instance | units of HTTPS; `.ebextensions`; settings file | `stage` writes nginx's pieces for HTTPS from the settings file |
//! | `https.email` | instance | settings file | the program for certificates reads it |
//! | `https.port` | instance | `.ebextensions`; settings file | as `https.domains` |
//! | `https.redirect` | instance | settings file | as `https.domains` |
//! | `https.strict-transport-security-seconds` | instance | settings file | as `https.domains` |
//! | `https.security-group` | instance | `.ebextensions` | |
//! | `https.directory` | instance | settings file | as `https.email` |
//! | `https.profile` | instance | settings file | as `https.email` |
//! | `https.account-key-id` | instance | `flipless-certificates.service`; settings file | as `https.email` |
//! | `https.account-hmac-property` | instance | settings file | the flip writes the property's value to a file |
//! | `https.trusted-root` | instance | settings file | as `https.email` |
//! | `https.certificate` | instance | units of HTTPS; settings file | `stage` and a path unit install the files |
//! | `https.key` | instance | units of HTTPS; settings file | as `https.certificate` |
//! | `processes.mailer` | instance | Procfile | an example of a name; EB itself runs these processes |
//! | `bundle.include` | build | – | |
//! | `deploy.keep-releases` | instance | settings file | |
//! | `deploy.dead-man-seconds` | instance | `flipless-deadman.timer`; settings file | this is also the longest time for which a reload of nginx is postponed |
//! | `deploy.lock-seconds` | instance | the two `TimeoutStartSec=` above; settings file | |
//! | `deploy.rollback-seconds` | instance | settings file | |
//! | `deploy.rollback-crashes` | instance | settings file | |
//! | `check.allow` | build | settings file | only `check` reads it, in the bundle |
//!
//! `tests/templates/belongs.rs` in the root package changes each key, compares the rendered files, and compares
//! this table.

use serde::{Deserialize, Serialize};

/// The part of `flipless.toml` that the agent and `check` need, with every value resolved.
///
/// The build script writes this part into the bundle as [`crate::layout::SETTINGS_FILE`]. The same compiled agent works
/// with all settings, because it reads them from that file. A field that an older file lacks gets its default.
///
/// ```
/// use flipless_settings::{FrontMode, Settings};
///
/// let settings = Settings::from_json(br#"{"front": {"mode": "direct", "port": 8080}}"#).unwrap();
/// assert_eq!(settings.front.mode, FrontMode::Direct);
/// assert_eq!(settings.server.port, 5000);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The application.
    pub app: App,
    /// The server.
    pub server: Server,
    /// The public port.
    pub front: Front,
    /// HTTPS.
    pub https: Https,
    /// Releases and handovers on the instance.
    pub deploy: Deploy,
    /// The checks of the bundle.
    pub check: Check,
}

/// The application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct App {
    /// Its name.
    pub name: String,
}

/// The server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Its executable, in the bundle's `bin/`, unless there is a `command`.
    pub bin: String,
    /// The command line that starts the server behind the relay.
    pub command: Option<String>,
    /// How a new version takes over from the old one.
    pub handover: Handover,
    /// Its arguments. With [`Handover::Port`] they may contain the [`placeholder`](crate::placeholder) of the port.
    pub args: Vec<String>,
    /// With [`Handover::Port`], further variables for the port: `NAME=VALUE` with the placeholder in the value.
    pub port_variables: Vec<String>,
    /// The path of its health check.
    pub health_path: String,
    /// The loopback port that nginx passes requests to.
    pub port: u16,
    /// Whether the server looks up hosts by name.
    pub resolves_names: bool,
    /// The folders that the server may write to.
    pub writable_paths: Vec<String>,
    /// Whether each run has a user of its own.
    pub own_user: bool,
}

/// The public port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Front {
    /// Which program holds the port.
    pub mode: FrontMode,
    /// Its number.
    pub port: u16,
}

/// HTTPS. Without a domain, no program listens for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Https {
    /// The names, which are all in one certificate.
    pub domains: Vec<String>,
    /// The address that the authority may write to.
    pub email: Option<String>,
    /// The port of HTTPS.
    pub port: u16,
    /// Whether the public port redirects to HTTPS.
    pub redirect: bool,
    /// `max-age` of `Strict-Transport-Security`; 0 sends no such header.
    pub strict_transport_security_seconds: u64,
    /// The address of the certificate authority's ACME directory.
    pub directory: String,
    /// The profile of the certificate, by the authority's name for it.
    pub profile: Option<String>,
    /// The key identifier of an external account binding.
    pub account_key_id: Option<String>,
    /// The environment property with the HMAC key of the external account binding.
    pub account_hmac_property: Option<String>,
    /// A PEM file on the instance with root certificates, which verify the HTTPS server of the directory.
    pub trusted_root: Option<String>,
    /// A PEM file on the instance with the owner's own certificate. With this file, flipless asks no authority.
    pub certificate: Option<String>,
    /// A PEM file on the instance with the key of the owner's own certificate.
    pub key: Option<String>,
}

/// Releases and handovers on the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// How many releases stay on the instance, the current one included.
    pub keep_releases: usize,
    /// Seconds after which the agent discards a staged run to which EB has not flipped.
    pub dead_man_seconds: u64,
    /// Seconds that a command of the agent waits while another command holds the lock.
    pub lock_seconds: u64,
    /// The length of a trial, in seconds; 0 turns trials and automatic rollbacks off.
    pub rollback_seconds: u64,
    /// How many crashes during the trial cause an automatic rollback.
    pub rollback_crashes: usize,
}

/// The checks of the bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    /// The names of checks whose failure is only a warning.
    pub allow: Vec<String>,
}

/// Which program holds the instance's public port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrontMode {
    /// systemd holds the port for the real nginx. EB stops and starts a stand-in.
    #[default]
    Nginx,
    /// systemd holds the port for the server itself. EB's nginx listens on no port.
    Direct,
    /// EB's own nginx holds the port, unchanged. The server loses no request, but nginx loses requests in every flip.
    Stock,
}

impl FrontMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Direct, Self::Stock];

    /// Returns the name in `flipless.toml` and in the agent's state.
    ///
    /// ```
    /// assert_eq!(flipless_settings::FrontMode::Direct.name(), "direct");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Direct => "direct",
            Self::Stock => "stock",
        }
    }

    /// Returns the mode of this name; `None` if there is no such mode.
    ///
    /// ```
    /// use flipless_settings::FrontMode;
    /// assert_eq!(FrontMode::from_name("stock"), Some(FrontMode::Stock));
    /// assert_eq!(FrontMode::from_name("apache"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

impl std::fmt::Display for FrontMode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

/// How a new version of the server takes over from the old one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handover {
    /// The server takes the inherited listener, sends READY=1 when it is healthy, and drains on SIGTERM.
    #[default]
    Socket,
    /// The server listens on `$PORT`; the relay in front of it does the rest.
    Port,
}

impl Default for App {
    fn default() -> Self {
        Self {
            name: "flipless-demo".into(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bin: "server".into(),
            command: None,
            handover: Handover::default(),
            args: Vec::new(),
            port_variables: Vec::new(),
            health_path: "/health".into(),
            port: 5000,
            resolves_names: true,
            writable_paths: Vec::new(),
            own_user: true,
        }
    }
}

impl Default for Front {
    fn default() -> Self {
        Self {
            mode: FrontMode::default(),
            port: 80,
        }
    }
}

impl Default for Https {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            email: None,
            port: 443,
            redirect: true,
            strict_transport_security_seconds: 0,
            directory: "https://acme-v02.api.letsencrypt.org/directory".into(),
            profile: None,
            account_key_id: None,
            account_hmac_property: None,
            trusted_root: None,
            certificate: None,
            key: None,
        }
    }
}

impl Default for Deploy {
    fn default() -> Self {
        Self {
            keep_releases: 3,
            dead_man_seconds: 900,
            lock_seconds: 60,
            rollback_seconds: 120,
            rollback_crashes: 3,
        }
    }
}

impl Server {
    /// Returns the program in the bundle's `bin/` that the unit of a run needs: the server's executable, or the relay
    /// for a server that a command line starts.
    ///
    /// ```
    /// let server = flipless_settings::Server::default();
    /// assert_eq!(server.program(), "server");
    /// ```
    pub fn program(&self) -> &str {
        match self.command {
            Some(_) => crate::layout::RELAY,
            None => &self.bin,
        }
    }
}

impl Https {
    /// Whether an authority issues the certificate.
    ///
    /// ```
    /// let mut https = flipless_settings::Https::default();
    /// assert!(!https.needs_authority());
    /// https.domains.push("shop.example.com".into());
    /// assert!(https.needs_authority());
    /// ```
    pub fn needs_authority(&self) -> bool {
        !self.domains.is_empty() && self.certificate.is_none()
    }
}

impl Settings {
    /// Reads the file's content.
    ///
    /// # Errors
    /// If the content is not a JSON object of this form.
    pub fn from_json(content: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(content)
    }

    /// Returns the file's content.
    ///
    /// # Errors
    /// There is none in practice. serde_json returns an error only for types that JSON can't express.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
