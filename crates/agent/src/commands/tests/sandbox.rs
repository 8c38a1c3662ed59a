//! A command that systemd starts in a sandbox changes only what its unit lets it change.

use std::path::PathBuf;

use flipless_settings::Config;
use flipless_settings::unit_file;

use super::crash_points::{Act, Prepare, crashing, expired};
use super::first::{expired_in_the_flip, expired_staged};
use super::*;
use crate::commands::{identify, recover};

#[test]
fn a_command_changes_only_what_the_sandbox_of_its_unit_lets_it_change() {
    let cases: [(&str, Prepare, Act); 5] = [
        (layout::IDENTITY, super::image::another, identify::identify),
        (layout::DEADMAN, expired, expire::expire),
        (layout::DEADMAN, expired_staged, expire::expire),
        (layout::DEADMAN, expired_in_the_flip, expire::expire),
        (layout::RECOVER, crashing, recover::recover),
    ];
    for (unit, prepare, act) in cases {
        let writable = writable(unit);
        let instance = prepare();
        instance.model.borrow_mut().changed.clear();
        act(&instance.system).unwrap();
        let changed = std::mem::take(&mut instance.model.borrow_mut().changed);
        assert!(!changed.is_empty(), "{unit}");
        for path in changed {
            let may = writable.iter().any(|folder| path.starts_with(folder));
            assert!(may, "{unit} can't change {}", path.display());
        }
    }
}

/// Returns the `ReadWritePaths=` of a unit in the shipped templates.
fn writable(unit: &str) -> Vec<PathBuf> {
    let folder = flipless_testing::programs::workspace().join("platform-templates");
    let templates = flipless_settings::templates::read_all(&folder).unwrap();
    let tree = flipless_settings::render::platform_tree(&templates, &Config::default()).unwrap();
    let unit = unit_file::parse(&tree[&format!("systemd/{unit}")]);
    let paths = unit_file::values(&unit, "Service", "ReadWritePaths");
    let paths = paths.flat_map(str::split_whitespace);
    paths
        .map(|path| PathBuf::from(path.trim_start_matches('-')))
        .collect()
}
