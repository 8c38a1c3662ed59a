//! Reads the content of an entry: counts it, hashes it, and keeps the part that the checks need.

use std::io::{self, Read};

use flipless_settings::layout;

use super::elf::Elf;
use super::entry::{Content, Entry};
use crate::files::Meter;
use crate::ui;

/// The most unpacked bytes of all entries together: eight times EB's limit of the zip.
const MAX_TOTAL: u64 = 4 << 30;
/// The most bytes of all texts together.
const MAX_TEXTS: u64 = 48 << 20;
/// The most bytes of one text file.
const MAX_TEXT: u64 = 1 << 20;
/// The most bytes of one file for nginx: a `map` or a `geo` block may list every network.
const MAX_NGINX: u64 = 32 << 20;
/// The most bytes of one executable, which is parsed in memory.
const MAX_ELF: u64 = 256 << 20;
/// The most bytes of a link's target (PATH_MAX).
const MAX_LINK: u64 = 4096;

/// The number of bytes of one zip that may still be kept in memory.
pub struct Budget {
    texts: u64,
}

impl Budget {
    /// A budget for entries with this declared size together. No entry yields more than its declared size.
    pub fn for_content(declared: u64) -> Result<Self, String> {
        if declared > MAX_TOTAL {
            let most = MAX_TOTAL >> 30;
            return Err(format!(
                "{declared} bytes unpacked, but at most {most} GiB are checked"
            ));
        }
        Ok(Self { texts: MAX_TEXTS })
    }
}

/// Reads the content up to its declared size.
pub fn read_content(file: &mut impl Read, declared: u64, entry: &mut Entry, budget: &mut Budget) {
    let mut meter = Meter::new(file.take(declared + 1));
    let content = interesting(&mut meter, declared, entry, budget);
    // Reads to the end, where the zip library compares the checksum. It returns no more than the declared size.
    let rest = io::copy(&mut meter, &mut io::sink());
    entry.bytes = meter.count();
    entry.sha256 = meter.sha256();
    entry.content = match (content, rest) {
        (Err(error), _) | (_, Err(error)) => Content::Broken(error.to_string()),
        (Ok(content), Ok(_)) if entry.bytes == declared => content,
        _ => Content::Broken(format!(
            "{} bytes, not the declared {declared}",
            entry.bytes
        )),
    };
}

fn interesting(
    reader: &mut impl Read,
    declared: u64,
    entry: &Entry,
    budget: &mut Budget,
) -> io::Result<Content> {
    if entry.is_link() {
        return link(reader, declared);
    }
    let mut start = Vec::new();
    reader.take(4).read_to_end(&mut start)?;
    if start == b"\x7fELF" {
        return elf(reader, declared, start);
    }
    if entry.folder || !is_read_by_the_platform(&entry.name) {
        return Ok(Content::Other);
    }
    let most = most_of_a_text(&entry.name);
    if declared > most {
        let [size, most] = [declared, most].map(ui::size);
        return Ok(Content::Unchecked(format!(
            "it has {size}, and at most {most} are read"
        )));
    }
    if declared > budget.texts {
        let all = ui::size(MAX_TEXTS);
        return Ok(Content::Unchecked(format!(
            "the texts of a bundle are read up to {all}"
        )));
    }
    budget.texts -= declared;
    reader.take(declared).read_to_end(&mut start)?;
    Ok(Content::Text(start))
}

fn link(reader: &mut impl Read, declared: u64) -> io::Result<Content> {
    let mut target = Vec::new();
    reader.take(MAX_LINK).read_to_end(&mut target)?;
    Ok(match String::from_utf8(target) {
        Ok(target) if declared < MAX_LINK => Content::Link(target),
        Ok(_) => Content::Broken("a link's target of this length".into()),
        Err(_) => Content::Broken("a link's target that is not UTF-8".into()),
    })
}

fn elf(reader: &mut impl Read, declared: u64, start: Vec<u8>) -> io::Result<Content> {
    if declared > MAX_ELF {
        let most = MAX_ELF >> 20;
        return Ok(Content::Unchecked(format!(
            "it is an executable of more than {most} MiB"
        )));
    }
    let mut bytes = start;
    bytes.reserve_exact(declared as usize);
    reader.take(declared).read_to_end(&mut bytes)?;
    Ok(match Elf::parse(&bytes) {
        Ok(elf) => Content::Elf(elf.into()),
        Err(error) => Content::Odd(format!("a damaged ELF file, or not 64-bit: {error}")),
    })
}

fn most_of_a_text(name: &str) -> u64 {
    match name.starts_with(".platform/nginx/") {
        true => MAX_NGINX,
        false => MAX_TEXT,
    }
}

fn is_read_by_the_platform(name: &str) -> bool {
    let folders = [
        ".ebextensions/",
        ".platform/hooks/",
        ".platform/confighooks/",
        ".platform/nginx/",
        "systemd/",
    ];
    let of_agent = name.starts_with("nginx/") && name.ends_with(".conf");
    let single = ["Procfile", layout::SETTINGS_FILE];
    single.contains(&name) || of_agent || folders.iter().any(|folder| name.starts_with(folder))
}
