//! The smallest possible ELF files (elf(5)).

use crate::bundle::elf::Elf;

pub const X86_64: u16 = 62;
pub const AARCH64: u16 = 183;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;
const HEADER: usize = 64;
const SEGMENT: usize = 56;
const SECTION: usize = 64;

/// A file with only a header: a static program without a C library.
pub fn program(machine: u16) -> Vec<u8> {
    with_segments(machine, &[])
}

/// A program that needs this dynamic linker.
pub fn with_interpreter(path: &str) -> Vec<u8> {
    with_segments(X86_64, &[(PT_INTERP, [path.as_bytes(), b"\0"].concat())])
}

/// A static program with the note of glibc's crt1.o: Linux, ABI 3.2.0.
pub fn static_glibc() -> Vec<u8> {
    let numbers = [4_u32, 16, 1].map(u32::to_le_bytes).concat();
    let abi = [0_u32, 3, 2, 0].map(u32::to_le_bytes).concat();
    with_segments(
        X86_64,
        &[(PT_NOTE, [&numbers[..], b"GNU\0", &abi].concat())],
    )
}

fn with_segments(machine: u16, segments: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut elf = vec![0; HEADER];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[16] = 2;
    put(&mut elf, 18, &machine.to_le_bytes());
    elf[20] = 1;
    elf[52] = HEADER as u8;
    if !segments.is_empty() {
        elf[32] = HEADER as u8;
        elf[54] = SEGMENT as u8;
        put(&mut elf, 56, &(segments.len() as u16).to_le_bytes());
    }
    let mut offset = HEADER + SEGMENT * segments.len();
    for (kind, data) in segments {
        let mut segment = [0; SEGMENT];
        put(&mut segment, 0, &kind.to_le_bytes());
        put(&mut segment, 8, &offset.to_le_bytes());
        put(&mut segment, 32, &data.len().to_le_bytes());
        put(&mut segment, 48, &4_u64.to_le_bytes());
        elf.extend(segment);
        offset += data.len();
    }
    segments.iter().for_each(|(_, data)| elf.extend(data));
    elf
}

/// A program that needs `count` versions of glibc.
fn with_versions(count: usize) -> Vec<u8> {
    needing(&[], &vec!["GLIBC_2.34"; count])
}

/// A program that needs these libraries (elf(5): Elf64_Dyn) and symbol versions (Elf64_Verneed, Elf64_Vernaux).
pub fn needing(libraries: &[&str], versions: &[&str]) -> Vec<u8> {
    let mut strings = vec![0];
    let mut string = |text: &str| {
        let at = strings.len();
        strings.extend([text.as_bytes(), b"\0"].concat());
        at
    };
    let mut dynamic = Vec::new();
    for library in libraries {
        dynamic.extend([1, string(library) as u64].map(u64::to_le_bytes).concat());
    }
    let count = (versions.len() as u16).to_le_bytes();
    let mut needs = [1, 0, count[0], count[1]].to_vec();
    needs.extend([0_u32, 16, 0].map(u32::to_le_bytes).concat());
    for (index, version) in versions.iter().enumerate() {
        needs.extend([0; 6]);
        needs.extend((index as u16).to_le_bytes());
        needs.extend([string(version) as u32, 16].map(u32::to_le_bytes).concat());
    }
    // SHT_STRTAB, SHT_GNU_verneed with the number of its records, and SHT_DYNAMIC.
    let parts = [
        (3_u32, strings, 0_u32),
        (0x6fff_fffe, needs, 1),
        (6, dynamic, 0),
    ];
    let parts = parts.into_iter().filter(|(_, data, _)| !data.is_empty());
    with_sections(&parts.collect::<Vec<_>>())
}

/// A program with these sections: the kind, the content and `sh_info`. The first section has the strings of the other
/// sections.
fn with_sections(parts: &[(u32, Vec<u8>, u32)]) -> Vec<u8> {
    let mut elf = program(X86_64);
    let mut headers = vec![0; SECTION];
    for (kind, data, info) in parts {
        let mut section = [0; SECTION];
        put(&mut section, 4, &kind.to_le_bytes());
        put(&mut section, 24, &elf.len().to_le_bytes());
        put(&mut section, 32, &data.len().to_le_bytes());
        put(&mut section, 40, &1_u32.to_le_bytes());
        put(&mut section, 44, &info.to_le_bytes());
        headers.extend(section);
        elf.extend(data);
    }
    let table = elf.len();
    put(&mut elf, 40, &table.to_le_bytes());
    put(
        &mut elf,
        58,
        &[SECTION as u8, 0, parts.len() as u8 + 1, 0, 1, 0],
    );
    elf.extend(headers);
    elf
}

/// A program that needs these levels of x86-64: GNU_PROPERTY_X86_ISA_1_NEEDED in a note for 8-byte alignment.
pub fn with_levels(bits: u32) -> Vec<u8> {
    let words = [
        4_u32,
        16,
        5,
        u32::from_le_bytes(*b"GNU\0"),
        0xc000_8002,
        4,
        bits,
        0,
    ];
    with_segments(X86_64, &[(PT_NOTE, words.map(u32::to_le_bytes).concat())])
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

#[test]
fn versions_are_read_up_to_a_number_that_no_real_file_has() {
    let elf = Elf::parse(&with_versions(4000)).unwrap();
    assert_eq!(elf.glibc.len(), 1);
    assert_eq!(elf.glibc[0].0.name(), "GLIBC_2.34");
    let error = Elf::parse(&with_versions(5000)).unwrap_err();
    assert!(error.contains("more versions"), "{error}");
}

#[test]
fn a_small_static_program_needs_nothing() {
    let elf = Elf::parse(&program(AARCH64)).unwrap();
    assert_eq!(elf.arch.map(|arch| arch.name()), Some("aarch64"));
    assert!(elf.interpreter.is_none() && !elf.static_glibc());
    assert!(Elf::parse(&static_glibc()).unwrap().static_glibc());
}
