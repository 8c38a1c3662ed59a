//! `flipless.toml`: the one configuration file.
//!
//! Every key is optional. An unknown key, a wrong type or a value out of range is an error that names the
//! line, the column and the allowed values. Two programs read the file with this code: the build script, which
//! renders the templates, and `xtask`, which assembles the zip.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::settings::{self, FrontMode, Handover, Settings};
use error::{find_key, invalid};

mod contradiction;
mod domain;
mod error;
mod https;
mod include;
mod values;

pub use domain::Domain;
pub use error::ConfigError;
pub use https::Https;
pub use include::{Include, Mode, Symlinks};
pub use values::{
    AbsolutePath, BuildPath, CheckName, CommandLine, Directory, Email, KeyId, LastingFile, Name,
    Number, Port, PortVariable, ProcessName, Profile, Property, RelativePath, Statuses, UrlPath,
    Word, WritablePath,
};

/// All settings. The defaults alone are enough for a deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all(deserialize = "kebab-case"))]
pub struct Config {
    /// The application's name.
    pub app: App,
    /// The server that systemd runs.
    pub server: Server,
    /// The instance's public port.
    pub front: Front,
    /// HTTPS on the instance itself.
    pub https: Https,
    /// Further lines of the Procfile: EB runs these processes beside the server, by their names.
    pub processes: BTreeMap<ProcessName, CommandLine>,
    /// The contents of the zip besides the server and the agent.
    pub bundle: Bundle,
    /// Releases and handovers on the instance.
    pub deploy: Deploy,
    /// The checks of the finished bundle.
    pub check: Check,
}

/// The application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all(deserialize = "kebab-case"))]
pub struct App {
    /// The name in the zip's file name and in the units' descriptions.
    pub name: Name,
}

impl Default for App {
    fn default() -> Self {
        Self {
            name: Name::literal("flipless-demo"),
        }
    }
}

/// The server: which program `dist` builds, and how systemd runs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all(deserialize = "kebab-case"))]
pub struct Server {
    /// The `Cargo.toml` of the server's package or workspace, if the server is not in this workspace.
    pub manifest: Option<BuildPath>,
    /// The Cargo package of the server. The default is the manifest's own package, or `flipless-demo` without a
    /// manifest.
    pub package: Option<Name>,
    /// The package's binary.
    pub bin: Name,
    /// A command line that starts the server, as in a Procfile, in place of a binary that `dist` builds.
    pub command: Option<CommandLine>,
    /// How a new version takes over from the old one.
    /// The default is `socket`, and `port` for a server that a command line starts.
    pub handover: Option<Handover>,
    /// The server's arguments, one word each. With `handover = "port"`, each `{port}` becomes the server's port.
    pub args: Vec<Word>,
    /// With `handover = "port"`, the variables besides `PORT` from which the server reads its port.
    pub port_variables: Vec<PortVariable>,
    /// The loopback port that EB's nginx passes requests to.
    pub port: Port,
    /// The path of the health check. A new version takes over only after it has answered the check.
    pub health_path: UrlPath,
    /// The statuses of a healthy answer, such as `200-299,401`.
    pub health_statuses: Statuses,
    /// Whether the server looks up hosts by name. If so, it must not be linked with glibc statically.
    pub resolves_names: bool,
    /// Seconds that a new version may take until it is ready.
    pub start_seconds: Number<1, 540>,
    /// Seconds that an old version may take to finish its requests. The default depends on the front mode.
    pub drain_seconds: Option<Number<1, 3600>>,
    /// Seconds without a ping after which systemd restarts the server; 0 turns the watchdog off.
    pub watchdog_seconds: Number<0, 3600>,
    /// The server's memory limit in MiB; no limit by default.
    pub memory_limit_mib: Option<Number<16, 1_048_576>>,
    /// How many files and sockets the server may have open.
    pub open_files: Number<256, 1_048_576>,
    /// Folders outside the bundle that the server may write to.
    pub writable_paths: Vec<WritablePath>,
    /// Whether each run has a user of its own. The default is true if there are no writable paths.
    pub own_user: Option<bool>,
    /// Whether the server compiles code at run time.
    pub jit: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            manifest: None,
            package: None,
            bin: Name::literal("server"),
            command: None,
            handover: None,
            args: Vec::new(),
            port_variables: Vec::new(),
            port: Number::literal(5000),
            health_path: UrlPath::literal("/health"),
            health_statuses: Statuses::literal("200-299"),
            resolves_names: true,
            start_seconds: Number::literal(60),
            drain_seconds: None,
            watchdog_seconds: Number::literal(30),
            memory_limit_mib: None,
            open_files: Number::literal(65_536),
            writable_paths: Vec::new(),
            own_user: None,
            jit: false,
        }
    }
}

/// The public port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all(deserialize = "kebab-case"))]
pub struct Front {
    /// Which program holds the public port.
    pub mode: FrontMode,
    /// The port's number.
    pub port: Port,
    /// How many connections may wait to be accepted; the kernel's `somaxconn` caps it.
    pub backlog: Number<1, 65535>,
    /// How many files and sockets the real nginx may have open.
    pub open_files: Number<256, 1_048_576>,
    /// Whether nginx sends a request a second time if the server dies before its answer.
    pub retry: bool,
}

