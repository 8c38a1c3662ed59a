#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;
use crate::dist::toolchain::{Builder, Linker, plain};

const ARM: Target = Target::ArmGnu;

/// Makes a folder with these files in `.cargo`.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".cargo")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(".cargo").join(name), text).unwrap();
    }
    folder
}

/// Returns cargo's configuration for this text and these variables. The variables that name the toolchain are kept.
fn config(config: &str, variables: &[(&str, &str)]) -> CargoConfig {
    let folder = folder(&[("config.toml", config)]);
    let toolchain = env::vars_os().filter(|(name, _)| name == "RUSTC" || name == "CARGO");
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| (name.into(), value.into()));
    let options = ResolveOptions::default().env(toolchain.chain(variables));
    CargoConfig::with(folder.path(), options).unwrap()
}

#[test]
fn a_linker_is_known_from_a_file_or_a_variable() {
    let linker = |file, variables: &[_]| config(file, variables).linker(ARM).unwrap();
    let file = "[target.aarch64-unknown-linux-gnu]\nlinker = 'arm-ld'\n";
    let other = "[target.x86_64-unknown-linux-gnu]\nlinker = 'arm-ld'\n";
    let cfg = "[target.'cfg(target_arch = \"aarch64\")']\nlinker = 'arm-ld'\n";
    let variable = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER";
    assert_eq!(linker(file, &[]), Some("arm-ld".into()));
    assert_eq!(linker(cfg, &[]), Some("arm-ld".into()));
    assert_eq!(linker(file, &[(variable, "ours")]), Some("ours".into()));
    assert_eq!(linker(other, &[]), None);
    assert_eq!(linker("", &[(variable, "")]), None);
}

#[test]
fn a_configured_linker_takes_precedence_over_one_on_path_and_over_the_host_s() {
    for target in [ARM, Target::X86Gnu, Target::X86Musl] {
        let file = format!("[target.{}]\nlinker = 'my-ld'\n", target.triple());
        let builder = plain(target, &config(&file, &[])).unwrap();
        let configured = Linker::Configured("my-ld".into());
        assert_eq!(builder, Builder::Cargo(configured), "{}", target.triple());
    }
}

#[track_caller]
fn included(files: &[(&str, &str)]) -> Result<()> {
    refuse_included_flags(folder(files).path())
}

#[test]
fn flags_in_an_included_file_are_refused_and_the_error_names_the_right_file() {
    for flags in [
        "[build]\nrustflags = ['-Cx']",
        "[target.'cfg(unix)']\nrustflags = '-Cx'",
    ] {
        for list in ["'more.toml'", "{ path = 'more.toml', optional = true }"] {
            let config = format!("include = [{list}]");
            let error = included(&[("config.toml", &config), ("more.toml", flags)]);
            let error = error.unwrap_err().to_string();
            assert!(error.contains(".cargo/more.toml: `dist`"), "{error}");
        }
    }
    let deep = [
        ("config.toml", "include = ['more.toml']"),
        ("more.toml", "include = ['config.toml', 'last.toml']"),
        ("last.toml", "[build]\nrustflags = ''"),
    ];
    included(&deep).unwrap_err();
}

#[test]
fn an_included_file_without_flags_is_accepted() {
    let registry = "[net]\noffline = true\n[build]\njobs = 2\n[target.x]\nlinker = 'ld'";
    let config = "include = ['more.toml', { path = 'gone.toml', optional = true }]";
    included(&[("config.toml", config), ("more.toml", registry)]).unwrap();
    included(&[("config.toml", "[build]\nrustflags = '-Cx'")]).unwrap();
}
