//! The resolved settings, and what each setting belongs to.
//!
//! `dist` resolves `flipless.toml` once. The server's side of it is rendered into the unit of the run
//! (`systemd/flipless-app@.service`) and the instance's side into the other units; the agent reads
//! [`Settings`] from the file `flipless.json`.
//!
//! - A setting of the **release** goes back with a rollback: each release keeps its own copy of
//!   `flipless-app@.service`.
//! - A setting of the **instance** is the newest bundle's: `stage` installs the other units and the
//!   settings file, and a rollback leaves them.
//! - A setting of **both** is rendered into the unit of the run and into files of the instance. The column
//!   "why both" says why the two can't contradict each other, or what happens.
//! - A setting of the **build** decides what `dist` puts into the bundle. No file on the instance has it,
//!   except where the table says so.
//!
//! | key | belongs to | rendered into | why both, and exceptions |
//! |---|---|---|---|
//! | `app.name` | both | all units | only the units' descriptions |
//! | `server.manifest` | build | – | |
//! | `server.package` | build | – | |
//! | `server.bin` | release | unit of the run; settings file | `stage` and `check` find the bundle's own server by the settings file |
//! | `server.handover` | release | unit of the run | |
//! | `server.args` | release | unit of the run | |
//! | `server.port` | both | unit of the run; listener; nginx's upstream; settings file | `stage` refuses another address while the listener serves |
//! | `server.health-path` | release | unit of the run | |
//! | `server.resolves-names` | build | settings file | only `check` reads it |
//! | `server.start-seconds` | both | unit of the run; limits of `flipless-recover.service` and of the stand-in of `web` | these two wait for the start of a run |
//! | `server.drain-seconds` | both | the same files | these two also wait for a run that ends |
//! | `server.watchdog-seconds` | release | unit of the run | |
//! | `server.memory-limit-mib` | release | unit of the run | |
//! | `server.open-files` | release | unit of the run | |
//! | `server.writable-paths` | release | unit of the run | |
//! | `front.mode` | both | nearly all files | fixed for the life of an instance: `stage` refuses another one |
//! | `front.port` | instance | listener of the public port; in direct mode the server's listener and the decoy nginx; settings file | |
//! | `front.backlog` | instance | both listeners | |
//! | `front.open-files` | instance | `flipless-front.service` | |
//! | `front.retry` | instance | nginx's upstream | |
//! | `bundle.include` | build | – | |
//! | `deploy.keep-releases` | instance | settings file | |
//! | `deploy.dead-man-seconds` | instance | `flipless-deadman.timer`; settings file | |
//! | `deploy.lock-seconds` | instance | the two limits above; settings file | |
//! | `deploy.rollback-seconds` | instance | settings file | |
//! | `deploy.rollback-crashes` | instance | settings file | |
//!
//! `tests/templates/belongs.rs` in the root package changes each key and compares the rendered files.

use serde::{Deserialize, Serialize};

/// What the agent and `check` need of `flipless.toml`, every value resolved.
///
/// The build script writes it into the bundle ([`crate::layout::SETTINGS_FILE`]). The agent is compiled once
/// for all settings and reads them from there. A field that an older file lacks has its default.
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
    /// Releases and handovers on the instance.
    pub deploy: Deploy,
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
    /// Its executable, in the bundle's `bin/`.
    pub bin: String,
    /// The loopback port that nginx passes requests to.
    pub port: u16,
    /// It looks up hosts by name.
    pub resolves_names: bool,
}

/// The public port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Front {
    /// Which program holds it.
    pub mode: FrontMode,
    /// Its number.
    pub port: u16,
}

/// Releases and handovers on the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// How many releases stay on the instance, the current one included.
    pub keep_releases: usize,
    /// Seconds after which a staged run that was not committed is discarded.
    pub dead_man_seconds: u64,
    /// Seconds that the agent waits for another agent that holds the lock.
    pub lock_seconds: u64,
    /// Seconds after its commit in which a release that keeps crashing is rolled back; 0: never.
    pub rollback_seconds: u64,
    /// How many crashes within that time cause the rollback.
    pub rollback_crashes: usize,
}

/// Which program holds the instance's public port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrontMode {
    /// systemd holds it for the real nginx; EB flips a stand-in.
    #[default]
    Nginx,
    /// systemd holds it for the server itself; EB's nginx is a decoy that listens nowhere.
    Direct,
    /// EB's nginx, unchanged: the server loses no request, the proxy does.
    Stock,
}

impl FrontMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Direct, Self::Stock];

    /// Its name in `flipless.toml` and in the agent's state.
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

    /// The mode of this name.
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
    /// It takes the inherited listener, sends READY=1 when it is healthy, and drains on SIGTERM.
    #[default]
    Socket,
    /// It listens on `$PORT`; the relay in front of it does the rest.
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
            port: 5000,
            resolves_names: true,
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

impl Settings {
    /// Reads the file's content.
    ///
    /// # Errors
    /// When it is not a JSON object of this form.
    pub fn from_json(content: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(content)
    }

    /// The file's content.
    ///
    /// # Errors
    /// None that is known: serde_json can't know that every value has a text.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
