//! The processors of EB's instances.

/// A processor architecture of EB's instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Arch {
    /// 64-bit x86
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit ARM (Graviton)
    #[value(name = "aarch64")]
    Aarch64,
}

impl Arch {
    /// The name in a target triple.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The reverse of [`Arch::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::X86_64, Self::Aarch64];
        all.into_iter().find(|arch| arch.name() == name)
    }

    /// The path of the platform's dynamic linker.
    pub fn interpreter(self) -> &'static str {
        match self {
            Self::X86_64 => "/lib64/ld-linux-x86-64.so.2",
            Self::Aarch64 => "/lib/ld-linux-aarch64.so.1",
        }
    }
}
