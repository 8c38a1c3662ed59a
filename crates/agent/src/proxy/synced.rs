//! What the agent did so that the front runs with the files on the disk.

/// The result of `sync`, `settle`, `conclude` and `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// There is no front in this front mode.
    NoFront,
    /// The front was not running, and the agent has started it.
    Started,
    /// The configuration, the address of a name or a log may have changed, and the front was reloaded.
    Reloaded,
    /// The sandbox had changed, or only a new master could serve every address. A new master process runs.
    Replaced,
    /// The program or one of its libraries had changed, and a new master process has loaded it.
    Updated,
    /// The front has to load the configuration, but would then close a listener. So the load waits for the postdeploy
    /// hooks.
    Postponed,
    /// The front already runs with the configuration on disk.
    Unchanged,
}

impl std::fmt::Display for Synced {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NoFront => "there is no front in this front mode",
            Self::Started => "nginx started",
            Self::Reloaded => "nginx reloaded",
            Self::Replaced => "nginx restarted with the sandbox and the addresses of this bundle",
            Self::Updated => "nginx restarted, since its program or a library was updated",
            Self::Postponed => {
                "nginx loads its new configuration after the postdeploy hooks, which may add listeners again"
            }
            Self::Unchanged => "nginx already has this configuration",
        })
    }
}
