//! Links in a bundle to paths outside of the bundle. Every release keeps these links, and no command follows them.

use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use flipless_settings::layout::RELEASES;

/// A link's name in the bundle, and its target.
const LINKS: [(&str, &str); 4] = [
    ("media", "/mnt/efs"),
    ("public/key", "/mnt/efs/key"),
    ("shared", "../shared"),
    ("bin/far", "../../../../mnt/efs"),
];

#[test]
fn a_release_keeps_links_out_of_the_bundle_and_no_command_follows_them() {
    in_each_mode(|| {
        let instance = Instance::new();
        let system = &instance.system;
        system.write("/mnt/efs/key", b"secret", 0o600).unwrap();
        let before = system.locate("/mnt/efs/key").metadata().unwrap();
        system.make_folder(format!("{BUNDLE}/public")).unwrap();
        for (name, target) in LINKS {
            symlink(target, system.locate(format!("{BUNDLE}/{name}"))).unwrap();
        }
        for version in ["v1", "v2", "v3", "v4", "v5"] {
            deploy(&instance, version);
            instance.let_drain();
            let release = state(&instance).current.unwrap().release;
            for (name, target) in LINKS {
                let copied = system.link_target(format!("{RELEASES}/{release}/app/{name}"));
                assert_eq!(copied.unwrap(), std::path::Path::new(target), "{name}");
            }
        }
        uninstall::uninstall(system).unwrap();
        let after = system.locate("/mnt/efs/key").metadata().unwrap();
        assert_eq!((after.ino(), after.mode()), (before.ino(), before.mode()));
        assert_eq!(system.read("/mnt/efs/key").unwrap().unwrap(), b"secret");
    });
}

#[test]
fn a_file_that_the_agent_reads_may_be_no_link() {
    for name in [
        layout::SETTINGS_FILE.to_owned(),
        format!("systemd/{}", layout::APP_TEMPLATE),
    ] {
        let instance = deployed("v1");
        let old = current_unit(&instance);
        let path = instance.system.locate(format!("{BUNDLE}/{name}"));
        let place = instance.system.locate("/mnt/efs/file");
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::rename(&path, &place).unwrap();
        symlink(&place, &path).unwrap();
        let error = format!("{:#}", stage_version(&instance, "v2").unwrap_err());
        assert!(error.contains("link"), "{name}: {error}");
        assert_eq!(instance.serving(), [old]);
    }
}
