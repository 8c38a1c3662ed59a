//! Symbol versions of glibc.

use std::cmp::Ordering;

/// The newest symbol version that Amazon Linux 2023's glibc has.
pub const FLOOR: &str = "GLIBC_2.34";

/// A version such as `GLIBC_2.34`. `GLIBC_ABI_…` and `GLIBC_PRIVATE` count as newer than every number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlibcVersion {
    name: String,
    numbers: Vec<u32>,
}

impl GlibcVersion {
    /// Parses a name; `None` unless it begins with `GLIBC_`.
    pub fn parse(name: &str) -> Option<Self> {
        let numbers = name.strip_prefix("GLIBC_")?;
        let numbers: std::result::Result<_, _> = numbers.split('.').map(str::parse).collect();
        let name = name.to_owned();
        Some(Self {
            name,
            numbers: numbers.unwrap_or_default(),
        })
    }

    /// The name as the linker writes it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Ord for GlibcVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |version: &Self| (version.numbers.is_empty(), version.numbers.clone());
        key(self)
            .cmp(&key(other))
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for GlibcVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
