//! Where things are on the instance, and what the units are called.
//!
//! The templates get these as `layout`, and the agent uses them, so that units and code can't disagree.

macro_rules! layout {
    ($($(#[$doc:meta])* $name:ident $key:literal = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $value;)*

        /// Every name with its value, for the templates.
        pub const ALL: &[(&str, &str)] = &[$(($key, $value)),*];
    };
}

layout! {
    /// The root of everything that is ours; nothing here is touched by EB.
    ROOT "root" = "/opt/flipless";
    /// The installed agent: units run this one, never the one in the app directory,
    /// which EB removes in every flip.
    AGENT "agent" = "/opt/flipless/bin/flipless";
    /// One directory a release: `app/` (the bundle's content) and `environment`.
    RELEASES "releases" = "/opt/flipless/releases";
    /// One link a run, to its release's directory.
    RUNS "runs" = "/opt/flipless/runs";
    /// The settings of the newest bundle: what belongs to the instance is read from here.
    SETTINGS "settings" = "/opt/flipless/settings.json";
    /// The folder of the agent's state.
    STATE_FOLDER "state_folder" = "/var/lib/flipless";
    /// The agent's state file.
    STATE "state" = "/var/lib/flipless/state.json";
    /// What is true only until the next boot: the lock, what the front has loaded.
    RUNTIME "runtime" = "/run/flipless";

    /// The listener that the server's runs share.
    APP_SOCKET "app_socket" = "flipless-app.socket";
    /// The unit of a run, in a release's `systemd/`; each run has a copy under its own name, so that
    /// an old release runs as it was built to.
    APP_TEMPLATE "app_template" = "flipless-app@.service";
    /// What the listener starts when no run is active.
    GATE "gate" = "flipless-gate.service";
    /// The listener of the public port, in nginx mode.
    FRONT_SOCKET "front_socket" = "flipless-front.socket";
    /// The real nginx, in nginx mode.
    FRONT "front" = "flipless-front.service";
    /// Gives up a staged release that nobody committed.
    DEADMAN_TIMER "deadman_timer" = "flipless-deadman.timer";
    /// What the timer starts.
    DEADMAN "deadman" = "flipless-deadman.service";
    /// Goes back to the previous release when the current one crashes again and again.
    RECOVER "recover" = "flipless-recover.service";
    /// Our drop-in's file name: sorts after EB's, so that its settings win.
    DROP_IN "drop_in" = "zz-flipless.conf";
    /// EB's unit of the Procfile's `web`, a stand-in by our drop-in.
    WEB "web" = "web.service";
    /// EB's unit of nginx, in nginx mode a stand-in by our drop-in.
    NGINX "nginx" = "nginx.service";
    /// The user that the platform brings for applications, and that the server runs as.
    USER "user" = "webapp";
    /// The status that the stand-in of `web` ends with while there is an alarm to show: EX_TEMPFAIL of
    /// sysexits.h. A status of the drop-in's `RestartPreventExitStatus=`, it leaves a failed unit.
    ALARM_STATUS "alarm_status" = "75";

    /// The resolved settings, in the bundle.
    SETTINGS_FILE "settings_file" = "flipless.json";
    /// The agent's name in the bundle's `bin/`.
    AGENT_BIN "agent_bin" = "flipless";
    /// The relay's name in the bundle's `bin/`.
    RELAY "relay" = "flipless-relay";
    /// The name under which the server finds its listener (`FileDescriptorName=`).
    LISTENER "listener" = "app";
}

/// What systemd tells a service in its environment (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)):
/// no property may replace it, and no child of the server's may act on it.
pub const OF_SYSTEMD: [&str; 6] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// The unit of one run of a release.
///
/// ```
/// assert_eq!(flipless_settings::layout::app_unit("3fa9c1-7"), "flipless-app@3fa9c1-7.service");
/// ```
pub fn app_unit(run: &str) -> String {
    format!("flipless-app@{run}.service")
}
