//! Variants: possible behaviours of EB's engine, where the real behaviour is unknown. A bundle must pass with
//! every variant.

/// One possible behaviour of EB's engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variants {
    /// The name on the command line.
    pub name: &'static str,
    /// Each deployment removes all of `/etc/systemd/system/nginx.service.d`, not only EB's drop-in.
    pub wipes_drop_ins: bool,
    /// `start proxy` does nothing if nginx is already active.
    pub leaves_active_proxy: bool,
    /// The stops after which EB polls `is-active` until the process has ended.
    pub polling: Polling,
    /// Where EB reads the pid of nginx.
    pub proxy_pid: ProxyPid,
    /// "Restart app server" restarts the proxy too.
    pub restarts_proxy: bool,
    /// EB's work after a reboot.
    pub at_boot: AtBoot,
    /// `get-config` prints the values of secrets too. Hooks always see them.
    pub publishes_secrets: bool,
    /// `get-config` fails. On real instances, it has failed with "could not parse environment variables".
    pub get_config_fails: bool,
    /// EB's environment file also has variables such as PATH and HOME.
    pub env_file_has_extras: bool,
}

/// EB's work after a reboot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtBoot {
    /// EB only tracks its processes.
    Tracks,
    /// EB starts the proxy.
    StartsProxy,
    /// EB deploys the stored bundle again, with hooks and flip (`self-startup`).
    Deploys,
}

/// The stops after which EB polls `is-active`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polling {
    /// EB polls after no stop, as in a real log of 2020.
    Never,
    /// EB polls after the stop of the application, as in a real log of 2026 (`tests/fixtures/app-deploy.txt`).
    Application,
    /// EB polls after every stop.
    Always,
}

/// Where EB reads nginx's pid, to track it in healthd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyPid {
    /// `/run/nginx.pid`.
    Run,
    /// `/var/pids/nginx.pid`. EB's drop-in then writes this file.
    VarPids,
    /// The unit's `MainPID`.
    MainPid,
}

/// The behaviour that EB's logs show. If no log shows a part of the behaviour, this is the most likely one.
pub const STANDARD: Variants = Variants {
    name: "standard",
    wipes_drop_ins: false,
    leaves_active_proxy: false,
    polling: Polling::Application,
    proxy_pid: ProxyPid::Run,
    restarts_proxy: false,
    at_boot: AtBoot::StartsProxy,
    publishes_secrets: true,
    get_config_fails: false,
    env_file_has_extras: false,
};

/// All variants, [`STANDARD`] first.
pub const ALL: &[Variants] = &[
    STANDARD,
    Variants {
        name: "wipes-drop-ins",
        wipes_drop_ins: true,
        ..STANDARD
    },
    Variants {
        name: "leaves-active-proxy",
        leaves_active_proxy: true,
        ..STANDARD
    },
    Variants {
        name: "polls-every-stop",
        polling: Polling::Always,
        ..STANDARD
    },
    Variants {
        name: "order-2020",
        polling: Polling::Never,
        ..STANDARD
    },
    Variants {
        name: "pid-var-pids",
        proxy_pid: ProxyPid::VarPids,
        ..STANDARD
    },
    Variants {
        name: "pid-main",
        proxy_pid: ProxyPid::MainPid,
        ..STANDARD
    },
    Variants {
        name: "restarts-proxy",
        restarts_proxy: true,
        ..STANDARD
    },
    Variants {
        name: "no-proxy-at-boot",
        at_boot: AtBoot::Tracks,
        ..STANDARD
    },
    Variants {
        name: "deploys-at-boot",
        at_boot: AtBoot::Deploys,
        ..STANDARD
    },
    Variants {
        name: "secrets-in-hooks-only",
        publishes_secrets: false,
        ..STANDARD
    },
    Variants {
        name: "broken-get-config",
        get_config_fails: true,
        ..STANDARD
    },
    Variants {
        name: "env-file-has-extras",
        env_file_has_extras: true,
        ..STANDARD
    },
];

/// The variant with this name.
pub fn named(name: &str) -> Option<Variants> {
    ALL.iter().find(|variants| variants.name == name).copied()
}