impl Default for Front {
    fn default() -> Self {
        Self {
            mode: FrontMode::default(),
            port: Number::literal(80),
            backlog: Number::literal(4096),
            open_files: Number::literal(65_536),
            retry: true,
        }
    }
}

/// The contents of the zip besides the programs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all(deserialize = "kebab-case"))]
pub struct Bundle {
    /// Files and folders to ship, relative to `flipless.toml`.
    pub include: Vec<Include>,
}

/// Releases and handovers on the instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all(deserialize = "kebab-case"))]
pub struct Deploy {
    /// How many releases stay on the instance, including the current one.
    pub keep_releases: Number<2, 50>,
    /// Seconds after which the agent discards a staged run to which EB has not flipped. EB gives a whole
    /// deployment 840 s, so with a larger value the agent never discards the run of a deployment in progress.
    pub dead_man_seconds: Number<60, 86_400>,
    /// Seconds that a command of the agent waits while another command holds the lock.
    pub lock_seconds: Number<1, 600>,
    /// The length of a trial, in seconds; 0 turns trials and automatic rollbacks off.
    pub rollback_seconds: Number<0, 3600>,
    /// How many crashes during the trial cause an automatic rollback.
    pub rollback_crashes: Number<2, 30>,
}

impl Default for Deploy {
    fn default() -> Self {
        Self {
            keep_releases: Number::literal(3),
            dead_man_seconds: Number::literal(900),
            lock_seconds: Number::literal(60),
            rollback_seconds: Number::literal(120),
            rollback_crashes: Number::literal(3),
        }
    }
}

/// The checks of the finished bundle.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all(deserialize = "kebab-case"))]
pub struct Check {
    /// Checks whose failure is only a warning.
    pub allow: Vec<CheckName>,
}

impl Config {
    /// Reads `path`. A missing file means all defaults.
    ///
    /// # Errors
    /// If the file can't be read or its content is not valid.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Parses the file's text; `path` is only for messages.
    ///
    /// # Errors
    /// If there is an unknown key, a wrong type, or a value out of range.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let settings: Self = toml::from_str(text)
            .map_err(|error| invalid(text, path, error.span(), error.message()))?;
        match settings.contradiction() {
            None => Ok(settings),
            Some((key, message)) => Err(invalid(text, path, find_key(text, key), &message)),
        }
    }

    /// Returns the same configuration with another front mode; `None` changes nothing.
    ///
    /// # Errors
    /// If there is no such mode.
    pub fn with_front_mode(mut self, mode: Option<&str>) -> Result<Self, String> {
        let Some(name) = mode else { return Ok(self) };
        self.front.mode = FrontMode::from_name(name)
            .ok_or_else(|| format!("front mode {name:?}: expected `nginx`, `direct` or `stock`"))?;
        match self.mode_without_https() {
            None => Ok(self),
            Some(message) => Err(message),
        }
    }

    /// Returns the part that the agent needs, with every value resolved.
    pub fn resolve(&self) -> Settings {
        Settings {
            app: settings::App {
                name: self.app.name.to_string(),
            },
            server: settings::Server {
                bin: self.server.bin.to_string(),
                command: self.server.command.as_ref().map(ToString::to_string),
                handover: self.handover(),
                args: texts(&self.server.args),
                port_variables: texts(&self.server.port_variables),
                health_path: self.server.health_path.to_string(),
                port: self.server.port.number(),
                resolves_names: self.server.resolves_names,
                writable_paths: self
                    .server
                    .writable_paths
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                own_user: self.own_user(),
            },
            front: settings::Front {
                mode: self.front.mode,
                port: self.front.port.number(),
            },
            https: self.https.resolve(),
            deploy: settings::Deploy {
                keep_releases: self.deploy.keep_releases.get() as usize,
                dead_man_seconds: self.deploy.dead_man_seconds.get().into(),
                lock_seconds: self.deploy.lock_seconds.get().into(),
                rollback_seconds: self.deploy.rollback_seconds.get().into(),
                rollback_crashes: self.deploy.rollback_crashes.get() as usize,
            },
            check: settings::Check {
                allow: self
                    .check
                    .allow
                    .iter()
                    .map(|name| name.as_str().into())
                    .collect(),
            },
        }
    }

    /// Returns how a new version takes over: the setting, or the default for the kind of server.
    pub fn handover(&self) -> Handover {
        let by_kind = match self.server.command {
            Some(_) => Handover::Port,
            None => Handover::Socket,
        };
        self.server.handover.unwrap_or(by_kind)
    }

    /// Returns the seconds that an old version may take to finish its requests: the setting, or the front mode's
    /// default.
    ///
    /// Behind nginx the server has no idle connections. In direct mode it has idle connections of the load balancer.
    /// There the default is above the idle timeout of an Application Load Balancer (60 s unless changed), so that the
    /// balancer closes these connections first.
    pub fn drain_seconds(&self) -> u32 {
        let by_mode = if self.front.mode == FrontMode::Direct {
            65
        } else {
            30
        };
        self.server.drain_seconds.map_or(by_mode, Number::get)
    }

    /// Returns whether each run has a user of its own: the setting, or its default.
    ///
    /// The next version of a server that writes files has to write to the same files. So the default for such a server
    /// is one user for all runs: `webapp`, as on stock EB.
    pub fn own_user(&self) -> bool {
        let by_paths = self.server.writable_paths.is_empty();
        self.server.own_user.unwrap_or(by_paths)
    }
}

fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
