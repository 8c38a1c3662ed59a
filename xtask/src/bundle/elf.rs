//! Reads an ELF file: the requirements of an executable.

use std::collections::BTreeMap;

use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable};
use object::{Endianness, SectionIndex, elf};

use super::glibc::{FLOOR, GlibcVersion};
use crate::arch::Arch;

type Header = elf::FileHeader64<Endianness>;
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The relevant parts of an ELF file.
#[derive(Debug, Default, Clone)]
pub struct Elf {
    /// The processor; none if EB has no such instances.
    pub arch: Option<Arch>,
    /// The dynamic linker; none in a static executable.
    pub interpreter: Option<String>,
    dynamic: bool,
    /// Whether it has a dynamic section that needs libraries.
    pub needs_libraries: bool,
    /// The libraries that it needs (DT_NEEDED).
    pub libraries: Vec<String>,
    /// The symbol versions of other libraries than glibc that it needs, such as `GLIBCXX_3.4.30`.
    pub versions: Vec<String>,
    /// The levels of x86-64 that it needs: bits of `GNU_PROPERTY_X86_ISA_1_NEEDED`.
    pub levels: u32,
    /// The symbol versions of glibc that it needs, oldest first. Versions newer than [`FLOOR`] come with their
    /// first few symbols.
    pub glibc: Vec<(GlibcVersion, Vec<String>)>,
    /// Whether it contains the start code of glibc.
    pub glibc_start: bool,
}

impl Elf {
    /// Reads a 64-bit ELF file.
    ///
    /// # Errors
    /// If the file is damaged, or not 64-bit.
    pub fn parse(data: &[u8]) -> std::result::Result<Self, String> {
        read(data).map_err(|error| error.to_string())
    }

    /// Whether this is a static executable that contains glibc.
    pub fn static_glibc(&self) -> bool {
        self.interpreter.is_none() && !self.needs_libraries && self.glibc_start
    }
}

/// The most program headers that Linux accepts (64 KiB, `load_elf_phdrs`).
const MAX_SEGMENTS: usize = 1170;
/// The most bytes of notes that are read. The relevant note comes first.
const MAX_NOTES: u64 = 64 << 10;
/// The most versions that a file may need. A hostile file can have overlapping versions, which would take forever to
/// read.
const MAX_VERSIONS: usize = 4096;
/// The most libraries that are checked.
const MAX_LIBRARIES: usize = 256;
/// The most symbols that are named for each version, and the longest such name.
const MAX_SYMBOLS: usize = 8;
const MAX_NAME: usize = 256;
/// The bits of a version's index. The highest bit is a flag.
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
        // Only the first segment of each kind counts, as in Linux.
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
            read_notes(segment, endian, data, found)?;
        }
    }
    Ok(())
}

/// Reads two notes: the note of glibc's crt1.o, and the note with the levels of x86-64 (System V ABI of x86-64,
/// section 5.2, "Program property"). `strip` keeps the note of crt1.o, and musl's crt1.o has no such note.
fn read_notes(
    segment: &elf::ProgramHeader64<Endianness>,
    endian: Endianness,
    data: &[u8],
    found: &mut Elf,
) -> Result<()> {
    let Some(mut notes) = segment.notes(endian, data)? else {
        return Ok(());
    };
    while let Some(note) = notes.next()? {
        let of_gnu = note.name() == elf::ELF_NOTE_GNU;
        found.glibc_start |= of_gnu && note.n_type(endian) == elf::NT_GNU_ABI_TAG;
        let Some(mut properties) = note.gnu_properties(endian) else {
            continue;
        };
        while let Some(property) = properties.next()? {
            if property.pr_type() == elf::GNU_PROPERTY_X86_ISA_1_NEEDED {
                found.levels |= property.data_u32(endian)?;
            }
        }
    }
    Ok(())
}

fn read_sections(header: &Header, endian: Endianness, data: &[u8], found: &mut Elf) -> Result<()> {
    let sections = header.sections(endian, data)?;
    found.glibc_start |= has_glibc_stdio(header, &sections, endian, data)?;
    found.libraries = libraries(&sections, endian, data)?;
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

/// Whether the file has a section of glibc's stdio. This finds glibc even if the note was removed.
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
    // Compares in place, because the search for the end of an unterminated name would read the whole file.
    let named = |section: &elf::SectionHeader64<Endianness>| {
        let name = names.get(section.sh_name(endian) as usize..);
        name.is_some_and(|name| name.starts_with(b"__libc_IO_vtables\0"))
    };
    Ok(sections.iter().any(named))
}

/// The names of the needed libraries.
fn libraries(
    sections: &SectionTable<'_, Header>,
    endian: Endianness,
    data: &[u8],
) -> Result<Vec<String>> {
    use object::read::elf::Dyn;
    let Some((dynamic, link)) = sections.dynamic(endian, data)? else {
        return Ok(Vec::new());
    };
    let strings = content(sections, link, endian, data)?;
    let needed = dynamic
        .iter()
        .filter(|entry| entry.tag(endian) == elf::DT_NEEDED);
    let names = needed.map(|entry| name_at(strings, entry.val32(endian).unwrap_or_default()));
    Ok(names.take(MAX_LIBRARIES).collect())
}

/// Adds the needed versions of libraries to `found`. Returns the index by which symbols refer to each version of
/// glibc.
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
            match GlibcVersion::parse(&name) {
                Some(version) => {
                    found.glibc.push((version.clone(), Vec::new()));
                    indexes.insert(index, version);
                }
                None => found.versions.push(name),
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

/// A string of a string table, at most [`MAX_NAME`] bytes. An unterminated string could cover the whole file.
fn name_at(strings: &[u8], offset: u32) -> String {
    let rest = strings.get(offset as usize..).unwrap_or_default();
    let name = &rest[..rest.len().min(MAX_NAME)];
    let end = name.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&name[..end.unwrap_or(name.len())]).into_owned()
}
