//! What a deployment of a soak does.

use std::fmt;

/// A command on the environment, or one of a person's on the instance.
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
    /// The engine stops when all is staged, and a person calls `flipless abort`.
    Abort,
    /// A predeploy hook calls `flipless abort`, and EB flips all the same.
    AbortedFlip,
    /// A predeploy hook that sorts after flipless's fails.
    LateHook,
    /// A postdeploy hook that sorts before flipless's fails.
    PostHook,
}

/// All of them, and how often each is drawn.
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

impl Act {
    /// Whether it ends with another run that serves, if nothing comes in its way.
    pub(super) fn replaces_the_run(self) -> bool {
        !matches!(self, Self::Abort | Self::AbortedFlip | Self::LateHook)
    }

    /// Whether the engine goes through a whole deployment, and may stop anywhere in it.
    pub(super) fn is_deployment(self) -> bool {
        matches!(
            self,
            Self::Version | Self::Property | Self::Proxy | Self::PostHook
        )
    }

    /// Whether a version changes in it only by EB's flip.
    pub(super) fn changes_by_the_flip(self) -> bool {
        !matches!(self, Self::Restart | Self::Rollback)
    }

    /// Whether it is for a person at the instance.
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
