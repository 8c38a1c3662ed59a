//! What an executable needs of the machine it runs on.

use std::cmp::Ordering;

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};

type Header = elf::FileHeader64<Endianness>;
type Result<T> = std::result::Result<T, String>;

/// A processor that EB has instances of.
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
    /// As in a target triple.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Where the platform has its dynamic linker.
    pub fn interpreter(self) -> &'static str {
        match self {
            Self::X86_64 => "/lib64/ld-linux-x86-64.so.2",
            Self::Aarch64 => "/lib/ld-linux-aarch64.so.1",
        }
    }
}

/// What was read of an ELF file.
#[derive(Debug, Default, Clone)]
pub struct Elf {
    /// The processor; none if it is not one of EB's.
    pub arch: Option<Arch>,
    /// The dynamic linker; none in a static executable.
    pub interpreter: Option<String>,
    /// Has a dynamic section that needs libraries.
    pub needs_libraries: bool,
    /// Symbol versions of glibc that must be there, oldest first, each with its symbols.
    pub glibc: Vec<(GlibcVersion, Vec<String>)>,
    /// Linked with glibc's own start code.
    pub glibc_start: bool,
}

impl Elf {
    /// Reads a 64-bit ELF file.
    ///
    /// # Errors
    /// When it is damaged or not 64-bit.
    pub fn parse(data: &[u8]) -> Result<Self> {
        read(data).map_err(|error| error.to_string())
    }

    /// A static executable with glibc inside.
    pub fn static_glibc(&self) -> bool {
        self.interpreter.is_none() && !self.needs_libraries && self.glibc_start
    }
}

fn read(data: &[u8]) -> object::Result<Elf> {
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
    for segment in header.program_headers(endian, data)? {
        if let Some(path) = segment.interpreter(endian, data)? {
            found.interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
        if let Some(dynamic) = segment.dynamic(endian, data)? {
            use object::read::elf::Dyn;
            let needed = |entry: &elf::Dyn64<Endianness>| entry.tag(endian) == elf::DT_NEEDED;
            found.needs_libraries |= dynamic.iter().any(needed);
        }
        if let Some(mut notes) = segment.notes(endian, data)? {
            while let Some(note) = notes.next()? {
                // glibc's crt1.o brings this note, which `strip` keeps; musl's has none.
                found.glibc_start |=
                    note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_ABI_TAG;
            }
        }
    }
    read_sections(header, endian, data, &mut found)?;
    Ok(found)
}

fn read_sections(
    header: &Header,
    endian: Endianness,
    data: &[u8],
    found: &mut Elf,
) -> object::Result<()> {
    let sections = header.sections(endian, data)?;
    for section in sections.iter() {
        // Part of glibc's stdio, in case the note was removed.
        found.glibc_start |= sections.section_name(endian, section)? == b"__libc_IO_vtables";
    }
    if let Some((mut needs, link)) = sections.gnu_verneed(endian, data)? {
        let strings = sections.strings(endian, data, link)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                let name = String::from_utf8_lossy(version.name(endian, strings)?).into_owned();
                if let Some(version) = GlibcVersion::parse(&name) {
                    found.glibc.push((version, Vec::new()));
                }
            }
        }
    }
    found.glibc.sort_by(|a, b| a.0.cmp(&b.0));
    found.glibc.dedup_by(|a, b| a.0 == b.0);
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM)?;
    let Some(versions) = sections.versions(endian, data)? else {
        return Ok(());
    };
    for (index, symbol) in symbols.enumerate() {
        let version = versions.version(versions.version_index(endian, index).index())?;
        let Some(version) = version.filter(|version| version.file().is_some()) else {
            continue;
        };
        let wanted = GlibcVersion::parse(&String::from_utf8_lossy(version.name()));
        let name = String::from_utf8_lossy(symbols.symbol_name(endian, symbol)?).into_owned();
        let place = found
            .glibc
            .iter_mut()
            .find(|(version, _)| Some(version) == wanted.as_ref());
        if let Some((_, names)) = place {
            names.push(name);
        }
    }
    Ok(())
}

/// `GLIBC_2.34`; `GLIBC_ABI_…` and `GLIBC_PRIVATE` are newer than every number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlibcVersion {
    name: String,
    numbers: Vec<u32>,
}

impl GlibcVersion {
    /// None unless it begins with `GLIBC_`.
    pub fn parse(name: &str) -> Option<Self> {
        let numbers = name.strip_prefix("GLIBC_")?;
        let numbers: std::result::Result<_, _> = numbers.split('.').map(str::parse).collect();
        let name = name.to_owned();
        Some(Self {
            name,
            numbers: numbers.unwrap_or_default(),
        })
    }

    /// As the linker writes it.
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
