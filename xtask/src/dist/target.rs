//! The targets of a bundle.

use crate::arch::Arch;

/// A target of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs)]
pub enum Target {
    #[value(name = "x86_64-unknown-linux-gnu")]
    X86Gnu,
    #[value(name = "x86_64-unknown-linux-musl")]
    X86Musl,
    #[value(name = "aarch64-unknown-linux-gnu")]
    ArmGnu,
    #[value(name = "aarch64-unknown-linux-musl")]
    ArmMusl,
}

impl Target {
    /// The target that uses the platform's C library.
    pub fn gnu(arch: Arch) -> Self {
        match arch {
            Arch::X86_64 => Self::X86Gnu,
            Arch::Aarch64 => Self::ArmGnu,
        }
    }

    /// The static target, with its own C library.
    pub fn musl(arch: Arch) -> Self {
        match arch {
            Arch::X86_64 => Self::X86Musl,
            Arch::Aarch64 => Self::ArmMusl,
        }
    }

    /// rustc's name of the target.
    pub fn triple(self) -> &'static str {
        match self {
            Self::X86Gnu => "x86_64-unknown-linux-gnu",
            Self::X86Musl => "x86_64-unknown-linux-musl",
            Self::ArmGnu => "aarch64-unknown-linux-gnu",
            Self::ArmMusl => "aarch64-unknown-linux-musl",
        }
    }

    /// The processor.
    pub fn arch(self) -> Arch {
        match self {
            Self::X86Gnu | Self::X86Musl => Arch::X86_64,
            Self::ArmGnu | Self::ArmMusl => Arch::Aarch64,
        }
    }

    /// Whether the target links with glibc.
    pub fn is_gnu(self) -> bool {
        matches!(self, Self::X86Gnu | Self::ArmGnu)
    }
}
