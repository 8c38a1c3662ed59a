//! The programs that EB and flipless start. If one of these programs has a fault, it fails on the instance. Other
//! executables may be for other machines: downloads for users, or prebuilt modules for many platforms.

use std::collections::BTreeSet;

use flipless_settings::procfile::program_in_bundle;
use flipless_settings::{Settings, layout};

use super::{hooks, procfile};
use crate::bundle::Bundle;

/// Returns the names of those programs in the bundle that EB or flipless starts.
pub fn names<'a>(bundle: &'a Bundle, settings: Option<&Settings>) -> BTreeSet<&'a str> {
    let server = settings.map(|all| all.server.bin.as_str());
    let ours = [
        Some(layout::AGENT_BIN),
        Some(layout::RELAY),
        Some(layout::CERTIFICATES_BIN),
        server,
    ];
    let ours = ours.into_iter().flatten().map(layout::in_bin);
    let by_eb = procfile::programs(bundle).map(str::to_owned);
    let by_relay = settings.and_then(by_command).map(str::to_owned);
    let named: BTreeSet<String> = ours.chain(by_eb).chain(by_relay).collect();
    let entries = bundle.entries.iter();
    // Without readable settings the server's name is unknown.
    let may_be_server = |name: &str| settings.is_none() && name.starts_with("bin/");
    let started = entries.filter(|entry| {
        named.contains(&entry.name) || may_be_server(&entry.name) || hooks::is_hook(entry)
    });
    started.map(|entry| entry.name.as_str()).collect()
}

/// The name of the program that the relay starts with `[server] command`, if the bundle has to contain this
/// program.
pub fn by_command(settings: &Settings) -> Option<&str> {
    program_in_bundle(settings.server.command.as_deref()?)
}

/// Whether the bundle may install files that are not in the zip: by a hook, a configuration file of EB, or a build
/// command. flipless's own files bring none.
pub fn may_install(bundle: &Bundle) -> bool {
    bundle.entries.iter().any(|entry| {
        let configures = flipless_settings::ebextensions::is_config_file(&entry.name)
            && !OUR_CONFIGURATIONS.contains(&entry.name.as_str());
        let runs = hooks::is_hook(entry) && !hooks::is_ours(&entry.name);
        configures || runs || entry.name == "Buildfile"
    })
}

/// The configuration file that `dist` always adds.
pub const OUR_CONFIGURATION: &str = ".ebextensions/flipless.config";
/// The configuration files that `dist` may add. The second file opens the port of `[https]`.
const OUR_CONFIGURATIONS: [&str; 2] = [OUR_CONFIGURATION, ".ebextensions/flipless-https.config"];
