//! Checks that every ELF file fits the platform's processor, dynamic linker and glibc.

use flipless_settings::{Settings, layout};

use super::outcome::Check;
use crate::arch::Arch;
use crate::bundle::elf::Elf;
use crate::bundle::glibc::{FLOOR, GlibcVersion};
use crate::bundle::{Bundle, Content, Entry};

/// The processor of a finished bundle: that of its agent.
pub fn arch_of_agent(bundle: &Bundle) -> Option<Arch> {
    bundle
        .get(&agent())
        .and_then(elf_of)
        .and_then(|(_, elf)| elf.arch)
}

/// The agent's name in the bundle.
fn agent() -> String {
    layout::in_bin(layout::AGENT_BIN)
}

/// Checks all ELF files. Unreadable settings are the finding of another check.
pub fn check(bundle: &Bundle, arch: Option<Arch>, settings: Option<&Settings>) -> Vec<Check> {
    let resolves_names = settings.is_none_or(|all| all.server.resolves_names);
    let elfs: Vec<(&Entry, &Elf)> = bundle.entries.iter().filter_map(elf_of).collect();
    vec![
        present(bundle, settings),
        machine(&elfs, arch),
        interpreter(&elfs),
        glibc(&elfs),
        static_glibc(&elfs, resolves_names),
    ]
}

fn elf_of(entry: &Entry) -> Option<(&Entry, &Elf)> {
    match &entry.content {
        Content::Elf(elf) => Some((entry, elf)),
        _ => None,
    }
}

/// Checks that the agent, the server and the relay exist and are executable. Other files in `bin/` are the user's.
fn present(bundle: &Bundle, settings: Option<&Settings>) -> Check {
    let mut findings = Vec::new();
    let server = settings.map(|all| all.server.program());
    let needed = [layout::AGENT_BIN].into_iter().chain(server);
    for name in needed.map(layout::in_bin) {
        if bundle.get(&name).is_none() {
            findings.push(format!("{name} is missing"));
        }
    }
    let started = [Some(layout::AGENT_BIN), Some(layout::RELAY), server];
    let started = started.into_iter().flatten().map(layout::in_bin);
    for entry in started.filter_map(|name| bundle.get(&name)) {
        let Entry { name, mode, .. } = entry;
        if matches!(
            entry.content,
            Content::Other | Content::Text(_) | Content::Script(_)
        ) {
            findings.push(format!("{name} is not an ELF executable"));
        }
        match mode {
            Some(_) if entry.executable() => {}
            Some(mode) => findings.push(format!(
                "{name} has no exec bit (mode {:04o})",
                mode & 0o7777
            )),
            None => findings.push(format!("{name} has no Unix mode, and so no exec bit")),
        }
    }
    Check::of("executables", findings, "present, with exec bits").with_hint(
        "pack the bundle with `zip` on Linux, which stores Unix modes; some tools, and those on Windows, \
         do not store them",
    )
}

/// Checks that all files are for the processor of the instances.
fn machine(elfs: &[(&Entry, &Elf)], wanted: Option<Arch>) -> Check {
    let name = |arch: Option<Arch>| arch.map_or("another processor", Arch::name);
    let wrong = elfs
        .iter()
        .filter(|(_, elf)| elf.arch.is_none() || elf.arch != wanted);
    let findings = wrong
        .map(|(entry, elf)| {
            let is = name(elf.arch);
            format!(
                "{} is for {is}, but the bundle is for {}",
                entry.name,
                name(wanted)
            )
        })
        .collect();
    Check::of("machine", findings, name(wanted))
}

fn interpreter(elfs: &[(&Entry, &Elf)]) -> Check {
    let findings = elfs
        .iter()
        .filter_map(|(entry, elf)| {
            let (is, wanted) = (elf.interpreter.as_deref()?, elf.arch?.interpreter());
            let name = &entry.name;
            (is != wanted).then(|| format!("{name} needs {is}, but the platform has {wanted}"))
        })
        .collect();
    Check::of("interpreter", findings, "the platform's, or none")
}

fn glibc(elfs: &[(&Entry, &Elf)]) -> Check {
    let floor = GlibcVersion::parse(FLOOR);
    let mut findings = Vec::new();
    for (entry, elf) in elfs {
        let newer = elf
            .glibc
            .iter()
            .filter(|(version, _)| Some(version) > floor.as_ref());
        for (version, symbols) in newer {
            let symbols = if symbols.is_empty() {
                "no symbol".into()
            } else {
                symbols.join(", ")
            };
            findings.push(format!(
                "{} needs {} ({symbols}), but the platform has {FLOOR}",
                entry.name,
                version.name()
            ));
        }
    }
    let newest = elfs
        .iter()
        .filter_map(|(_, elf)| elf.glibc.last())
        .map(|(version, _)| version);
    let fine = newest.max().map_or("none needed".into(), |version| {
        format!("at most {}; the platform has {FLOOR}", version.name())
    });
    Check::of("glibc", findings, fine).with_hint(
        "build against an older glibc: install zig and cargo-zigbuild (`pip install ziglang \
         cargo-zigbuild`), and `cargo xtask dist` will use them; or build a static program: \
         `cargo xtask dist --target x86_64-unknown-linux-musl`",
    )
}

/// Checks for programs with a static glibc. Such a program crashes when it resolves a name with an NSS module
/// other than `files` and `dns`, because the module is loaded into a program that contains another glibc. This
/// was seen with glibc 2.26, 2.31 and 2.34, as SIGABRT or SIGFPE.
fn static_glibc(elfs: &[(&Entry, &Elf)], resolves_names: bool) -> Check {
    if !resolves_names {
        return Check::of(
            "static glibc",
            Vec::new(),
            "allowed: no program resolves names",
        );
    }
    // The agent resolves no names.
    let agent = agent();
    let others = elfs
        .iter()
        .filter(|(entry, elf)| entry.name != agent && elf.static_glibc());
    let findings = others
        .map(|(entry, _)| {
            format!(
                "{} is statically linked with glibc: it crashes when it resolves a name with an NSS \
                 module of the instance",
                entry.name
            )
        })
        .collect();
    Check::of(
        "static glibc",
        findings,
        "none but the agent, which resolves no names",
    )
    .with_hint(
        "link it dynamically (without `-C target-feature=+crt-static`), or statically with musl: \
         `cargo xtask dist --target x86_64-unknown-linux-musl`; if it never resolves a host name, \
         set `[server] resolves-names = false` in flipless.toml",
    )
}
