//! What an executable needs of the machine it runs on.

use std::collections::BTreeMap;

use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable};
use object::{Endianness, SectionIndex, elf};

use super::glibc::{FLOOR, GlibcVersion};
use crate::arch::Arch;

type Header = elf::FileHeader64<Endianness>;
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What was read of an ELF file.
#[derive(Debug, Default, Clone)]
pub struct Elf {
    /// The processor; none if it is not one of EB's.
    pub arch: Option<Arch>,
    /// The dynamic linker; none in a static executable.
    pub interpreter: Option<String>,
    dynamic: bool,
    /// Has a dynamic section that needs libraries.
    pub needs_libraries: bool,
    /// Symbol versions of glibc that must be there, oldest first, each with its symbols (of versions newer than [`FLOOR`],
    /// the first few).
    pub glibc: Vec<(GlibcVersion, Vec<String>)>,
    /// Linked with glibc's own start code.
    pub glibc_start: bool,
}

impl Elf {
    /// Reads a 64-bit ELF file.
    ///
    /// # Errors
    /// When it is damaged or not 64-bit.
    pub fn parse(data: &[u8]) -> std::result::Result<Self, String> {
        read(data).map_err(|error| error.to_string())
    }

    /// A static executable with glibc inside.
    pub fn static_glibc(&self) -> bool {
        self.interpreter.is_none() && !self.needs_libraries && self.glibc_start
    }
}

/// Program headers that Linux itself takes (64 KiB of them, `load_elf_phdrs`).
const MAX_SEGMENTS: usize = 1170;
/// Bytes of notes that are looked at; the one that matters comes first.
const MAX_NOTES: u64 = 64 << 10;
/// Versions that a file asks for: hostile ones overlap, and would take forever.
const MAX_VERSIONS: usize = 4096;
/// Symbols that are named for each version, and how long such a name may be.
const MAX_SYMBOLS: usize = 8;
const MAX_NAME: usize = 256;
/// Of an index of a version; the highest bit is a flag.
const VERSION: u16 = 0x7fff;

fn read(data: &[u8]) -> Result<Elf> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let mut found = Elf {
        arch: match header.e_machine(endian) {
            elf::EM_X86_64 => Some(Arch::X86_64),
            elf::EM_AARCH64 => Some(Arch::Aarch64),
            _ => None,
        },
        ..Elf::default()
    };
    read_segments(header, endian, data, &mut found)?;
    read_sections(header, endian, data, &mut found)?;
    Ok(found)
}

