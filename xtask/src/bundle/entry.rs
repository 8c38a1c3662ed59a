//! One file (or folder) of a zip.

use super::elf::Elf;
use super::zip_header::ZipHeader;

/// One file (or folder) of the zip.
#[derive(Debug, Default)]
pub struct Entry {
    /// The name; what is not UTF-8 in it is replaced, and `utf8` is false.
    pub name: String,
    /// The name is UTF-8, and every tool reads it as that.
    pub utf8: bool,
    /// The Unix mode, with the file type; none if the zip has none.
    pub mode: Option<u32>,
    /// Ends in `/`.
    pub folder: bool,
    /// Something that `unzip` can't do: a method other than stored or deflated, encryption.
    pub unusual: Option<String>,
    /// Bytes, unpacked: counted, not believed.
    pub bytes: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
    /// What is in it, as far as a check wants to know.
    pub content: Content,
}

/// The file type in a Unix mode (inode(7)), for a link.
const LINK: u32 = 0o120_000;

impl Entry {
    /// The content, if it is a text that a check reads.
    pub fn text(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// May its owner execute it?
    pub fn executable(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o100 != 0)
    }

    /// The file type in its mode; 0 if the zip says none.
    pub fn file_type(&self) -> u32 {
        self.mode.unwrap_or(0) & 0o170_000
    }

    /// A symbolic link; its target is its content.
    pub fn is_link(&self) -> bool {
        self.file_type() == LINK
    }

    /// Without its content.
    pub fn new(header: &ZipHeader) -> Self {
        let name = String::from_utf8_lossy(&header.name).into_owned();
        // Bit 11: the name is UTF-8. Without it, tools take other bytes than ASCII for CP437.
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

/// What is beyond Info-ZIP's `unzip`, or beyond us.
fn unusual(header: &ZipHeader) -> Option<String> {
    // Bits 1 and 2 are the deflater's level, 3 says "streamed", 11 "UTF-8".
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
    /// Of no interest.
    #[default]
    Other,
    /// A file that EB, systemd or nginx reads.
    Text(Vec<u8>),
    /// An executable or library.
    Elf(Box<Elf>),
    /// A symbolic link's target.
    Link(String),
    /// It could not be read, and why.
    Broken(String),
}
