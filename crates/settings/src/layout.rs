//! The paths and the unit names on the instance.
//!
//! The templates get them as `layout` and the agent uses them as constants, so that units and code agree.

macro_rules! layout {
    ($($(#[$doc:meta])* $name:ident $key:literal = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $value;)*

        /// Every name with its value, for the templates.
        pub const ALL: &[(&str, &str)] = &[$(($key, $value)),*];
    };
}

layout! {
    /// The folder of flipless on the instance. EB touches nothing in it.
    ROOT "root" = "/opt/flipless";
    /// The installed agent. Units run this copy, because EB deletes the copy in the application folder in every flip.
    AGENT "agent" = "/opt/flipless/bin/flipless";
    /// One folder per release: `app/` (the bundle's content) and `environment`.
    RELEASES "releases" = "/opt/flipless/releases";
    /// One link per run, to its release's folder.
    RUNS "runs" = "/opt/flipless/runs";
    /// The settings of the newest bundle. The agent reads the settings of the instance from here.
    SETTINGS "settings" = "/opt/flipless/settings.json";
    /// The settings of the last bundle that EB has flipped to. HTTPS uses these settings, because a staged version may
    /// never serve. If this file does not exist, HTTPS uses the settings of the newest bundle.
    SETTINGS_IN_FORCE "settings_in_force" = "/opt/flipless/settings-in-force.json";
    /// The folder of the agent's state.
    STATE_FOLDER "state_folder" = "/var/lib/flipless";
    /// The agent's state file.
    STATE "state" = "/var/lib/flipless/state.json";
    /// State that ends with the next boot: the lock, the digest of the loaded proxy configuration, …
    RUNTIME "runtime" = "/run/flipless";
    /// One empty file for each held run.
    HELD "held" = "/run/flipless/held";
    /// While this file exists, no unit of flipless starts: the units belong to another instance, from whose image
    /// this instance was started.
    FROM_IMAGE "from_image" = "/run/flipless/from-image";

    /// The installed program for certificates. The unit [`RENEWAL`] runs this copy.
    CERTIFICATES "certificates" = "/opt/flipless/bin/flipless-certificates";
    /// The file with the key and the certificate that nginx shows. Only root can read the file.
    CERTIFICATE "certificate" = "/var/lib/flipless/https/certificate.pem";
    /// The HMAC key of an external account binding.
    ACCOUNT_HMAC "account_hmac" = "/var/lib/flipless/account-hmac";
    /// The folder of the program for certificates: the account's key, the newest certificate, the progress.
    CERTIFICATES_STATE "certificates_state" = "/var/lib/flipless-certificates";
    /// The folder with the tokens that nginx shows to the authority.
    CHALLENGES "challenges" = "/run/flipless-challenges";

    /// The listener that the server's runs share.
    APP_SOCKET "app_socket" = "flipless-app.socket";
    /// The unit of a run, in the folder `systemd/` of its bundle. Each run has a copy under its own name, so that an
    /// old release runs with its own unit.
    APP_TEMPLATE "app_template" = "flipless-app@.service";
    /// The unit that the listener starts when no run is active.
    GATE "gate" = "flipless-gate.service";
    /// The listener of the public port, in nginx mode.
    FRONT_SOCKET "front_socket" = "flipless-front.socket";
    /// The real nginx, in nginx mode.
    FRONT "front" = "flipless-front.service";
    /// Starts [`LISTENERS`] every few seconds, in nginx mode.
    LISTENERS_TIMER "listeners_timer" = "flipless-listeners.timer";
    /// Repairs differences between the listeners of the front and systemd's copies of them.
    LISTENERS "listeners" = "flipless-listeners.service";
    /// Limits the time between `stage` and the flip.
    DEADMAN_TIMER "deadman_timer" = "flipless-deadman.timer";
    /// Discards a staged run to which EB does not flip. [`DEADMAN_TIMER`] starts this unit.
    DEADMAN "deadman" = "flipless-deadman.service";
    /// Rolls back to the previous release if the current one crashes too often.
    RECOVER "recover" = "flipless-recover.service";
    /// At boot, gives the instance back if it was started from an image of another instance.
    IDENTITY "identity" = "flipless-identity.service";
    /// Asks the authority for a certificate, and installs it.
    RENEWAL "renewal" = "flipless-certificates.service";
    /// Starts [`RENEWAL`] every few minutes.
    RENEWAL_TIMER "renewal_timer" = "flipless-certificates.timer";
    /// Installs the owner's own certificate after a change.
    OWN_CERTIFICATE "own_certificate" = "flipless-own-certificate.service";
    /// Notices a change of the owner's own certificate.
    OWN_CERTIFICATE_PATH "own_certificate_path" = "flipless-own-certificate.path";
    /// Starts [`OWN_CERTIFICATE`] once a minute, because the path unit misses some changes.
    OWN_CERTIFICATE_TIMER "own_certificate_timer" = "flipless-own-certificate.timer";
    /// The file name of the drop-ins. It sorts after the names of EB's own drop-ins, so that flipless's values win.
    DROP_IN "drop_in" = "zz-flipless.conf";
    /// EB's unit for the Procfile's `web`. The drop-in makes this unit a stand-in.
    WEB "web" = "web.service";
    /// EB's unit for nginx. In nginx mode, the drop-in makes it a stand-in.
    NGINX "nginx" = "nginx.service";
    /// EB's user for applications. The server runs as this user unless it has a user of its own.
    USER "user" = "webapp";
    /// The prefix in the name of a run's own user. The name of the run follows.
    RUN_USER "run_user" = "fl-";
    /// The status with which the stand-in of `web` exits during an alarm: EX_TEMPFAIL of sysexits.h.
    /// `RestartPreventExitStatus=` in the drop-in names this status, so that the unit stays failed.
    ALARM_STATUS "alarm_status" = "75";

    /// The file of the resolved settings in the bundle.
    SETTINGS_FILE "settings_file" = "flipless.json";
    /// The marker: `stage` writes the name of the run into the unpacked bundle. EB's own rename moves the file to
    /// `/var/app/current`.
    MARKER "marker" = "flipless-run";
    /// The agent's name in the bundle's `bin/`.
    AGENT_BIN "agent_bin" = "flipless";
    /// The relay's name in the bundle's `bin/`.
    RELAY "relay" = "flipless-relay";
    /// The name of the program for certificates in the bundle's `bin/`. It is also the name of its user.
    CERTIFICATES_BIN "certificates_bin" = "flipless-certificates";
    /// The name by which the server finds its listener (`FileDescriptorName=`, systemd.socket(5)).
    LISTENER "listener" = "app";
}

/// The variables that systemd sets for a service (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)). No
/// environment property may replace them, and the relay hides them from its server.
pub const OF_SYSTEMD: [&str; 6] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// Returns a program's path in the bundle.
///
/// ```
/// use flipless_settings::layout;
/// assert_eq!(layout::in_bin(layout::AGENT_BIN), "bin/flipless");
/// ```
pub fn in_bin(program: &str) -> String {
    format!("bin/{program}")
}

/// Returns the unit of one run of a release.
///
/// ```
/// assert_eq!(flipless_settings::layout::app_unit("3fa9c1-7"), "flipless-app@3fa9c1-7.service");
/// ```
pub fn app_unit(run: &str) -> String {
    format!("flipless-app@{run}.service")
}

/// Returns the run that a unit belongs to; `None` for the template and for any other unit.
///
/// ```
/// use flipless_settings::layout::run_of_unit;
/// assert_eq!(run_of_unit("flipless-app@3fa9c1-7.service"), Some("3fa9c1-7"));
/// assert_eq!(run_of_unit("flipless-app@.service"), None);
/// assert_eq!(run_of_unit("flipless-app.socket"), None);
/// ```
pub fn run_of_unit(unit: &str) -> Option<&str> {
    let run = unit
        .strip_prefix("flipless-app@")?
        .strip_suffix(".service")?;
    (!run.is_empty()).then_some(run)
}

/// A pattern that the unit of every run matches, for systemctl(1).
pub const APP_UNITS: &str = "flipless-app@*.service";

/// [`ALARM_STATUS`] as a number; a test compares the two.
pub const ALARM_EXIT: u8 = 75;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_has_one_status() {
        assert_eq!(ALARM_STATUS.parse(), Ok(ALARM_EXIT));
    }
}
