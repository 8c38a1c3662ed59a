//! Compares the flags of `dist` with the flags that cargo itself uses.
#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use cargo_config2::ResolveOptions;

use super::*;
use crate::roots::Roots;

const SEPARATOR: char = '\u{1f}';
const ADDED: &str = "--remap-path-prefix=/a b=/c";

/// Writes cargo's flags for the target to the file `flags` in the package
/// (<https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-build-scripts>).
const BUILD_SCRIPT: &str = r#"fn main() {
    println!("cargo::rerun-if-changed=never there");
    std::fs::write("flags", std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap()).unwrap();
}"#;

fn target() -> Target {
    match std::env::consts::ARCH {
        "aarch64" => Target::ArmGnu,
        _ => Target::X86Gnu,
    }
}

/// Makes a package with this configuration of cargo.
fn package(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "Cargo.toml",
        "[package]\nname = 'probe'\nedition = '2024'\n",
    );
    write("src/lib.rs", "");
    write("build.rs", BUILD_SCRIPT);
    let config = config.replace("TRIPLE", target().triple());
    write(".cargo/config.toml", &config);
    folder
}

/// Sets these variables, and removes all others that contain flags.
fn environment(command: &mut Command, variables: &[(String, &str)]) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| brings_flags(name)) {
        command.env_remove(name);
    }
    command.envs(variables.iter().cloned());
}

fn brings_flags(name: &OsStr) -> bool {
    name.to_string_lossy().ends_with("RUSTFLAGS")
}

/// The flags that cargo uses for its target.
fn flags_of(cargo: &mut Command, folder: &Path) -> Vec<String> {
    let options = ["check", "--quiet", "--offline", "--target"];
    let cargo = cargo.args(options).arg(target().triple());
    // This must differ from the target directory of the tests.
    cargo.env("CARGO_TARGET_DIR", folder.join("target"));
    tools::output(cargo.current_dir(folder)).unwrap();
    let flags = fs::read_to_string(folder.join("flags")).unwrap();
    let flags = flags.split(SEPARATOR).filter(|flag| !flag.is_empty());
    flags.map(str::to_owned).collect()
}

/// Asserts that cargo uses the expected flags with this configuration and these variables. Then adds our flags, and
/// asserts that cargo uses the same flags, followed by ours.
#[track_caller]
fn assert_kept(config: &str, variables: &[(&str, &str)], expected: &[&str]) {
    let package = package(config);
    let upper = target().triple().replace('-', "_").to_uppercase();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.replace("TRIPLE", &upper), *value))
        .collect();
    let mut plain = tools::cargo();
    environment(&mut plain, &variables);
    let mut users = flags_of(&mut plain, package.path());
    assert_eq!(users, expected, "cargo alone");

    let seen = std::env::vars_os().filter(|(name, _)| !brings_flags(name));
    let variables_too = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let options = ResolveOptions::default().env(seen.chain(variables_too));
    let config = CargoConfig::with(package.path(), options).unwrap();
    let mut cargo = tools::cargo();
    environment(&mut cargo, &variables);
    add(&mut cargo, &config, target(), &[ADDED.into()]).unwrap();
    users.push(ADDED.into());
    assert_eq!(flags_of(&mut cargo, package.path()), users, "with ours");
}

const BUILD: &str = "[build]\nrustflags = ['--cfg=build', '--cfg=s=\"a b\"']\n";
const TRIPLE: &str = "[target.TRIPLE]\nrustflags = '--cfg=triple'\n";
const CFG: &str = "[target.'cfg(unix)']\nrustflags = ['--cfg=unix_too']\n";

#[test]
fn nothing_is_added_to_nothing() {
    assert_kept("", &[], &[]);
}

#[test]
fn the_flags_of_every_build_are_kept() {
    assert_kept(BUILD, &[], &["--cfg=build", "--cfg=s=\"a b\""]);
    let variable = ("CARGO_BUILD_RUSTFLAGS", "--cfg=x  --cfg=y");
    assert_kept("", &[variable], &["--cfg=x", "--cfg=y"]);
}

#[test]
fn the_flags_of_the_target_are_kept_and_replace_those_of_every_build() {
    let all = format!("{BUILD}{TRIPLE}{CFG}");
    assert_kept(&all, &[], &["--cfg=triple", "--cfg=unix_too"]);
    let variable = ("CARGO_TARGET_TRIPLE_RUSTFLAGS", "--cfg=variable");
    let expected = ["--cfg=triple", "--cfg=variable", "--cfg=unix_too"];
    assert_kept(&all, &[variable], &expected);
}

#[test]
fn a_variable_replaces_the_configuration_even_if_it_is_empty() {
    let all = format!("{BUILD}{TRIPLE}{CFG}");
    assert_kept(&all, &[("RUSTFLAGS", "--cfg=x")], &["--cfg=x"]);
    assert_kept(&all, &[("RUSTFLAGS", "")], &[]);
    let encoded = ("CARGO_ENCODED_RUSTFLAGS", "--cfg=a=\"b c\"\u{1f}--cfg=d");
    let both = [("RUSTFLAGS", "--cfg=x"), encoded];
    assert_kept(&all, &both, &["--cfg=a=\"b c\"", "--cfg=d"]);
}

#[test]
fn a_flag_with_the_separator_in_it_is_an_error() {
    let package = package("");
    let config = CargoConfig::load(package.path()).unwrap();
    let flags = ["a\u{1f}b".to_owned()];
    add(&mut tools::cargo(), &config, target(), &flags).unwrap_err();
}

/// If the flags differed, cargo would compile the agent and the relay again for each project.
#[test]
fn our_own_programs_have_the_same_flags_for_a_server_in_any_project() {
    let roots = Roots::of_flipless();
    let here = Project::load(&roots, None).unwrap();
    let example = here.root.join("examples/own-port");
    let elsewhere = Project::load(&roots, Some(&example.join("flipless.toml"))).unwrap();
    assert_eq!(of_own(&elsewhere).unwrap(), of_own(&here).unwrap());
    let server = of_server(&elsewhere).unwrap();
    let replaced = format!("--remap-path-prefix={}=/server", example.display());
    assert!(server.contains(&replaced), "{server:?}");
}

#[test]
fn a_processor_that_some_instances_lack_is_warned_about() {
    for (flags, expected) in [
        (vec!["-C", "target-cpu=native"], Some("native")),
        (vec!["-Ctarget-cpu=x86-64-v4"], Some("x86-64-v4")),
        (vec!["-Ctarget-cpu=native", "-Ctarget-cpu=x86-64-v2"], None),
        (vec!["-C", "target-feature=+aes"], None),
    ] {
        let flags: Vec<String> = flags.into_iter().map(Into::into).collect();
        let warning = processor(flags.iter());
        assert_eq!(warning.is_some(), expected.is_some(), "{flags:?}");
        let name = expected.unwrap_or_default();
        assert!(warning.unwrap_or_default().contains(name), "{flags:?}");
    }
}
