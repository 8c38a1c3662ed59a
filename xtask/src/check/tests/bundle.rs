//! A good bundle in memory, in which a test breaks one thing.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::elf_files::{X86_64, program};
use crate::arch::Arch;
use flipless_settings::{Config, render, templates};

use crate::bundle::Bundle;
use crate::check::{Check, without_programs};
use crate::roots::Roots;

pub const STAGE: &str = ".platform/hooks/predeploy/~flipless-stage.sh";
pub const COMMIT: &str = ".platform/confighooks/postdeploy/!flipless-commit.sh";
pub const EXPECTED: Option<Arch> = Some(Arch::X86_64);

/// A zip's entries: name, mode, content.
#[derive(Clone)]
pub struct Zip(pub Vec<(String, u32, Vec<u8>)>);

impl Zip {
    /// The rendered templates, the agent and the server.
    pub fn good() -> Self {
        let server = |zip: Self| zip.with("bin/server", 0o755, &program(X86_64));
        server(Self::rendered(&Config::default()))
    }

    /// A bundle with the agent, the relay, and the templates for a server that is started by a command line.
    pub fn of_command(line: &str) -> Self {
        let config = format!("[server]\ncommand = '{line}'\n");
        let config = Config::parse(&config, "flipless.toml".as_ref()).unwrap();
        Self::rendered(&config).with("bin/flipless-relay", 0o755, &program(X86_64))
    }

    fn rendered(config: &Config) -> Self {
        let templates =
            templates::read_all(&Roots::of_flipless().flipless.join("platform-templates")).unwrap();
        let rendered = render::platform_tree(&templates, config).unwrap();
        let mut zip = Self(Vec::new()).with("bin/flipless", 0o755, &program(X86_64));
        for (name, text) in rendered {
            let hook = name.ends_with(".sh");
            zip = zip.with(&name, if hook { 0o755 } else { 0o644 }, text.as_bytes());
        }
        zip
    }

    /// Adds an entry, or replaces the entry of this name.
    pub fn with(self, name: &str, mode: u32, content: &[u8]) -> Self {
        let mut zip = self.without(name);
        zip.0.push((name.into(), mode, content.into()));
        zip
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(other, ..)| other != name);
        self
    }

    /// Changes one thing in one of the texts.
    pub fn edit(mut self, name: &str, from: &str, to: &str) -> Self {
        let entry = self.0.iter_mut().find(|(other, ..)| other == name).unwrap();
        let text = String::from_utf8(entry.2.clone()).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        entry.2 = text.replacen(from, to, 1).into();
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.write(ZipWriter::new(Cursor::new(Vec::new())))
            .into_inner()
    }

    /// The zip as a packer writes it into a pipe: sizes and checksums follow the data.
    pub fn streamed(&self) -> Vec<u8> {
        let stream = ZipWriter::new_stream(Vec::new());
        self.write(stream).into_inner()
    }

    fn write<W: Write + std::io::Seek>(&self, mut writer: ZipWriter<W>) -> W {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, mode, content) in &self.0 {
            let options = stored.unix_permissions(*mode);
            match (mode & 0o170_000, name.strip_suffix('/')) {
                (0o120_000, _) => {
                    let target = std::str::from_utf8(content).unwrap();
                    writer.add_symlink(name.as_str(), target, options).unwrap();
                }
                (_, Some(folder)) => writer.add_directory(folder, options).unwrap(),
                (_, None) => {
                    writer.start_file(name.as_str(), options).unwrap();
                    writer.write_all(content).unwrap();
                }
            }
        }
        writer.finish().unwrap()
    }
}

pub fn open(bytes: &[u8]) -> Bundle {
    Bundle::read(Cursor::new(bytes), bytes.len() as u64)
}

/// The failed checks among those that run no other program.
pub fn failed(bytes: &[u8]) -> Vec<Check> {
    let mut checks = without_programs(&open(bytes), EXPECTED);
    checks.retain(Check::failed);
    checks
}

/// Asserts that only this check fails, and that its detail contains this text.
#[track_caller]
pub fn assert_fails(bytes: &[u8], name: &str, detail: &str) {
    let failed = failed(bytes);
    let names: Vec<_> = failed.iter().map(|check| check.name).collect();
    assert_eq!(names, [name], "{failed:#?}");
    assert!(failed[0].detail.contains(detail), "{failed:#?}");
}

/// The warnings about a bundle that passes.
#[track_caller]
pub fn warned(zip: &Zip) -> Vec<String> {
    assert_eq!(failed(&zip.bytes()), []);
    let checks = without_programs(&open(&zip.bytes()), EXPECTED);
    checks.iter().flat_map(Check::remarks).collect()
}
