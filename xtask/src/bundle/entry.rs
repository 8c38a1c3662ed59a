//! One entry of a zip: a file, a folder or a link.

use super::elf::Elf;
use super::zip_header::ZipHeader;

/// One entry of the zip: a file, a folder or a link.
#[derive(Debug, Default)]
pub struct Entry {
    /// The name. If it is not UTF-8, the invalid bytes are replaced and `utf8` is false.
    pub name: String,
    /// Whether the name is UTF-8, and every tool reads it as UTF-8.
    pub utf8: bool,
    /// The Unix mode with the file type; none if the zip contains no Unix modes.
    pub mode: Option<u32>,
    /// Whether the name ends in `/`.
    pub folder: bool,
    /// A property that `unzip` does not support: encryption, or a method other than stored or deflated.
    pub unusual: Option<String>,
    /// The unpacked size, counted from the content.
    pub bytes: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
    /// The content, as far as the checks need it.
    pub content: Content,
}

/// The file type in a Unix mode (inode(7)), for a link.
const LINK: u32 = 0o120_000;

impl Entry {
    /// The content, if it is a text that the checks read.
    pub fn text(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether its owner may execute it.
    pub fn executable(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o100 != 0)
    }

    /// The file type in its mode; 0 if the zip contains none.
    pub fn file_type(&self) -> u32 {
        self.mode.unwrap_or(0) & 0o170_000
    }

    /// Whether it is a symbolic link. Its content is then its target.
    pub fn is_link(&self) -> bool {
        self.file_type() == LINK
    }

    /// Makes an entry without its content.
    pub fn new(header: &ZipHeader) -> Self {
        let name = String::from_utf8_lossy(&header.name).into_owned();
        // Bit 11 means that the name is UTF-8. Without it, tools read non-ASCII bytes as CP437.
        let declared = header.flags & (1 << 11) != 0 || name.is_ascii();
        Self {
            utf8: declared && std::str::from_utf8(&header.name).is_ok(),
            mode: header.mode,
            folder: name.ends_with('/'),
            unusual: unusual(header),
            name,
            ..Self::default()
        }
    }
}

/// A property that neither Info-ZIP's `unzip` nor this check supports.
fn unusual(header: &ZipHeader) -> Option<String> {
    // Bits 1 and 2 are the level of compression, bit 3 means "streamed", and bit 11 means "UTF-8".
    let known = 0b1000_0000_1110;
    match (header.method, header.flags) {
        (_, flags) if flags & 1 != 0 => Some("encrypted".into()),
        (0 | 8, flags) if flags & !known != 0 => Some(format!("flagged as {flags:#06x}")),
        (0 | 8, _) => None,
        (method, _) => Some(format!("compressed by method {method}")),
    }
}

/// The content of an entry.
#[derive(Debug, Default)]
pub enum Content {
    /// Content that no check needs.
    #[default]
    Other,
    /// A file that EB, systemd or nginx reads.
    Text(Vec<u8>),
    /// The first line of a script that EB, systemd and nginx do not read.
    Script(String),
    /// An executable or library.
    Elf(Box<Elf>),
    /// A symbolic link's target.
    Link(String),
    /// An ELF file that no instance can execute; the text is the reason.
    Odd(String),
    /// The platform may read it, but it is too large for the checks; the text is the reason.
    Unchecked(String),
    /// It could not be read; the text is the reason.
    Broken(String),
}
