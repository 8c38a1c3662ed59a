//! The kinds of deployment in a soak.

use std::fmt;

/// A command on the environment, or a command that a person runs on the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Another application version.
    Version,
    /// A changed environment property.
    Property,
    /// Another version, with another nginx configuration.
    Proxy,
    /// "Restart app server(s)".
    Restart,
    /// `flipless rollback`.
    Rollback,
    /// The engine stops after the staging, and a person calls `flipless abort`.
    Abort,
    /// A predeploy hook calls `flipless abort`, but EB still flips.
    AbortedFlip,
    /// A predeploy hook that runs after flipless's own hook fails.
    LateHook,
    /// A postdeploy hook that runs before flipless's own hook fails.
    PostHook,
}

/// Every act, with its weight in the draw.
pub(super) const ALL: &[(Act, u32)] = &[
    (Act::Version, 36),
    (Act::Property, 14),
    (Act::Proxy, 14),
    (Act::Restart, 8),
    (Act::Rollback, 8),
    (Act::Abort, 6),
    (Act::AbortedFlip, 4),
    (Act::LateHook, 7),
    (Act::PostHook, 7),
];

const FAILING: &str = "#!/bin/sh\necho the rehearsal fails >&2\nexit 7\n";
const ABORTING: &str = "#!/bin/sh\nexec /opt/flipless/bin/flipless abort\n";

impl Act {
    /// The instruction before which the engine stops in [`Self::Abort`].
    pub(super) const ABORTED_BEFORE: &str = "stop X-Ray";

    /// Returns the hook that the act adds to the bundle: its path and script.
    pub(super) fn hook(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::AbortedFlip => Some((".platform/hooks/predeploy/~~abort", ABORTING)),
            Self::LateHook => Some((".platform/hooks/predeploy/~~fails", FAILING)),
            Self::PostHook => Some((".platform/hooks/postdeploy/!!fails", FAILING)),
            _ => None,
        }
    }

    /// Returns whether another run serves after the act, if no fault occurs.
    pub(super) fn replaces_the_run(self) -> bool {
        !matches!(self, Self::Abort | Self::AbortedFlip | Self::LateHook)
    }

    /// Returns whether the engine performs a whole deployment. A fault may stop the engine anywhere in such a
    /// deployment.
    pub(super) fn is_deployment(self) -> bool {
        matches!(
            self,
            Self::Version | Self::Property | Self::Proxy | Self::PostHook
        )
    }

    /// Returns whether only EB's flip can change the version in this act.
    pub(super) fn changes_by_the_flip(self) -> bool {
        !matches!(self, Self::Restart | Self::Rollback)
    }

    /// Returns whether a person runs the command on the instance.
    pub(super) fn is_by_hand(self) -> bool {
        self == Self::Rollback
    }
}

impl fmt::Display for Act {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Version => "version",
            Self::Property => "property",
            Self::Proxy => "proxy",
            Self::Restart => "restart",
            Self::Rollback => "rollback",
            Self::Abort => "abort",
            Self::AbortedFlip => "abort before the flip",
            Self::LateHook => "late hook fails",
            Self::PostHook => "postdeploy hook fails",
        })
    }
}
