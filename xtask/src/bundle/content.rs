//! Reads the content of an entry: counts it, hashes it, and keeps the part that the checks need.

use std::io::{self, Read};

use flipless_settings::layout;
use flipless_settings::nginx::{KEEPALIVE, UPSTREAM};

use super::elf::Elf;
use super::entry::{Content, Entry};
use crate::files::Meter;
use crate::ui;

/// The most unpacked bytes of all entries together: eight times EB's size limit of a zip.
const MAX_TOTAL: u64 = 4 << 30;
/// The limits for a kind of text file: the most bytes of one file, and of all files together. Each kind has its own
/// limits, so that a user's many files leave room for the files that flipless needs.
struct Kind {
    one: u64,
    all: u64,
}
/// Files for nginx: a `map` or a `geo` block may list every network.
const NGINX: Kind = Kind {
    one: 32 << 20,
    all: 48 << 20,
};
/// Hooks, the files beside them, and EB's configuration files.
const HOOKS: Kind = Kind {
    one: 1 << 20,
    all: 16 << 20,
};
/// The Procfile, the settings and the units.
const OURS: Kind = Kind {
    one: 1 << 20,
    all: 16 << 20,
};
/// The most bytes of one executable, which is parsed in memory.
const MAX_ELF: u64 = 256 << 20;
/// The most bytes of a script's first line.
const MAX_SCRIPT_LINE: u64 = 256;
/// The most bytes of a link's target (PATH_MAX).
const MAX_LINK: u64 = 4096;

/// The number of bytes of one zip that may still be kept in memory.
pub struct Budget {
    nginx: u64,
    hooks: u64,
    ours: u64,
}

impl Budget {
    /// Returns a budget for entries whose declared sizes have this sum. No entry yields more than its declared
    /// size.
    pub fn for_content(declared: u64) -> Result<Self, String> {
        if declared > MAX_TOTAL {
            let most = MAX_TOTAL >> 30;
            return Err(format!(
                "the entries have {declared} bytes unpacked, but at most {most} GiB are checked"
            ));
        }
        Ok(Self {
            nginx: NGINX.all,
            hooks: HOOKS.all,
            ours: OURS.all,
        })
    }

    /// Returns the kind of the text file with this name, and the bytes that are left for this kind.
    fn of(&mut self, name: &str) -> (Kind, &mut u64) {
        if name.starts_with(".platform/nginx/") {
            (NGINX, &mut self.nginx)
        } else if name.starts_with('.') {
            (HOOKS, &mut self.hooks)
        } else {
            (OURS, &mut self.ours)
        }
    }
}

/// Reads the content up to its declared size.
pub fn read_content(file: &mut impl Read, declared: u64, entry: &mut Entry, budget: &mut Budget) {
    let mut meter = Meter::new(file.take(declared + 1));
    let content = interesting(&mut meter, declared, entry, budget);
    // Reads to the end, where the zip library compares the checksum. The library returns no more than the declared
    // size.
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
        return script(reader, start);
    }
    let (kind, left) = budget.of(&entry.name);
    if declared > kind.one {
        let [size, most] = [declared, kind.one].map(ui::size);
        return Ok(Content::Unchecked(format!(
            "it has {size}, and at most {most} are read"
        )));
    }
    if declared > *left {
        let all = ui::size(kind.all);
        return Ok(Content::Unchecked(format!(
            "the files of this kind have more than {all} together, and the rest is not read"
        )));
    }
    *left -= declared;
    reader.take(declared).read_to_end(&mut start)?;
    Ok(Content::Text(start))
}

/// Reads the first line of a script. The kernel reads no more than 256 bytes of it (BINPRM_BUF_SIZE, execve(2)).
fn script(reader: &mut impl Read, mut start: Vec<u8>) -> io::Result<Content> {
    if !start.starts_with(b"#!") {
        return Ok(Content::Other);
    }
    reader.take(MAX_SCRIPT_LINE).read_to_end(&mut start)?;
    let line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    Ok(Content::Script(String::from_utf8_lossy(line).into_owned()))
}

fn link(reader: &mut impl Read, declared: u64) -> io::Result<Content> {
    let mut target = Vec::new();
    reader.take(MAX_LINK).read_to_end(&mut target)?;
    Ok(match String::from_utf8(target) {
        Ok(target) if declared < MAX_LINK => Content::Link(target),
        Ok(_) => Content::Broken("the link's target is too long".into()),
        Err(_) => Content::Broken("the link's target is not UTF-8".into()),
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
        Err(error) => Content::Odd(format!(
            "a damaged ELF file, or one that is not 64-bit: {error}"
        )),
    })
}

fn is_read_by_the_platform(name: &str) -> bool {
    let folders = [
        ".ebextensions/",
        ".platform/hooks/",
        ".platform/confighooks/",
        ".platform/nginx/",
        "systemd/",
    ];
    let file = name.strip_prefix("nginx/").unwrap_or_default();
    let of_agent = [KEEPALIVE, UPSTREAM].contains(&file);
    let single = ["Procfile", layout::SETTINGS_FILE];
    single.contains(&name) || of_agent || folders.iter().any(|folder| name.starts_with(folder))
}
