//! The variables in a hook's environment and in EB's environment file that are usually not properties.

use flipless_settings::layout;

/// The value that EB gives to PORT if the environment has no property PORT.
const EB_PORT: &str = "5000";

/// Variables that EB's engine and the programs around it add by themselves. Some of them are credentials, and none
/// of them belongs to the server. A property may have such a name, too. `get-config` then lists the name.
const NAMES: &[&str] = &[
    // EB gives these to hooks, and GOPATH to the server.
    "EB_IS_COMMAND_LEADER",
    "HOME",
    "PATH",
    "GOPATH",
    // cfn-hup gives these to the engine (update_hooks.py of aws-cfn-bootstrap).
    "CMD_DATA",
    "CMD_NAME",
    "DISPATCHER_ID",
    "INVOCATION_ID",
    "LISTENER_ID",
    "RESULT_ACCESS_KEY",
    "RESULT_QUEUE",
    "RESULT_SECRET_KEY",
    "RESULT_SESSION_TOKEN",
    "STACK_NAME",
    "CFN_OLD_METADATA",
    "CFN_NEW_METADATA",
    "CFN_LAST_UPDATED",
    // A shell, a login or sudo sets these.
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "HISTCONTROL",
    "HISTSIZE",
    "HOSTNAME",
    "LESSOPEN",
    "LS_COLORS",
    "MAIL",
    "which_declare",
    // systemd sets these, and INVOCATION_ID (systemd.exec(5), "Environment Variables in Spawned Processes").
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TERM",
    "CACHE_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "EXIT_CODE",
    "EXIT_STATUS",
    "FDSTORE",
    "JOURNAL_STREAM",
    "LISTEN_PIDFDID",
    "LOGS_DIRECTORY",
    "LOG_NAMESPACE",
    "MAINPID",
    "MAINPIDFDID",
    "MANAGERPID",
    "MANAGERPIDFDID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "MONITOR_EXIT_CODE",
    "MONITOR_EXIT_STATUS",
    "MONITOR_INVOCATION_ID",
    "MONITOR_SERVICE_RESULT",
    "MONITOR_UNIT",
    "PIDFILE",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "RUNTIME_DIRECTORY",
    "SERVICE_RESULT",
    "STATE_DIRECTORY",
    "SYSTEMD_EXEC_PID",
    "TRIGGER_PATH",
    "TRIGGER_TIMER_MONOTONIC_USEC",
    "TRIGGER_TIMER_REALTIME_USEC",
    "TRIGGER_UNIT",
];

/// Prefixes of further such names.
const PREFIXES: &[&str] = &["BASH_FUNC_", "LC_", "SUDO_", "XDG_"];

/// Returns whether EB or the system sets this variable. It is then a property only if `get-config` lists it.
pub(super) fn is_ambient(name: &str, value: &str) -> bool {
    match name {
        // PORT with any other value is a property.
        "PORT" => value == EB_PORT,
        _ => {
            NAMES.contains(&name)
                || layout::OF_SYSTEMD.contains(&name)
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        }
    }
}
