//! The ELF files of a bundle, and how a check judges them.

use std::collections::BTreeSet;

use super::outcome::Check;
use crate::bundle::elf::Elf;
use crate::bundle::{Bundle, Content, Entry};

/// An ELF file of the bundle.
pub struct Program<'a> {
    pub entry: &'a Entry,
    pub elf: &'a Elf,
    /// Whether EB or flipless starts it.
    pub started: bool,
}

/// All ELF files.
pub fn programs<'a>(bundle: &'a Bundle, started: &BTreeSet<&str>) -> Vec<Program<'a>> {
    let elfs = bundle.entries.iter().filter_map(elf_of);
    let programs = elfs.map(|(entry, elf)| Program {
        entry,
        elf,
        started: started.contains(entry.name.as_str()),
    });
    programs.collect()
}

/// Makes a check. Its findings are failures for a program that EB or flipless starts, and warnings for any other ELF
/// file.
pub fn judged<F: IntoIterator<Item = String>>(
    name: &'static str,
    programs: &[Program],
    fine: impl Into<String>,
    findings: impl Fn(&Program) -> F,
) -> Check {
    let found = |started: bool| -> Vec<String> {
        let of = programs.iter().filter(|program| program.started == started);
        of.flat_map(&findings).collect()
    };
    Check::of(name, found(true), fine).with_warnings(&found(false))
}

/// The entry with its ELF file, if it is one.
pub fn elf_of(entry: &Entry) -> Option<(&Entry, &Elf)> {
    match &entry.content {
        Content::Elf(elf) => Some((entry, elf)),
        _ => None,
    }
}
