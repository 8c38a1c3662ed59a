//! Checks that the ELF files fit the platform's processor, dynamic linker and glibc.

use std::collections::BTreeSet;

use flipless_settings::{Settings, layout};

use super::elf_files::{Program, elf_of, judged, programs};
use super::outcome::Check;
use super::{libraries, procfile, started};
use crate::arch::Arch;
use crate::bundle::glibc::{FLOOR, GlibcVersion};
use crate::bundle::{Bundle, Content, Entry};

/// Returns the processor of a finished bundle: its agent's processor.
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

/// Checks all ELF files. If the settings are unreadable, `settings` is `None`, and another check reports the reason.
pub fn check(bundle: &Bundle, arch: Option<Arch>, settings: Option<&Settings>) -> Vec<Check> {
    let resolves_names = settings.is_none_or(|all| all.server.resolves_names);
    let started = started::names(bundle, settings);
    let programs = programs(bundle, &started);
    let mut checks = vec![
        present(bundle, settings, &started),
        machine(&programs, arch),
        interpreter(&programs),
        glibc(&programs),
        static_glibc(&programs, resolves_names),
    ];
    checks.extend(libraries::check(bundle, &programs));
    checks
}

/// Checks that flipless's programs and the server exist and are executable. Other files in `bin/` are the user's.
fn present(bundle: &Bundle, settings: Option<&Settings>, started: &BTreeSet<&str>) -> Check {
    let mut findings = Vec::new();
    let server = settings.map(|all| all.server.program());
    let certificates = settings.is_some_and(|all| all.https.needs_authority());
    let certificates = certificates.then_some(layout::CERTIFICATES_BIN);
    let needed = [layout::AGENT_BIN].into_iter();
    let needed = needed.chain(server).chain(certificates);
    for name in needed.map(layout::in_bin) {
        if bundle.get(&name).is_none() {
            findings.push(format!("{name} is missing"));
        }
    }
    let mut warnings = Vec::new();
    match settings.and_then(started::by_command) {
        // A hook or a build command may make the program.
        Some(name) if bundle.get(name).is_none() => match started::may_install(bundle) {
            true => warnings.push(format!(
                "{name} is missing, and `[server] command` starts it"
            )),
            false => findings.push(format!(
                "{name} is missing, and `[server] command` starts it"
            )),
        },
        name => findings.extend(name.and_then(|name| procfile::no_exec_bit(bundle.get(name)?))),
    }
    for entry in started.iter().filter_map(|name| bundle.get(name)) {
        if let Content::Odd(why) = &entry.content {
            findings.push(format!("{} is {why}", entry.name));
        }
    }
    let ours = [
        Some(layout::AGENT_BIN),
        Some(layout::RELAY),
        Some(layout::CERTIFICATES_BIN),
        server,
    ];
    let ours = ours.into_iter().flatten().map(layout::in_bin);
    for entry in ours.filter_map(|name| bundle.get(&name)) {
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
    let check = Check::of("executables", findings, "present, with exec bits");
    check.with_warnings(&warnings).with_hint(
        "pack the bundle with `zip` on Linux, which stores Unix modes; some tools, and those on Windows, \
         do not store them",
    )
}

/// Checks that the programs are for the processor of the instances.
fn machine(programs: &[Program], wanted: Option<Arch>) -> Check {
    let name = |arch: Option<Arch>| arch.map_or("another processor", Arch::name);
    judged("machine", programs, name(wanted), |program| {
        let (is, path) = (program.elf.arch, &program.entry.name);
        let wrong = is.is_none() || is != wanted;
        let (is, wanted) = (name(is), name(wanted));
        wrong.then(|| format!("{path} is for {is}, but the bundle is for {wanted}"))
    })
}

fn interpreter(programs: &[Program]) -> Check {
    let fine = "the platform's, or none";
    judged("interpreter", programs, fine, |program| {
        let elf = program.elf;
        let (is, wanted) = (elf.interpreter.as_deref()?, elf.arch?.interpreter());
        let name = &program.entry.name;
        (is != wanted).then(|| format!("{name} needs {is}, but the platform has {wanted}"))
    })
}

fn glibc(programs: &[Program]) -> Check {
    let newest = programs
        .iter()
        .filter_map(|program| program.elf.glibc.last());
    let newest = newest.map(|(version, _)| version).max();
    let fine = newest.map_or("none needed".into(), |version| {
        format!("at most {}; the platform has {FLOOR}", version.name())
    });
    judged("glibc", programs, fine, newer_glibc).with_hint(
        "build against an older glibc: install zig and cargo-zigbuild (`pip install ziglang \
         cargo-zigbuild`), and `cargo xtask dist` will use them; or build a static program: \
         `cargo xtask dist --target x86_64-unknown-linux-musl`",
    )
}

/// A finding for each version of glibc that the program needs and the platform lacks.
fn newer_glibc(program: &Program) -> Vec<String> {
    let floor = GlibcVersion::parse(FLOOR);
    let needed = program.elf.glibc.iter();
    let newer = needed.filter(|(version, _)| Some(version) > floor.as_ref());
    let finding = |(version, symbols): &(GlibcVersion, Vec<String>)| {
        let symbols = match symbols.is_empty() {
            true => "no symbol".into(),
            false => symbols.join(", "),
        };
        let (path, version) = (&program.entry.name, version.name());
        format!("{path} needs {version} ({symbols}), but the platform has {FLOOR}")
    };
    newer.map(finding).collect()
}

/// Checks for programs with a static glibc. Such a program crashes when it resolves a name with an NSS module other
/// than `files` and `dns`, because the module is loaded into a program that contains another glibc. The crash, with
/// SIGABRT or SIGFPE, was seen with glibc 2.26, 2.31 and 2.34.
fn static_glibc(programs: &[Program], resolves_names: bool) -> Check {
    if !resolves_names {
        return Check::of(
            "static glibc",
            Vec::new(),
            "allowed: no program resolves names",
        );
    }
    // The agent resolves no names.
    let agent = agent();
    let fine = "none but the agent, which resolves no names";
    judged("static glibc", programs, fine, |program| {
        let name = &program.entry.name;
        let crashes = *name != agent && program.elf.static_glibc();
        crashes.then(|| {
            format!(
                "{name} is statically linked with glibc: it crashes when it resolves a name with an NSS \
                 module of the instance"
            )
        })
    })
    .with_hint(
        "link it dynamically (without `-C target-feature=+crt-static`), or statically with musl: \
         `cargo xtask dist --target x86_64-unknown-linux-musl`; if it never resolves a host name, \
         set `[server] resolves-names = false` in flipless.toml",
    )
}
