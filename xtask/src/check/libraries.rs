//! Checks the shared libraries, their symbol versions and the processor that the ELF files need.

use std::collections::BTreeSet;

use super::elf_files::{Program, judged};
use super::outcome::Check;
use super::started::may_install;
use crate::bundle::Bundle;

/// The libraries of every instance, one per line.
const PRESENT: &str = include_str!("libraries.txt");

/// The newest symbol version of each family on Amazon Linux 2023 (gcc 11.5, OpenSSL 3.2), with the library that
/// defines it.
const NEWEST: [(&str, &str, &str); 4] = [
    ("GLIBCXX_", "3.4.29", "libstdc++.so.6"),
    ("CXXABI_", "1.3.13", "libstdc++.so.6"),
    ("GCC_", "11.0", "libgcc_s.so.1"),
    ("OPENSSL_", "3.2.0", "libssl.so.3"),
];

/// Levels of x86-64 above the platform's own, and examples of instance types that lack them.
const LEVELS: [(u32, &str, &str); 2] = [
    (1 << 2, "x86-64-v3 (AVX2)", "c3, m3 and r3"),
    (1 << 3, "x86-64-v4 (AVX-512)", "t2, t3a, m4, m5a and m6a"),
];

/// Checks the libraries, the symbol versions and the processor features.
pub fn check(bundle: &Bundle, programs: &[Program]) -> [Check; 3] {
    let shipped: BTreeSet<&str> = bundle
        .entries
        .iter()
        .filter_map(|entry| entry.name.rsplit('/').next())
        .collect();
    [
        libraries(bundle, programs, &shipped),
        versions(programs, &shipped),
        processor(programs),
    ]
}

fn present() -> impl Iterator<Item = &'static str> {
    PRESENT.lines().filter(|line| !line.starts_with('#'))
}

/// Checks the needed libraries. If the platform has a library in another version only, the needed version is
/// certainly missing, unless the bundle may install it. Any other unknown library may be on the instance.
fn libraries(bundle: &Bundle, programs: &[Program], shipped: &BTreeSet<&str>) -> Check {
    let known: BTreeSet<&str> = present().collect();
    let unknown = |program: &Program| -> Vec<String> {
        let needed = program.elf.libraries.iter();
        let base = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let missing = needed.filter(|name| {
            let name = base(name);
            !known.contains(name.as_str()) && !shipped.contains(name.as_str())
        });
        missing.cloned().collect()
    };
    let may_install = may_install(bundle);
    let certain = |name: &str| !may_install && other_version(name).is_some();
    let fine = "all are on the instance or in the bundle";
    let check = judged("libraries", programs, fine, |program| {
        let names = unknown(program).into_iter();
        let names = names.filter(|name| !program.started || certain(name));
        let finding = |name: String| missing(&program.entry.name, &name);
        names.map(finding).collect::<Vec<_>>()
    });
    let started = programs.iter().filter(|program| program.started);
    let uncertain = started.flat_map(|program| {
        let names = unknown(program).into_iter();
        let names = names.filter(|name| !certain(name));
        let finding = |name: String| missing(&program.entry.name, &name);
        names.map(finding).collect::<Vec<_>>()
    });
    let warnings: Vec<String> = uncertain.chain(check.warnings.iter().cloned()).collect();
    check.with_warnings(&warnings).with_hint(
        "link the library statically; or ship it in the bundle and set a RUNPATH such as \
         `-C link-arg=-Wl,-rpath,$ORIGIN/../lib`; or install it in a prebuild hook, on each deployment",
    )
}

fn missing(program: &str, library: &str) -> String {
    match other_version(library) {
        Some(other) => format!("{program} needs {library}, but Amazon Linux 2023 has {other}"),
        None => format!("{program} needs {library}, which may be missing on Amazon Linux 2023"),
    }
}

/// The platform's library of the same name with another version: `libssl.so.3` for `libssl.so.1.1`.
fn other_version(library: &str) -> Option<&'static str> {
    let (stem, _) = library.rsplit('/').next()?.split_once(".so")?;
    let same = |other: &&str| {
        let rest = other.strip_prefix(stem);
        rest.is_some_and(|rest| rest.starts_with(".so"))
    };
    // musl's C library is `libc.musl-ARCH.so.1`; the platform's is glibc.
    match library.starts_with("libc.musl") {
        true => Some("libc.so.6"),
        false => present().find(same),
    }
}

fn versions(programs: &[Program], shipped: &BTreeSet<&str>) -> Check {
    let fine = "none newer than the platform's";
    judged("symbol versions", programs, fine, |program| {
        let needed = program.elf.versions.iter();
        let findings = needed.filter_map(|version| {
            let (family, newest, library) = NEWEST
                .iter()
                .find(|(family, ..)| version.starts_with(family))?;
            let newer = numbers(&version[family.len()..])? > numbers(newest)?;
            let name = &program.entry.name;
            let finding = || {
                format!("{name} needs {version}, but {library} of Amazon Linux 2023 has at most {family}{newest}")
            };
            (newer && !shipped.contains(library)).then(finding)
        });
        findings.collect::<BTreeSet<_>>()
    })
    .with_hint(
        "build with gcc 11 or on Amazon Linux 2023 itself, for example in its container image; or link the \
         library statically (`-static-libstdc++ -static-libgcc`)",
    )
}

/// The numbers of a version; `None` if a part is not a number, as in `CXXABI_FLOAT128`.
fn numbers(version: &str) -> Option<Vec<u32>> {
    let parts = version.split(['.', '_']);
    parts.map(|part| part.parse().ok()).collect()
}

/// Warns about levels that some instance types lack. On such an instance the dynamic linker refuses to start the
/// program (glibc's NEWS, 2.33).
fn processor(programs: &[Program]) -> Check {
    let mut warnings = Vec::new();
    for program in programs {
        let name = &program.entry.name;
        let needed = LEVELS
            .iter()
            .rfind(|(bit, ..)| program.elf.levels & bit != 0);
        warnings.extend(needed.map(|(_, level, without)| {
            format!("{name} needs {level}, which instance types such as {without} lack")
        }));
    }
    Check::of(
        "processor",
        Vec::new(),
        "no level above x86-64-v2 is marked",
    )
    .with_warnings(&warnings)
    .with_hint("compile for `x86-64-v2`, or choose an instance type that has these features")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_of_a_library_is_the_platform_s() {
        for (library, other) in [
            ("libssl.so.1.1", Some("libssl.so.3")),
            ("libcrypt.so.1", Some("libcrypt.so.2")),
            ("libc.musl-x86_64.so.1", Some("libc.so.6")),
            ("libpq.so.5", None),
            ("libsslx.so.3", None),
            ("x", None),
        ] {
            assert_eq!(other_version(library), other, "{library}");
        }
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(numbers("3.4.30") > numbers("3.4.9"));
        assert!(numbers("1_1_0") < numbers("3.2.0"));
        assert_eq!(numbers("FLOAT128"), None);
        assert_eq!(numbers("1_1_0f"), None);
    }
}