fn read_segments(header: &Header, endian: Endianness, data: &[u8], found: &mut Elf) -> Result<()> {
    let segments = header.program_headers(endian, data)?;
    if segments.len() > MAX_SEGMENTS {
        return Err(format!("{} program headers", segments.len()).into());
    }
    let mut notes_left = MAX_NOTES;
    for segment in segments {
        // Only the first of each kind counts, as for Linux.
        if let Some(path) = segment.interpreter(endian, data)?
            && found.interpreter.is_none()
        {
            let path = &path[..path.len().min(MAX_NAME)];
            found.interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
        if !found.dynamic
            && let Some(dynamic) = segment.dynamic(endian, data)?
        {
            use object::read::elf::Dyn;
            found.dynamic = true;
            let needed = |entry: &elf::Dyn64<Endianness>| entry.tag(endian) == elf::DT_NEEDED;
            found.needs_libraries = dynamic.iter().any(needed);
        }
        let size = segment.p_filesz(endian);
        if segment.p_type(endian) == elf::PT_NOTE && size <= notes_left {
            notes_left -= size;
            found.glibc_start |= has_glibc_note(segment, endian, data)?;
        }
    }
    Ok(())
}

/// glibc's crt1.o brings this note, which `strip` keeps; musl's has none.
fn has_glibc_note(
    segment: &elf::ProgramHeader64<Endianness>,
    endian: Endianness,
    data: &[u8],
) -> Result<bool> {
    let Some(mut notes) = segment.notes(endian, data)? else {
        return Ok(false);
    };
    while let Some(note) = notes.next()? {
        if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_ABI_TAG {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_sections(header: &Header, endian: Endianness, data: &[u8], found: &mut Elf) -> Result<()> {
    let sections = header.sections(endian, data)?;
    found.glibc_start |= has_glibc_stdio(header, &sections, endian, data)?;
    let mut indexes = read_versions(&sections, endian, data, found)?;
    let floor = GlibcVersion::parse(FLOOR);
    indexes.retain(|_, version| Some(&*version) > floor.as_ref());
    let Some((versions, _)) = sections.gnu_versym(endian, data)? else {
        return Ok(());
    };
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM)?;
    let names_of_symbols = content(&sections, symbols.string_section(), endian, data)?;
    for (symbol, version) in symbols.iter().zip(versions) {
        let index = version.0.get(endian).0 & VERSION;
        let Some(version) = indexes.get(&index) else {
            continue;
        };
        let place = found.glibc.iter_mut().find(|(other, _)| other == version);
        if let Some((_, names)) = place.filter(|(_, names)| names.len() < MAX_SYMBOLS) {
            names.push(name_at(names_of_symbols, symbol.st_name.get(endian)));
        }
    }
    Ok(())
}

/// A section of glibc's stdio, in case the note was removed.
fn has_glibc_stdio(
    header: &Header,
    sections: &SectionTable<'_, Header>,
    endian: Endianness,
    data: &[u8],
) -> Result<bool> {
    if sections.is_empty() {
        return Ok(false);
    }
    let index = header.shstrndx(endian, data)?;
    let names = content(sections, SectionIndex(index as usize), endian, data)?;
    // Compared in place: a name without an end would be searched to the end of the file.
    let named = |section: &elf::SectionHeader64<Endianness>| {
        let name = names.get(section.sh_name(endian) as usize..);
        name.is_some_and(|name| name.starts_with(b"__libc_IO_vtables\0"))
    };
    Ok(sections.iter().any(named))
}

/// The versions of glibc that are asked for, into `found`; and by which index symbols name them.
fn read_versions(
    sections: &SectionTable<'_, Header>,
    endian: Endianness,
    data: &[u8],
    found: &mut Elf,
) -> Result<BTreeMap<u16, GlibcVersion>> {
    let mut indexes = BTreeMap::new();
    let Some((mut needs, link)) = sections.gnu_verneed(endian, data)? else {
        return Ok(indexes);
    };
    let strings = content(sections, link, endian, data)?;
    let mut seen = 0;
    while let Some((_, mut versions)) = needs.next()? {
        seen += 1;
        while let Some(version) = versions.next()? {
            seen += 1;
            if seen > MAX_VERSIONS {
                return Err("more versions than a file can need".into());
            }
            let name = name_at(strings, version.vna_name.get(endian));
            let index = version.vna_other.get(endian).0 & VERSION;
            if let Some(version) = GlibcVersion::parse(&name) {
                found.glibc.push((version.clone(), Vec::new()));
                indexes.insert(index, version);
            }
        }
    }
    found.glibc.sort_by(|a, b| a.0.cmp(&b.0));
    found.glibc.dedup_by(|a, b| a.0 == b.0);
    Ok(indexes)
}

fn content<'data>(
    sections: &SectionTable<'data, Header>,
    index: SectionIndex,
    endian: Endianness,
    data: &'data [u8],
) -> Result<&'data [u8]> {
    Ok(sections.section(index)?.data(endian, data)?)
}

/// A string of a string table, at most [`MAX_NAME`] bytes: one without an end could be the whole file.
fn name_at(strings: &[u8], offset: u32) -> String {
    let rest = strings.get(offset as usize..).unwrap_or_default();
    let name = &rest[..rest.len().min(MAX_NAME)];
    let end = name.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&name[..end.unwrap_or(name.len())]).into_owned()
}
